"""Quantiles of the standard deviation of the noise, by its posterior and as they were measured."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["log_sigma_ratio", "posterior_width"]

_LOG_WIDEST = np.log(100)  # what a network knows nothing of has no bounds


def log_sigma_ratio(
    log_alpha: NDArray[np.float32],
    log_sigma: NDArray[np.float32],
    probability: float,
    scores: Mapping[str, Sequence[Any]],
) -> NDArray[np.float32]:
    r"""Return the logarithm of a quantile of sigma over the root of the mode of its square.

    :math:`\sigma^2 \sim \text{IG}(\alpha, \beta)`, so :math:`\beta / \sigma^2` is a gamma variable
    of shape :math:`\alpha`. Of a model with measured `scores` it is their quantile times the width
    of the posterior instead (split conformal prediction, with levels of noise as groups).

    Parameters
    ----------
    log_alpha, log_sigma
        Of the posterior: logarithms of the shape and of the root of the mode, of one shape.
    probability
        Of the quantile.
    scores
        The card's `sigma_scores`; empty for the posterior itself.

    Returns
    -------
    array
        At most log 100, at least its negative.

    Examples
    --------
    >>> certain = np.array([9.0], np.float32)  # alpha of 8103: known to less than 1 %
    >>> bool(-0.02 < log_sigma_ratio(certain, certain, 0.05, {})[0] < 0)
    True
    >>> scores = {"sigma": [0.01, 0.1], "probability": [0.1, 0.9], "score": [[-2, 1], [-1, 1]]}
    >>> low = log_sigma_ratio(certain, np.log([0.01], dtype=np.float32), 0.1, scores)
    >>> bool(np.isclose(low[0], -2 * posterior_width(9.0)))
    True
    """
    if scores:
        normal = NormalDist().inv_cdf
        deviate, known = normal(probability), np.array([*map(normal, scores["probability"])])
        at_levels = [_between(deviate, known, each) for each in scores["score"]]
        score = np.interp(log_sigma, np.log(np.asarray(scores["sigma"], float)), at_levels)
        ratio = score * posterior_width(log_alpha)
    else:
        table = np.linspace(log_alpha.min(), log_alpha.max(), 512, dtype=np.float64)
        exact = [np.logaddexp(x, 0) - _log_gamma_quantile(x, 1 - probability) for x in table]
        ratio = 0.5 * np.interp(log_alpha, table, exact)
    return np.clip(ratio, -_LOG_WIDEST, _LOG_WIDEST).astype(np.float32)


def posterior_width(log_alpha: NDArray[np.floating] | float) -> NDArray[np.floating]:
    r"""Return about the standard deviation of :math:`\log\sigma`, from the shape alone.

    :math:`\sqrt{\alpha + 1/2} / 2\alpha`: right to 2 % for alpha above 2.
    """
    return np.sqrt(np.exp(-np.asarray(log_alpha)) + 0.5 * np.exp(-2 * np.asarray(log_alpha))) / 2


def _log_gamma_quantile(log_shape: float, probability: float, points: int = 4001) -> float:
    """Return the logarithm of a quantile of a gamma variable, by integrating its density.

    Its logarithm u has the density exp(shape u - e^u) up to a factor, a single smooth hump.
    """
    shape = np.exp(log_shape)
    low = log_shape - 40 / min(shape, np.sqrt(shape))
    high = np.log(shape + 40 * np.sqrt(shape) + 40)
    u = np.linspace(low, high, points)
    log_density = shape * u - np.exp(u)
    density = np.exp(log_density - log_density.max())
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(np.interp(probability * mass[-1], mass, u))


def _between(x: float, known: NDArray[np.float64], values: Sequence[float]) -> float:
    """Interpolate; beyond the ends go on as a normal distribution does."""
    return float(np.interp(x, known, values)) + x - float(np.clip(x, known[0], known[-1]))
