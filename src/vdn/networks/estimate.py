"""What a network that is not variational says of a noisy image."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Estimate"]


@dataclass(frozen=True)
class Estimate:
    """A clean image and, where the network has an opinion on it, the noise.

    The names are those of `vdn.model.Posterior`, so that a loss or a validation that needs no more
    than these takes either.

    Attributes
    ----------
    mean : Tensor
        The denoised image, float32 (N, C, H, W).
    sigma : Tensor or None
        Standard deviation of the noise, (N, C, H, W).
    error : None
        Point estimates come without an error bar.

    Examples
    --------
    >>> import torch
    >>> Estimate(torch.zeros(1, 3, 4, 4)).sigma is None
    True
    """

    mean: Tensor
    sigma: Tensor | None = None
    error: None = None
