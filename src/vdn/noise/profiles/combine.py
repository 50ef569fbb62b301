"""One law from those of several pictures."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vdn.noise.law import NoiseLaw
from vdn.noise.profiles.camera_profile import ChannelLaw

__all__ = ["combine_laws"]

_NORMAL_90 = 1.645
_MEDIAN = 1.386  # of a chi^2 variable of two degrees of freedom
_TUNING = 2.0  # in spreads of the pictures, from where on one weighs less
_ROUNDS = 50
_SINGULAR = 1e-6  # errors of a and b that seem to go wholly together do not


def combine_laws(laws: Sequence[NoiseLaw]) -> ChannelLaw:
    r"""Combine the laws of several pictures taken at the same setting.

    Each law is a point (a, b) with the covariance that its intervals and the correlation of its
    errors say. The combined one minimises the squared distances in units of these, where a picture
    that lies further off than twice the spread counts less (Huber). If the pictures differ more
    than their intervals allow, these are widened by as much.

    Parameters
    ----------
    laws
        At least one, in one unit.

    Examples
    --------
    >>> from vdn.noise.law import fit_law
    >>> def photograph(seed):
    ...     rng = np.random.default_rng(seed)
    ...     clean = np.tile(np.linspace(0, 1, 256), (256, 1))
    ...     return 0.01 * rng.poisson(clean / 0.01) + 0.05 * rng.standard_normal(clean.shape)
    >>> law = combine_laws([fit_law(photograph(seed))[0] for seed in range(4)])
    >>> abs(law.a / 0.01 - 1) < 0.03, abs(law.b / 0.0025 - 1) < 0.05
    (True, True)
    """
    unit = max(abs(end) for law in laws for end in law.span) or 1.0
    scale = np.array([unit, unit**2])
    points = np.array([[law.a, law.b] for law in laws]) / scale
    information = np.stack([np.linalg.inv(_covariance(law, scale)) for law in laws])
    spread = 1.0
    weights = np.ones(len(laws))
    centre = np.median(points, axis=0)
    for _ in range(_ROUNDS):
        off = points - centre
        distance = np.sqrt(np.einsum("ki,kij,kj->k", off, information, off))
        if len(laws) > 2:
            spread = max(1.0, float(np.sqrt(np.median(distance**2) / _MEDIAN)))
        weights = np.minimum(1, _TUNING * spread / np.maximum(distance, 1e-12))
        total = np.einsum("k,kij->ij", weights, information)
        before = centre
        centre = np.linalg.solve(total, np.einsum("k,kij,kj->i", weights, information, points))
        if np.allclose(centre, before, rtol=1e-9, atol=0):
            break
    if len(laws) == 2:  # too few for a median: Birge's ratio
        spread = max(1.0, float(np.sqrt(np.sum(distance**2) / 2)))
    covariance = spread**2 * np.linalg.inv(total)
    half = _NORMAL_90 * np.sqrt(np.diag(covariance)) * scale
    together = float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
    a, b = (float(value) for value in centre * scale)
    return ChannelLaw(
        a,
        b,
        (a - float(half[0]), a + float(half[0])),
        (b - float(half[1]), b + float(half[1])),
        together,
        (min(law.span[0] for law in laws), max(law.span[1] for law in laws)),
    )


def _covariance(law: NoiseLaw, scale: NDArray[np.float64]) -> NDArray[np.float64]:
    halves = [(high - low) / 2 for low, high in (law.a_interval, law.b_interval)]
    spread = np.maximum(np.array(halves) / _NORMAL_90 / scale, 1e-12)
    together = np.clip(law.error_correlation, -1 + _SINGULAR, 1 - _SINGULAR)
    covariance: NDArray[np.float64] = np.outer(spread, spread) * [[1, together], [together, 1]]
    return covariance
