r"""Noise level from the eigenvalues of the patch covariance (Chen, Zhu, Heng, ICCV 2015).

Patches of a natural image lie near a subspace, so the trailing eigenvalues of their covariance
belong to the noise alone and scatter around its variance as a Gaussian does: their mean and their
median agree. Taking eigenvalues away from the top until that happens leaves the noise.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from vdn.errors import InputError
from vdn.external.method import as_planes

__all__ = ["estimate_sigma_chen"]

_STRIDE = 3  # of the paper
_PATCHES_PER_VALUE = 30  # fewer spread the eigenvalues of pure noise, and pull the estimate down


def estimate_sigma_chen(image: ArrayLike, patch: int = 8, stride: int | None = None) -> float:
    r"""Estimate the standard deviation of white Gaussian noise.

    With the eigenvalues :math:`\lambda_1 \ge \dots \ge \lambda_r` of the covariance of all patches
    (colour patches hold every channel), the estimate is the root of
    :math:`\tau_i = \frac{1}{r-i+1} \sum_{k \ge i} \lambda_k` for the first i at which
    :math:`\tau_i` is the median of :math:`\lambda_i, \dots, \lambda_r`.

    Parameters
    ----------
    image
        (H, W) or (H, W, C), any linear units.
    patch
        Side of the square patches.
    stride
        Step between them in pixels; by default the paper's 3, or less for an image so small that
        its patches would be too few.

    Returns
    -------
    float
        In the units of the image. It is low where the noise is clipped, an average over the image
        where the level varies, and too high on textured gray images with little noise.

    Raises
    ------
    InputError
        If the image is smaller than a patch.

    References
    ----------
    https://doi.org/10.1109/ICCV.2015.62

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (128, 128))
    >>> round(estimate_sigma_chen(noise), 2)
    0.1
    """
    planes = as_planes(image)
    if min(planes.shape[:2]) < patch:
        raise InputError(f"image has shape {planes.shape}: smaller than a patch of {patch} pixels")
    if stride is None:
        needed = _PATCHES_PER_VALUE * patch * patch * planes.shape[2]
        spacing = np.sqrt(planes.shape[0] * planes.shape[1] / needed)
        stride = int(np.clip(spacing, 1, _STRIDE))
    windows = sliding_window_view(planes, (patch, patch), axis=(0, 1))[::stride, ::stride]
    patches = windows.reshape(windows.shape[0] * windows.shape[1], -1).astype(np.float64)
    patches -= patches.mean(axis=0)
    covariance = patches.T @ patches / len(patches)
    ascending = np.clip(np.linalg.eigvalsh(covariance), 0, None)
    tails = np.cumsum(ascending) / np.arange(1, len(ascending) + 1)
    for kept in range(len(ascending), 0, -1):
        below = np.searchsorted(ascending[:kept], tails[kept - 1], side="left")
        above = kept - np.searchsorted(ascending[:kept], tails[kept - 1], side="right")
        if below <= above:  # the mean has come down to the median
            break
    return float(np.sqrt(tails[kept - 1]))
