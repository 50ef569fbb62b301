"""From a colour network of the light family to one that does the same for a single channel."""

import torch
from torch import Tensor

__all__ = ["gray_weights"]

_CELLS = 4  # of a channel, in the 2x2 blocks of the pixel unshuffle


def gray_weights(weights: dict[str, Tensor], channels: int = 3) -> dict[str, Tensor]:
    """The weights, by parameter name, of the one-channel network that a colour network holds.

    It computes from a channel what the colour network computes from that channel repeated: the
    weights of the repeated inputs are added up, those of the outputs averaged. Repeated noise is
    not what the colour network has learned from, so this is a start for training, not a denoiser.

    Parameters
    ----------
    weights : dict of str to Tensor
        Of a model of `LightDNet` and its S-Net, as ``dnet.head.weight``.
    channels : int
        Of the colour network.

    Examples
    --------
    >>> from vdn.networks import LightSNet
    >>> weights = LightSNet(channels=3, width=8).state_dict(prefix="snet.")
    >>> gray_weights(weights)["snet.layers.0.weight"].shape
    torch.Size([8, 4, 3, 3])
    """

    def fold(value: Tensor, axis: int) -> Tensor:
        return value.unflatten(axis, (-1, channels, _CELLS))

    plain = [int(name.split(".")[2]) for name in weights if name.startswith("snet.layers.")]
    last = f"snet.layers.{max(plain)}." if plain else "snet.last."
    outputs = ("dnet.residual.", "dnet.log_m2.", "dnet.error.2.", last)
    found = dict(weights)
    for name, value in weights.items():
        if name.startswith(outputs):
            found[name] = fold(value, 0).mean(1).flatten(0, 1)
        elif name in ("dnet.head.weight", "snet.layers.0.weight", "snet.head.weight"):
            found[name] = fold(value, 1).sum(2).flatten(1, 2)
        elif name == "dnet.error.0.weight":
            features, levels = value.tensor_split([-channels * _CELLS], dim=1)
            found[name] = torch.cat([features, fold(levels, 1).sum(2).flatten(1, 2)], dim=1)
    return found
