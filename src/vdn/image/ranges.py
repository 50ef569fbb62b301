"""How the values of a picture become those of a network: one offset and one scale."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.frame import Frame

__all__ = ["Range", "find_ranges", "range_of", "sample_rows"]

_LOW, _HIGH = 0.1, 99.9  # percentiles
_BULK = (
    10,
    90,
)  # percentiles; what is further from them than _REACH times their distance is a tail
_REACH = 1.0
_VISIBLE = 1 / 16  # noise in units of the network: a tail may not press it below this
_BRIGHTEST_UNIT, _DIMMEST_UNIT, _DARKEST_UNIT = 4.0, 1 / 16, -0.25  # floats taken as given
_CONTRAST = 1 / 32  # of the nominal range: with less, the picture is stretched
_BITS = (8, 10, 12, 14)  # of a sensor whose values are stored in wider integers
_SAMPLE, _BLOCKS = 2**22, 16  # pixels looked at, in so many blocks of rows
_SORTED = 2**21  # values of them that are sorted
_MARKS = 4  # values such as -9999 that are looked for beside the picture
_MAD = 0.6745 * 6**0.5  # median of |second difference| of white noise of standard deviation 1


@dataclass(frozen=True)
class Range:
    """The linear map between the user's values and the network's: `offset + scale * value`.

    Attributes
    ----------
    offset
        What is 0 for the network, in the user's units.
    scale
        Units of the user in one unit of the network; its white is at `offset + scale`.
    """

    offset: float
    scale: float


def find_ranges(frame: Frame, nominal: bool = True) -> tuple[Range, ...]:
    """Return the range of a frame: one, or for "planes" one a channel.

    A sample of the rows is read that depends on the shape alone, so it does not matter in what
    pieces the frame is read later. See `range_of`.

    Examples
    --------
    >>> find_ranges(Frame.of(np.zeros((2, 3, 3), np.uint8)))
    (Range(offset=0.0, scale=255.0),)
    """
    count = frame.shape[2] if frame.channels == "planes" else 1
    if frame.dtype == np.uint8:
        return (range_of(np.empty(0, np.uint8)),) * count
    blocks = [frame.rows(start, stop) for start, stop in sample_rows(*frame.shape[:2])]
    sample = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if frame.channels == "planes":
        return tuple(range_of(sample[..., c], frame.no_data, nominal) for c in range(count))
    colour = sample[..., :-1] if "alpha" in frame.channels else sample
    return (range_of(colour, frame.no_data, nominal),)


def range_of(values: NDArray[Any], no_data: float | None = None, nominal: bool = True) -> Range:
    """Return the range of values, which may be a sample of a picture.

    `low` and `high` are the percentiles 0.1 and 99.9 of the finite values, without marks such as
    -9999 that lie apart from all others. Where bright or dark tails leave so little of the range
    to the bulk (percentiles 10 to 90) that its noise would be less than 1/64 of it, they are cut
    short: hot pixels, lamps, stars and scale bars do not decide how the rest is seen.

    The *nominal* range is 0 to 255 for uint8; 0 to 1 for floats with `low` at least -0.25 and
    `high` from 1/16 to 4; and for other integers without negative values 0 to the largest number
    of 8, 10, 12, 14 bits or of the dtype up to 16 bits, the smallest that holds `high`. The
    nominal range is taken unless there is none, the picture fills less than 1/32 of it, or
    `nominal` is false; then it is stretched, `low` becoming 0 and `high` 1. A stretched range
    follows a picture that is shifted or scaled.

    Parameters
    ----------
    values
        (H, W), (H, W, C), or in any shape (N,).
    no_data
        A value that does not count.
    nominal
        Whether the nominal range is preferred; uint8 always has it.

    Examples
    --------
    >>> range_of(np.arange(4000, dtype=np.uint16))  # 12 bits
    Range(offset=0.0, scale=4095.0)
    >>> range_of(np.arange(-1000, 3001, dtype=np.int16)).offset  # Hounsfield units
    -996.0
    """
    if values.dtype == np.uint8:
        return Range(0.0, 255.0)
    with np.errstate(over="ignore"):  # differences of values near the ends of the dtype
        return _range_of(values, no_data, nominal)


def _range_of(values: NDArray[Any], no_data: float | None, nominal: bool) -> Range:
    step = -(-values.size // _SORTED)
    values = values[::step]  # rows, so that neighbours in a row stay neighbours
    wide = values if values.dtype.itemsize == 8 else values.astype(np.float32)
    valid = np.isfinite(wide)
    if no_data is not None:
        valid &= values != no_data
    bulk = _without_marks(np.sort(wide[valid]))
    if not bulk.size:
        return Range(0.0, 1.0)
    noise = max(_noise(wide, valid & (wide >= bulk[0]) & (wide <= bulk[-1])), _rounding(bulk))
    low, high = _ends(bulk, noise)
    contrast = high - low
    white = _nominal(values.dtype, low, high) if nominal else None
    if white is not None and not 0 < contrast < white * _CONTRAST:
        return Range(0.0, white)
    if contrast > 0 and np.isfinite(contrast):
        return Range(low, contrast)
    return Range(0.0, max(abs(low), abs(high)) or 1.0)


def _without_marks(ordered: NDArray[Any]) -> NDArray[Any]:
    """Return sorted values without those that are all alike and lie apart from all the others."""
    least = max(len(ordered) / 10, 64)
    for _ in range(_MARKS):
        if not len(ordered):
            break
        most = len(ordered) * (1 - _LOW / 100)  # rarer values move no percentile
        above = ordered[np.searchsorted(ordered, ordered[0], "right") :]
        below = ordered[: np.searchsorted(ordered, ordered[-1], "left")]
        if least < len(above) < most and above[0] - ordered[0] > _spread(above) > 0:
            ordered = above
        elif least < len(below) < most and ordered[-1] - below[-1] > _spread(below) > 0:
            ordered = below
        else:
            break
    return ordered


def _spread(ordered: NDArray[Any]) -> float:
    low, high = _quantiles(ordered, (_LOW, _HIGH))
    return high - low


def _ends(ordered: NDArray[Any], noise: float) -> tuple[float, float]:
    """Return the values that become 0 and 1 where a range is stretched."""
    low, dark, bright, high = _quantiles(ordered, (_LOW, *_BULK, _HIGH))
    reach = _REACH * (bright - dark)
    cut_low, cut_high = max(low, dark - reach), min(high, bright + reach)
    cut, contrast = cut_high - cut_low, high - low
    if 0 < cut < contrast:
        kept = min(max((noise / _VISIBLE - cut) / (contrast - cut), 0.0), 1.0)
        low, high = cut_low + kept * (low - cut_low), cut_high + kept * (high - cut_high)
    return low, high


def _quantiles(ordered: NDArray[Any], percent: tuple[float, ...]) -> list[float]:
    """Return percentiles of sorted values."""
    positions = np.asarray(percent) / 100 * (len(ordered) - 1)
    below = np.floor(positions).astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    step = ordered[above] - ordered[below]
    return (ordered[below] + (positions - below) * step).tolist()


def _noise(values: NDArray[Any], valid: NDArray[np.bool_]) -> float:
    """Return a rough standard deviation of the noise: the median second difference in a row."""
    axis = 1 if values.ndim > 1 else 0
    if values.shape[axis] < 3:
        return 0.0
    lines = np.where(valid, values, np.nan)
    second = np.abs(np.diff(lines, 2, axis))
    second = second[np.isfinite(second)]
    return float(np.median(second)) / _MAD if second.size else 0.0


def _rounding(ordered: NDArray[Any]) -> float:
    """Return the standard deviation of what rounding to the steps of sorted values leaves.

    Of a few counted photons most pixels are alike: their second differences show no noise.
    """
    steps = np.diff(ordered)
    steps = steps[steps > 0]
    return float(steps.min()) / 12**0.5 if steps.size else 0.0


def _nominal(dtype: np.dtype[Any], low: float, high: float) -> float | None:
    """Return where white is if black is at 0, or None where that cannot be said."""
    if dtype.kind == "f":
        usual = low >= _DARKEST_UNIT and _DIMMEST_UNIT <= high <= _BRIGHTEST_UNIT
        return 1.0 if usual else None
    if low < 0:
        return None
    own = dtype.itemsize * 8 - (dtype.kind == "i")
    whites = [2.0**bits - 1 for bits in (*_BITS, own) if bits <= min(own, 16)]
    return next((white for white in whites if high <= white), None)


def sample_rows(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield rows to look at: all of a small picture, else blocks spread evenly from edge to edge.

    Examples
    --------
    >>> list(sample_rows(100, 100)), len(list(sample_rows(40000, 40000)))
    ([(0, 100)], 16)
    """
    rows = max(1, _SAMPLE // (_BLOCKS * width))
    if height <= rows * _BLOCKS:
        yield 0, height
        return
    for block in range(_BLOCKS):
        start = block * (height - rows) // (_BLOCKS - 1)
        yield start, start + rows
