"""From a network of the light family to one with more residual blocks that computes the same."""

import torch
from torch import Tensor

__all__ = ["grown_weights"]


def grown_weights(weights: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights, by parameter name, with those of the residual blocks that are missing.

    The first convolution of a new block is that of the untrained network, the second is 0: the
    block passes its input on, and learns from there.

    Parameters
    ----------
    weights : dict of str to Tensor
        Of a smaller model.
    wanted : dict of str to Tensor
        Of the untrained model with more blocks.

    Examples
    --------
    >>> wanted = {f"dnet.bottom.{index}.second.weight": torch.ones(2, 2, 3, 3) for index in (0, 1)}
    >>> smaller = {"dnet.bottom.0.second.weight": torch.ones(2, 2, 3, 3)}
    >>> float(grown_weights(smaller, wanted)["dnet.bottom.1.second.weight"].sum())
    0.0
    """
    found = dict(weights)
    for name, value in wanted.items():
        if name in weights:
            continue
        if name.endswith(".second.weight"):
            found[name] = torch.zeros_like(value)
        elif name.endswith(".first.weight"):
            found[name] = value
    return found
