r"""What a network says of the blur of an image: planes (6, H / c, W / c), a value for c x c pixels.

In this order: log alpha of the variances along x and y, log beta of both, the mean of the slope (of
which the hyperbolic tangent is the correlation), and the logarithm of its variance. Variances are
in square pixels of the output.

Networks are trained to tell :math:`\lambda + f`, since a variance far below a floor f makes no
difference: with alpha what is said, :math:`(\lambda + f) / (\hat\lambda + f)` is an inverse gamma
of the mode 1. The floor of a kernel is the square of 0.3 pixels, that of noise of 1/255 of white.
"""

import numpy as np

from vdn.runtime.engine import Planes, Posterior

__all__ = ["FLOOR", "average_with_input", "log_variances", "mean_parameters", "turned_back"]

FLOOR = 0.3**2
"""Square pixels."""

_NARROW = 0.4**2  # square pixels; a narrower Gaussian takes less than a sixth of the finest detail
_QUIET = (1 / 255) ** 2  # both the floor and the least that is to be removed
_LEAST = np.float32(1e-8)  # of a variance, as in the graphs
_LOGISTIC = 1.702  # with this factor a logistic function is next to the normal distribution's
_ROWS, _COLUMNS, _SWAPPED = 2, 1, 4


def log_variances(planes: Planes) -> tuple[Planes, Planes]:
    r"""Return mean and standard deviation of :math:`\log(\lambda_j + f)`, each (2, h, w).

    Those of the logarithm of an inverse gamma with the mode 1 are
    :math:`\log(\alpha + 1) - \psi(\alpha)` and the root of :math:`\psi'(\alpha)`, here by their
    asymptotic series.

    Examples
    --------
    >>> planes = np.array([4.6, 4.6, 4.6, 4.6, 0, 0], np.float32).reshape(6, 1, 1)
    >>> mean, deviation = log_variances(planes)  # of a width of 1
    >>> [round(float(each[0, 0, 0]), 2) for each in (mean, deviation)]
    [0.09, 0.1]
    """
    return _log_variance(planes[:2], planes[2:4], FLOOR)


def _log_variance(log_alpha: Planes, log_beta: Planes, floor: float) -> tuple[Planes, Planes]:
    alpha = np.exp(log_alpha)
    mode = np.exp(log_beta) / (alpha + 1)
    least = 1 / np.maximum(alpha, 1)  # of less the series say nothing, and there is no mean
    skew = np.log1p(least) + least / 2 + least**2 / 12
    return np.log(mode + np.float32(floor)) + skew, np.sqrt(least + least**2 / 2 + least**3 / 6)


def turned_back(planes: Planes, which: int) -> Planes:
    """Return what was said of a mirrored or turned image as it is for the image itself.

    Parameters
    ----------
    planes
        (6, h, w).
    which
        A symmetry of `vdn.runtime.predict.ENSEMBLES`.
    """
    rows, columns = (slice(None, None, -1 if which & bit else None) for bit in (_ROWS, _COLUMNS))
    turned = planes[:, rows, columns].copy()
    if bool(which & _ROWS) != bool(which & _COLUMNS):
        turned[4] *= -1
    return turned[[1, 0, 3, 2, 4, 5]].swapaxes(1, 2) if which & _SWAPPED else turned


def mean_parameters(said: list[Planes]) -> Planes | None:
    """Return the mean of what was said of one image several times; None where nothing was."""
    if len(said) < 2:
        return said[0] if said else None
    mean: Planes = np.mean(said, axis=0)
    return mean


def average_with_input(
    posterior: Posterior, planes: Planes, strength: float = 1.0, sigma: Planes | None = None
) -> Posterior:
    r"""Return the posterior of an image with the chance that there is nothing to restore.

    Where neither blur nor noise is there, the image is what was seen. With p the probability, by
    the posteriors of kernel and noise, that the kernel is wider than 0.4 pixels or the noise to
    remove larger than 1/255 of white, the mean is :math:`p \mu + (1 - p) y`, and the variance of
    its error that of the mixture. So a sharp and clean picture stays as it is.

    Parameters
    ----------
    posterior
        Of a network that keeps the size and infers a kernel.
    planes
        What was seen, (C, H, W).
    strength, sigma
        Factor of the noise that is removed, and its standard deviations where they are given.
    """
    kernel = posterior.kernel
    assert kernel is not None
    blurred = _probability_above(*log_variances(kernel), _NARROW + FLOOR).max(axis=0)
    cell = planes.shape[1] // blurred.shape[0]
    blurred = blurred.repeat(cell, axis=0).repeat(cell, axis=1)
    noise = _log_variance(posterior.log_alpha, posterior.log_beta, _QUIET)
    if sigma is not None:
        noisy = (strength * sigma > np.sqrt(_QUIET)).astype(np.float32)
    elif strength > 0:
        noisy = _probability_above(*noise, _QUIET / strength**2 + _QUIET)
    else:
        noisy = np.zeros(1, np.float32)
    p = 1 - (1 - blurred) * (1 - noisy)
    change = posterior.mean - planes
    variance = p * np.exp(posterior.log_error_variance) + p * (1 - p) * np.square(change)
    variance += (1 - p) * np.maximum(np.exp(noise[0]) - np.float32(_QUIET), _LEAST)
    return posterior._replace(mean=planes + p * change, log_error_variance=np.log(variance))


def _probability_above(mean: Planes, deviation: Planes, threshold: float) -> Planes:
    """Return how likely a variance with its floor, whose logarithm is known, is above a value."""
    away = (np.float32(np.log(threshold)) - mean) / deviation
    return np.float32(1) / (1 + np.exp(np.minimum(np.float32(_LOGISTIC) * away, np.float32(80))))
