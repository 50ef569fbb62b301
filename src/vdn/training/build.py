"""From a configuration to a model."""

from vdn.model import VDN
from vdn.networks.light import LightDNet, LightSNet
from vdn.networks.paper import DNet, SNet
from vdn.training.config import Network

__all__ = ["build_model"]


def build_model(network: Network) -> VDN:
    """The untrained model a `Network` section describes.

    Examples
    --------
    >>> model = build_model(Network(family="paper", channels=1))
    >>> sum(p.numel() for p in model.parameters())
    7809860
    """
    if network.family == "paper":
        return VDN(DNet(network.channels), SNet(network.channels), conditioned=False)
    dnet = LightDNet(network.channels, network.widths, network.blocks, network.error_width)
    snet = LightSNet(network.channels, network.snet_width, network.snet_depth)
    return VDN(dnet, snet, conditioned=True)
