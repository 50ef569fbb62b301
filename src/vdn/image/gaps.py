"""Pixels that are not to be used get values from their row, out of a bounded neighbourhood.

So a part of a picture is filled like the whole, if it is read with `REACH` columns around it.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["REACH", "interpolate", "nearest"]

REACH = 256
"""Columns to either side from which a gap is filled."""

_Gap = NDArray[np.bool_]


def interpolate(line: NDArray[np.float32], gap: _Gap, otherwise: float) -> None:
    """Fill the gaps of a row in place: linearly, where they are at most `REACH` wide.

    In wider ones, and at the ends of the row, a pixel gets the nearest value as `nearest` says.

    Parameters
    ----------
    line
        (W,).
    gap
        (W,), true where a value is wanted.
    otherwise
        The value where none is near.

    Examples
    --------
    >>> line = np.array([1, 0, 0, 4, 0], np.float32)
    >>> interpolate(line, line == 0, 0.5)
    >>> line.tolist()
    [1.0, 2.0, 3.0, 4.0, 4.0]
    """
    columns, before, after = _ends(gap)
    line[gap] = _nearer(line, columns, before, after, otherwise)
    inside = after - before <= REACH + 1
    columns, before, after = columns[inside], before[inside], after[inside]
    share = ((columns - before) / (after - before)).astype(np.float32)
    line[columns] = line[before] + share * (line[after] - line[before])


def nearest(line: NDArray[np.generic], gap: _Gap, otherwise: np.generic | float) -> None:
    """Fill the gaps of a row in place with the nearest value at most `REACH` columns away.

    Parameters
    ----------
    line, gap, otherwise
        As in `interpolate`.

    Examples
    --------
    >>> line = np.array([1, 0, 0, 4])
    >>> nearest(line, line == 0, 9)
    >>> line.tolist()
    [1, 1, 4, 4]
    """
    line[gap] = _nearer(line, *_ends(gap), otherwise)


def _ends(gap: _Gap) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the columns in gaps, and the last valid one before and the first after each.

    Where there is none it is far outside the row.
    """
    columns = np.flatnonzero(gap)
    far = len(gap) + 2 * REACH
    valid = np.concatenate([[-far], np.flatnonzero(~gap), [far + len(gap)]])
    after = np.searchsorted(valid, columns)
    return columns, valid[after - 1], valid[after]


def _nearer(
    line: NDArray[np.generic],
    columns: NDArray[np.intp],
    before: NDArray[np.intp],
    after: NDArray[np.intp],
    otherwise: np.generic | float,
) -> NDArray[np.generic]:
    source = np.where(columns - before <= after - columns, before, after)
    near = np.abs(source - columns) <= REACH
    return np.where(near, line[source.clip(0, len(line) - 1)], line.dtype.type(otherwise))
