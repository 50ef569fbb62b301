"""The priors of the paper: the training pair speaks through them.

``p(z) = N(x, eps0^2)`` and ``p(sigma2) = IG(p^2/2 - 1, p^2 xi / 2)``, whose mode is ``xi``.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vdn.model.distributions import Gaussian, InverseGamma

__all__ = ["filtered_squared_residual", "image_prior", "noise_prior"]

FLOOR = 1e-10


def image_prior(x: Tensor, eps0_squared: float | Tensor) -> Gaussian:
    r"""The prior of the clean image, :math:`z \sim \mathcal N(x, \varepsilon_0^2)`.

    Parameters
    ----------
    x : Tensor
        The clean image of the training pair, (N, C, H, W).
    eps0_squared : float or Tensor
        A positive variance, one for all or broadcastable to `x`; the smaller, the nearer the
        whole objective is to the mean squared error.

    Examples
    --------
    >>> image_prior(torch.zeros(1, 1, 2, 2), 5e-5).variance.mean()
    tensor(5.0000e-05)
    """
    log_variance = torch.log(torch.as_tensor(eps0_squared, dtype=x.dtype, device=x.device))
    return Gaussian(x, log_variance, validate_args=False)  # to look at values stops a GPU


def noise_prior(xi: Tensor, window: int = 7) -> InverseGamma:
    r"""The prior of the noise variance, :math:`\text{IG}(p^2/2-1,\ p^2\xi/2)`, with mode xi.

    Parameters
    ----------
    xi : Tensor
        The variance the prior is to believe in, (N, C, H, W): the true variance map where it is
        known, else `filtered_squared_residual`. Values under 1e-10 count as 1e-10.
    window : int
        The side p of the window, in pixels: p^2 observations' worth of confidence.

    Examples
    --------
    >>> prior = noise_prior(torch.full((1,), 0.01), window=7)
    >>> prior.alpha, prior.mode
    (tensor([23.5000]), tensor([0.0100]))
    """
    if window < 2:
        raise ValueError(f"window is {window}; the prior needs a side of at least 2 pixels")
    half = window**2 / 2
    log_alpha = torch.full_like(xi, math.log(half - 1))
    return InverseGamma(log_alpha, torch.log(half * xi.clamp_min(FLOOR)), validate_args=False)


def filtered_squared_residual(
    y: Tensor, x: Tensor, window: int = 7, spatial_sigma: float = 3.0
) -> Tensor:
    r"""The local noise variance of a pair, :math:`\xi = G((y-x)^2; p)`.

    A Gaussian window of `window` x `window` pixels over the squared residual, with reflected
    borders (the edge pixel is not repeated).

    Parameters
    ----------
    y, x : Tensor
        The noisy and the clean image, (N, C, H, W), H and W larger than ``window // 2``.
    window : int
        Odd side of the window in pixels.
    spatial_sigma : float
        Standard deviation of the window in pixels: 3 in the paper's code, about 1.4 in VIRNet's.

    Returns
    -------
    Tensor
        (N, C, H, W), floored at 1e-10.

    Examples
    --------
    >>> y = torch.full((1, 3, 8, 8), 0.1)
    >>> filtered_squared_residual(y, torch.zeros_like(y)).mean()
    tensor(0.0100)
    """
    if window % 2 == 0:
        raise ValueError(f"window is {window}; it has a centre pixel only if it is odd")
    radius = window // 2
    offsets = torch.arange(-radius, radius + 1, dtype=y.dtype, device=y.device)
    kernel = torch.exp(-0.5 * (offsets / spatial_sigma).square())
    kernel = kernel / kernel.sum()
    channels = y.shape[1]
    square = F.pad((y - x).square(), (radius,) * 4, mode="reflect")
    rows = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    columns = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    filtered = F.conv2d(F.conv2d(square, rows, groups=channels), columns, groups=channels)
    return filtered.clamp_min(FLOOR)
