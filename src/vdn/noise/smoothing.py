"""Gaussian smoothing in NumPy, for a base install that stays small."""

import numpy as np

__all__ = ["smooth"]


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
    radius = int(truncate * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(planes.dtype)
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
