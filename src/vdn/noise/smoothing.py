"""Gaussian smoothing in NumPy or torch, for a base install that stays small."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from vdn.noise.arrays import like, take

__all__ = ["blur", "convolve", "gaussian_kernel", "smooth", "smooth_at", "stack_kernels"]


def smooth(planes: np.ndarray, sigma: float, truncate: float = 2.5) -> np.ndarray:
    """Blur (H, W) or (H, W, C) by a Gaussian of `sigma` pixels; 0 leaves it alone.

    The kernel ends at `truncate` standard deviations; borders reflect, edge pixels repeated.

    Examples
    --------
    >>> smooth(np.full((4, 5), 3.0), 1.0).round(6).min()
    np.float64(3.0)
    """
    if sigma == 0:
        return planes
    kernel = gaussian_kernel(sigma, truncate)
    return blur(planes[None], kernel[None], axes=(1, 2))[0]


def blur(planes: Any, kernels: np.ndarray, axes: tuple[int, int] = (2, 3)) -> Any:
    """Blur planes (N, ...), arrays or tensors, along two axes, each with its own kernel.

    The kernels are (N, 2 r + 1); borders reflect, edge pixels repeated.
    """
    radius = kernels.shape[1] // 2
    for axis in axes:
        size = planes.shape[axis]
        beyond = take(planes, _mirror(np.arange(-radius, size + radius), size), axis)
        planes = convolve(beyond, kernels, axis)
    return planes


def convolve(planes: Any, kernels: np.ndarray, axis: int) -> Any:
    """Convolve planes (N, ...), arrays or tensors, along an axis, each with its own kernel.

    The kernels (N, 2 r + 1) are symmetric; the axis becomes shorter by 2 r.

    Examples
    --------
    >>> convolve(np.ones((2, 5)), np.array([[0.25, 0.5, 0.25], [0, 1, 0]]), 1).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    radius = kernels.shape[1] // 2
    size = planes.shape[axis] - 2 * radius
    before = (slice(None),) * axis
    shape = (-1, *(1,) * (len(planes.shape) - 1))

    def shifted(step: int) -> Any:
        return planes[(*before, slice(radius + step, radius + step + size))]

    total = like(kernels[:, radius].reshape(shape), planes) * shifted(0)
    for step in range(1, radius + 1):
        weight = like(kernels[:, radius + step].reshape(shape), planes)
        total += weight * (shifted(-step) + shifted(step))
    return total


def smooth_at(
    planes: np.ndarray, sigma: float, rows: np.ndarray, columns: np.ndarray, truncate: float = 2.5
) -> np.ndarray:
    """Return `smooth(planes, sigma)[rows][:, columns]` without the work for all the other pixels.

    Examples
    --------
    >>> planes = np.random.default_rng(0).random((20, 30))
    >>> rows, columns = np.array([0, 7, 19]), np.array([4, 29])
    >>> np.allclose(smooth_at(planes, 1.5, rows, columns), smooth(planes, 1.5)[rows][:, columns])
    True
    """
    kernel = gaussian_kernel(sigma, truncate).astype(planes.dtype)
    radius = len(kernel) // 2
    for axis, positions in enumerate((rows, columns)):
        total = np.zeros((), planes.dtype)
        for offset, weight in enumerate(kernel, start=-radius):
            mirrored = _mirror(positions + offset, planes.shape[axis])
            # Not `take`, which first copies the whole of what does not lie in one piece.
            total = total + weight * (planes[mirrored] if axis == 0 else planes[:, mirrored])
        planes = total
    return planes


def gaussian_kernel(sigma: float, truncate: float = 2.5) -> np.ndarray:
    """Return the weights, of odd number and sum 1, of a Gaussian of `sigma` pixels.

    Examples
    --------
    >>> gaussian_kernel(0.0), len(gaussian_kernel(1.0))
    (array([1.]), 7)
    """
    if sigma == 0:
        return np.ones(1)
    radius = int(truncate * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return kernel / kernel.sum()


def stack_kernels(sigmas: Iterable[float], truncate: float = 2.5) -> np.ndarray:
    """Return the weights of several Gaussians, (N, 2 r + 1), the narrower ones filled with 0.

    Examples
    --------
    >>> stack_kernels([0.0, 1.0]).shape
    (2, 7)
    """
    kernels = [gaussian_kernel(sigma, truncate) for sigma in sigmas]
    radius = max(len(kernel) // 2 for kernel in kernels)
    return np.stack([np.pad(kernel, radius - len(kernel) // 2) for kernel in kernels])


def _mirror(positions: np.ndarray, size: int) -> np.ndarray:
    """Return where positions beyond [0, size) lie after reflection, edges repeated."""
    inside = positions % (2 * size)
    return np.minimum(inside, 2 * size - 1 - inside)
