"""From a configuration to a model."""

from torch import nn

from vdn.errors import ConfigError
from vdn.model import VDN
from vdn.networks import CBDNet, DnCNN, FFDNet, KNet
from vdn.networks.light import LightDNet, LightSNet, UNetSNet
from vdn.networks.paper import DNet, SNet
from vdn.training.config import Network

__all__ = ["build_model", "build_vdn"]


def build_model(network: Network, *, end_to_end: bool = False) -> nn.Module:
    """The untrained model a `Network` section describes.

    Parameters
    ----------
    network : Network
        The section.
    end_to_end : bool
        See `vdn.model.VDN`; the other families know no other way.

    Returns
    -------
    nn.Module
        ``model(noisy)``, or ``model(noisy, sigma=map)`` where it can be given the noise, gives an
        object with ``mean``, ``sigma`` and ``error``, the last two perhaps None.

    Examples
    --------
    >>> model = build_model(Network(family="dncnn", channels=1))
    >>> sum(p.numel() for p in model.parameters())
    665921
    """
    width, depth = network.width, network.depth
    if network.family == "dncnn":
        return DnCNN(network.channels, depth or 20, width or 64, network.batch_norm)
    if network.family == "ffdnet":
        return FFDNet(network.channels, depth or None, width or None)
    if network.family == "cbdnet":
        return CBDNet(network.channels, width or 64)
    return build_vdn(network, end_to_end=end_to_end)


def build_vdn(network: Network, *, end_to_end: bool = False) -> VDN:
    """The untrained variational model of the families ``light`` and ``paper``.

    Raises
    ------
    ConfigError
        For another family.

    Examples
    --------
    >>> model = build_vdn(Network(family="paper", channels=1))
    >>> sum(p.numel() for p in model.parameters())
    7809860
    """
    if network.family == "paper":
        return VDN(DNet(network.channels), SNet(network.channels), conditioned=False)
    if network.family != "light":
        raise ConfigError(
            f"network.family is {network.family!r}; only 'light' and 'paper' are variational"
        )
    dnet = LightDNet(
        network.channels,
        network.widths,
        network.blocks,
        network.error_width,
        scale=network.scale,
        unshuffle=network.unshuffle,
        blur=network.knet_width > 0,
    )
    snet: nn.Module
    offset = network.snet_offset
    if network.snet == "unet":
        snet = UNetSNet(network.channels, network.snet_widths, network.snet_blocks, offset=offset)
    else:
        snet = LightSNet(network.channels, network.snet_width, network.snet_depth, offset=offset)
    knet = None
    if network.knet_width:
        sizes = network.knet_width, network.knet_blocks, network.knet_window
        knet = KNet(network.channels, *sizes, multiple=dnet.multiple)
    return VDN(dnet, snet, conditioned=True, end_to_end=end_to_end, knet=knet)
