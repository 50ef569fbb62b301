"""How the values of a picture become those of a network: one offset and one scale."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.frame import Frame

__all__ = ["Range", "find_ranges"]

_LOW, _HIGH = 0.1, 99.9  # percentiles: a few hot or dead pixels change nothing
_BRIGHTEST_UNIT, _DIMMEST_UNIT, _DARKEST_UNIT = 4.0, 1 / 16, -0.9  # floats taken as given
_CONTRAST = 1 / 32  # of the nominal range: with less, the picture is stretched
_BITS = (8, 10, 12, 14)  # of a sensor whose values are stored in wider integers
_SAMPLE, _BLOCKS = 2**22, 16  # pixels looked at, in so many blocks of rows


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


def find_ranges(frame: Frame) -> tuple[Range, ...]:
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
    blocks = [frame.rows(start, stop) for start, stop in _sample(*frame.shape[:2])]
    sample = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if frame.channels == "planes":
        return tuple(range_of(sample[..., c], frame.no_data) for c in range(count))
    return (range_of(sample[..., :-1] if "alpha" in frame.channels else sample, frame.no_data),)


def range_of(values: NDArray[Any], no_data: float | None = None) -> Range:
    """Return the range of values, which may be a sample of a picture.

    `low` and `high` are the percentiles 0.1 and 99.9 of the finite values. The *nominal* range is
    0 to 255 for uint8; 0 to 1 for floats with `low` at least -0.9 and `high` from 1/16 to 4; and
    for other integers without negative values 0 to the largest number of 8, 10, 12, 14 bits or of
    the dtype up to 16 bits, the smallest that holds `high`. The nominal range is taken unless
    there is none or the picture fills less than 1/32 of it; then it is stretched, `low` becoming 0
    and `high` 1.

    Examples
    --------
    >>> range_of(np.arange(4000, dtype=np.uint16))  # 12 bits
    Range(offset=0.0, scale=4095.0)
    >>> range_of(np.arange(-1000, 3001, dtype=np.int16)).offset  # Hounsfield units
    -996.0
    """
    if values.dtype == np.uint8:
        return Range(0.0, 255.0)
    values = np.ravel(values)
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if no_data is not None:
        values = values[values != no_data]
    if not values.size:
        return Range(0.0, 1.0)
    wide = values if values.dtype.itemsize == 8 else values.astype(np.float32, copy=False)
    low, high = (float(value) for value in np.percentile(wide, (_LOW, _HIGH)))
    nominal = _nominal(values.dtype, low, high)
    contrast = high - low
    if nominal is not None and not 0 < contrast < nominal * _CONTRAST:
        return Range(0.0, nominal)
    if contrast > 0 and np.isfinite(contrast):
        return Range(low, contrast)
    return Range(0.0, max(abs(low), abs(high)) or 1.0)


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


def _sample(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield rows to look at: all of a small picture, else blocks spread evenly from edge to edge.

    Examples
    --------
    >>> list(_sample(100, 100)), len(list(_sample(40000, 40000)))
    ([(0, 100)], 16)
    """
    rows = max(1, _SAMPLE // (_BLOCKS * width))
    if height <= rows * _BLOCKS:
        yield 0, height
        return
    for block in range(_BLOCKS):
        start = block * (height - rows) // (_BLOCKS - 1)
        yield start, start + rows
