"""Whether intervals hold what they promise, and whether uncertainty ranks the errors."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError

__all__ = [
    "LEVELS",
    "ause",
    "bootstrap_interval",
    "coverage",
    "coverage_by_bin",
    "half_width",
    "quantile_bins",
    "sparsification",
]

LEVELS = (50, 80, 90, 95)
FRACTIONS = tuple(np.linspace(0, 0.95, 20).round(2).tolist())
"""Shares of the pixels that are left out in the sparsification curve."""


def half_width(level: float) -> float:
    """Return how many standard deviations an interval of a normal variable reaches to a side.

    Examples
    --------
    >>> round(half_width(0.9), 3)
    1.645
    """
    return NormalDist().inv_cdf((1 + level) / 2)


def coverage(
    true: NDArray[np.floating], low: NDArray[np.floating], high: NDArray[np.floating]
) -> float:
    """Return the share of values that lie in their interval.

    Examples
    --------
    >>> coverage(np.array([0.0, 1.0, 2.0, 3.0]), np.zeros(4), np.full(4, 2.0))
    0.75
    """
    return float(np.mean((low <= true) & (true <= high)))


def sparsification(
    error: NDArray[np.floating], uncertainty: NDArray[np.floating]
) -> tuple[list[float], list[float]]:
    """Return how the root mean square error falls when the least certain pixels are left out.

    Parameters
    ----------
    error, uncertainty
        Of one shape.

    Returns
    -------
    by_uncertainty, by_error : list of float
        Relative to that of all pixels, at each of `FRACTIONS` left out; the second leaves out
        the largest errors instead, which nothing can beat.
    """
    if error.shape != uncertainty.shape:
        raise InputError(f"error has shape {error.shape}, uncertainty {uncertainty.shape}")
    squares = np.square(error, dtype=np.float64).ravel()
    return _curve(squares, uncertainty.ravel()), _curve(squares, squares)


def ause(error: NDArray[np.floating], uncertainty: NDArray[np.floating]) -> float:
    """Area between the two curves of `sparsification`: 0 when uncertainty ranks as error does.

    References
    ----------
    Ilg et al., Uncertainty estimates and multi-hypotheses networks for optical flow, ECCV 2018,
    https://arxiv.org/abs/1802.07095

    Examples
    --------
    >>> error = np.arange(100.0)
    >>> ause(error, error), ause(error, -error) > 0.5
    (0.0, True)
    """
    found, best = sparsification(error, uncertainty)
    return float(np.trapezoid(np.subtract(found, best), FRACTIONS))


def quantile_bins(values: NDArray[np.floating], count: int = 4) -> NDArray[np.intp]:
    """Number the bins, of equally many values, that values fall into.

    Examples
    --------
    >>> quantile_bins(np.array([3.0, 1.0, 2.0, 4.0]), 2).tolist()
    [1, 0, 0, 1]
    """
    inner = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    return np.searchsorted(inner, values, side="left")


def coverage_by_bin(
    inside: NDArray[np.bool_], bins: Mapping[str, NDArray[np.integer]], counts: Mapping[str, int]
) -> dict[str, list[list[int]]]:
    """Count values, and values inside their interval, in every bin of several divisions.

    Parameters
    ----------
    inside
        Whether each value lies in its interval.
    bins
        The number of its bin, an array of that shape a division.
    counts
        How many bins a division has.

    Returns
    -------
    dict
        For each division a list of [values, values inside].
    """
    return {
        name: [
            [int(total), int(hits)]
            for total, hits in zip(
                np.bincount(number.ravel(), minlength=counts[name]),
                np.bincount(number[inside], minlength=counts[name]),
                strict=True,
            )
        ]
        for name, number in bins.items()
    }


def bootstrap_interval(
    values: Sequence[float], level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean; the images are what is resampled.

    Examples
    --------
    >>> low, high = bootstrap_interval([0.88, 0.90, 0.92])
    >>> 0.88 <= low < 0.9 < high <= 0.92
    True
    """
    sample = np.asarray(values, np.float64)
    generator = np.random.default_rng(seed)
    means = sample[generator.integers(0, len(sample), (resamples, len(sample)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _curve(squares: NDArray[np.float64], score: NDArray[np.floating]) -> list[float]:
    kept = squares[np.argsort(score, kind="stable")]
    means = np.cumsum(kept) / np.arange(1, len(kept) + 1)
    if means[-1] == 0:
        return [0.0] * len(FRACTIONS)
    counts = [max(1, round(len(kept) * (1 - fraction))) for fraction in FRACTIONS]
    return [float(np.sqrt(means[count - 1] / means[-1])) for count in counts]
