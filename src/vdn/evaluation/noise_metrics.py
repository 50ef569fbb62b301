"""How near an estimate of the noise is to the truth."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["map_error", "sigma_bias"]


def map_error(found: ArrayLike, true: ArrayLike) -> float:
    r"""Relative root mean square error of a map of the noise's standard deviation.

    .. math:: \sqrt{\operatorname{mean}(\hat\sigma - \sigma)^2 / \operatorname{mean} \sigma^2}

    Parameters
    ----------
    found, true
        Numbers or maps (H, W) or (H, W, C) of standard deviations; a map without channels holds
        for every channel.

    Returns
    -------
    float
        The error; infinite when the truth is 0 and the estimate is not.

    Examples
    --------
    >>> round(map_error(0.11, np.full((4, 4, 3), 0.1)), 6)
    0.1
    """
    found, true = _aligned(found, true)
    error, size = np.mean((found - true) ** 2), np.mean(true**2)
    return float(np.sqrt(error / size)) if size else (0.0 if error == 0 else float("inf"))


def sigma_bias(found: ArrayLike, true: ArrayLike) -> float:
    """Return the signed relative error of the mean standard deviation.

    Examples
    --------
    >>> round(sigma_bias(0.09, 0.1), 6)
    -0.1
    """
    found, true = _aligned(found, true)
    size = float(np.mean(true))
    if size:
        return float(np.mean(found)) / size - 1
    return 0.0 if not np.any(found) else float("inf")


def _aligned(found: ArrayLike, true: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(found, np.float64), np.asarray(true, np.float64)
    if a.ndim == 2 and b.ndim == 3:
        a = a[..., None]
    elif b.ndim == 2 and a.ndim in (1, 3):  # (C,) holds one number a channel
        b = b[..., None]
    broadcast = np.broadcast_arrays(a, b)
    return broadcast[0], broadcast[1]
