"""The one kind of layer with weights that these networks are made of."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Convolution", "Normalisation", "merged"]


class Convolution(NamedTuple):
    """Weights as torch has them: (out, in, kh, kw), of a transposed one (in, out, kh, kw)."""

    weight: Tensor
    bias: Tensor | None


class Normalisation(NamedTuple):
    """What batch normalisation does in evaluation, each (channels,)."""

    gain: Tensor
    offset: Tensor
    mean: Tensor
    deviation: Tensor


def merged(convolution: Convolution, normalisation: Normalisation) -> Convolution:
    """One convolution that does what a convolution and the normalisation behind it do.

    Examples
    --------
    >>> one = torch.ones(1)
    >>> convolution = Convolution(one.view(1, 1, 1, 1), None)
    >>> double = merged(convolution, Normalisation(one * 2, one, one, one))
    >>> double.weight.item(), double.bias.item()
    (2.0, -1.0)
    """
    scale = normalisation.gain / normalisation.deviation
    bias = torch.zeros_like(scale) if convolution.bias is None else convolution.bias
    return Convolution(
        convolution.weight * scale.view(-1, 1, 1, 1),
        (bias - normalisation.mean) * scale + normalisation.offset,
    )
