"""How far the noise of a picture reaches: the correlation of neighbouring pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LAGS", "NoiseCorrelation", "measure_correlation"]

LAGS = 10
"""The largest distance at which the correlation is measured, in pixels."""

_SMALL, _LARGE = 16, 32  # pixels a side of a block
_FAR = 1.6  # pixels that the noise reaches from which on small blocks hold too little of it
_BINS = 3  # of brightness, each with a floor of its own
_QUIET, _FLAT = (
    0.03,
    1.3,
)  # quantile of the variances that is the floor; times that, a block is flat
_LEAST = 6  # blocks, to say anything
_FAINT = 0.25  # variance of integers below which rounding, not noise, is seen
_PLANE = 3  # degrees of freedom of the plane taken off a block
_ROUNDS = 8
_INDEPENDENT = 0.25  # correlation with the next pixel that texture alone may feign


@dataclass(frozen=True)
class NoiseCorrelation:
    r"""The autocorrelation of the noise.

    Attributes
    ----------
    across, down
        The correlation of pixels 1, 2 ... `LAGS` apart in a row, and in a column.
    length
        The distance in pixels at which the correlation has fallen to 1/e; 0 where the next pixel
        has none. Noise blurred by a Gaussian of the standard deviation s has 2 s.
    """

    across: tuple[float, ...]
    down: tuple[float, ...]
    length: float

    @property
    def independent(self) -> bool:
        """Whether a pixel tells next to nothing of the noise of the next."""
        return max(abs(self.across[0]), abs(self.down[0])) < _INDEPENDENT


def measure_correlation(pixels: NDArray[Any]) -> NoiseCorrelation | None:
    r"""Measure the autocorrelation of the noise in the flat parts of a picture.

    Blocks of 16 x 16 pixels, or of 32 x 32 where the noise reaches further than 1.6 pixels, lose
    the plane that fits them best. Those count that then vary no more than 1.3 times as much as the
    quietest of like brightness. The products of their pixels are averaged at every distance. A
    plane takes :math:`3 \pi L^2 / N` of the variance of a block of N pixels whose noise has the
    correlation :math:`\exp(-h^2 / L^2)`; that is put back.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, C) without alpha, in any unit. Channels are pooled.

    Returns
    -------
    NoiseCorrelation or None
        None where too little is flat, or the noise of integers is less than their step.

    Examples
    --------
    >>> white = np.random.default_rng(0).normal(0, 3, (256, 256))
    >>> measure_correlation(white).independent
    True
    >>> pairs = (white + np.roll(white, 1, 1)) / 2  # half of it in common with the next in the row
    >>> found = measure_correlation(pairs)
    >>> abs(found.across[0] - 0.5) < 0.03, abs(found.down[0]) < 0.03
    (True, True)
    """
    found = _measure(pixels, _SMALL)
    if found is not None and found.length > _FAR:
        return _measure(pixels, _LARGE) or found
    return found


def _measure(pixels: NDArray[Any], side: int) -> NoiseCorrelation | None:
    planes = np.atleast_3d(pixels)
    faint = 0.0 if planes.dtype.kind == "f" else _FAINT
    products = [_products(planes[..., c], side, faint) for c in range(planes.shape[2])]
    seen = [each for each in products if each is not None]
    if not seen:
        return None
    across, down = np.mean(seen, axis=0)
    along, length, lost = [across, down], 0.0, 0.0
    for _ in range(_ROUNDS):
        along = [(1 - lost) * values + lost for values in (across, down)]
        length = _length((along[0] + along[1]) / 2)
        lost = min(_PLANE * np.pi * length**2 / side**2, 0.5)
    return NoiseCorrelation(tuple(along[0][1:].tolist()), tuple(along[1][1:].tolist()), length)


def _products(pixels: NDArray[Any], side: int, faint: float) -> NDArray[np.float64] | None:
    """Return the mean products at distances 0 to `LAGS` over the first, (2, LAGS + 1)."""
    height, width = pixels.shape
    if min(height, width) < 2 * side:
        return None
    wide = pixels.astype(np.float64)
    unit = np.abs(wide).max(initial=0, where=np.isfinite(wide)) or 1.0
    plane = (wide / unit).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(plane, (side, side))
    blocks = windows[:: side // 2, :: side // 2].reshape(-1, side, side)
    ends = plane.min(), plane.max()
    with np.errstate(invalid="ignore"):
        blocks = blocks[np.isfinite(blocks).all((1, 2))]
        cut = (blocks <= ends[0]) | (blocks >= ends[1])
        blocks = blocks[cut.mean((1, 2)) < 2 / side**2]  # the extremes themselves may be noise
    if len(blocks) < _LEAST:
        return None
    ramp = np.arange(side) - (side - 1) / 2
    brightness = blocks.mean((1, 2))
    scale = (ramp**2).sum() * side
    slope_down, slope_across = ((blocks * r).sum((1, 2)) / scale for r in (ramp[:, None], ramp))
    blocks = (
        blocks
        - brightness[:, None, None]
        - slope_down[:, None, None] * ramp[:, None]
        - slope_across[:, None, None] * ramp
    )
    variance = np.square(blocks).mean((1, 2))
    flat = np.zeros(len(blocks), bool)
    for part in np.array_split(np.argsort(brightness), min(_BINS, len(blocks) // _LEAST)):
        flat[part] = variance[part] <= _FLAT * np.quantile(variance[part], _QUIET)
    flat &= variance > faint / unit**2
    if np.count_nonzero(flat) < _LEAST:
        return None
    chosen = blocks[flat] / np.sqrt(variance[flat])[:, None, None]
    return np.array(
        [
            [(chosen[..., : side - lag] * chosen[..., lag:]).mean() for lag in range(LAGS + 1)],
            [(chosen[:, : side - lag] * chosen[:, lag:]).mean() for lag in range(LAGS + 1)],
        ]
    )


def _length(correlation: NDArray[np.float64]) -> float:
    """Return where the correlation falls to 1/e; its logarithm goes as the squared distance."""
    below = np.flatnonzero(correlation < np.exp(-1))
    if not len(below):
        return float(LAGS)
    lag = int(below[0])
    before, after = correlation[lag - 1], correlation[lag]
    if after <= 0 and lag == 1:
        return 0.0
    if lag == 1:
        return float(1 / np.sqrt(-np.log(after)))
    fall = np.log(before) + 1
    total = np.log(before) - np.log(max(after, 1e-3))
    return float(np.sqrt((lag - 1) ** 2 + fall / total * (lag**2 - (lag - 1) ** 2)))
