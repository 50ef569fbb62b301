"""Gaussian smoothing in NumPy, for a base install that stays small."""

import numpy as np

__all__ = ["smooth", "smooth_at"]


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
    kernel = _kernel(sigma, truncate, planes.dtype)
    radius = len(kernel) // 2
    for axis in (0, 1):
        size = planes.shape[axis]
        padding = [(radius, radius) if a == axis else (0, 0) for a in range(planes.ndim)]
        padded = np.moveaxis(np.pad(planes, padding, mode="symmetric"), axis, 0)
        total = kernel[radius] * padded[radius : radius + size]
        for step in range(1, radius + 1):
            before = padded[radius - step : radius - step + size]
            after = padded[radius + step : radius + step + size]
            total += kernel[radius + step] * (before + after)
        planes = np.moveaxis(total, 0, axis)
    return planes


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
    kernel = _kernel(sigma, truncate, planes.dtype)
    radius = len(kernel) // 2
    for axis, positions in enumerate((rows, columns)):
        length = planes.shape[axis]
        total = np.zeros((), planes.dtype)
        for offset, weight in enumerate(kernel, start=-radius):
            mirrored = (positions + offset) % (2 * length)
            mirrored = np.minimum(mirrored, 2 * length - 1 - mirrored)
            total = total + weight * np.take(planes, mirrored, axis)
        planes = total
    return planes


def _kernel(sigma: float, truncate: float, dtype: np.dtype) -> np.ndarray:
    radius = int(truncate * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return (kernel / kernel.sum()).astype(dtype)
