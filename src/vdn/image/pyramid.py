"""The coarser levels of an image, from the finest: each from the one before."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError

__all__ = ["coarsen", "factors"]


def factors(finer: Sequence[int], coarser: Sequence[int]) -> tuple[int, ...]:
    """Return how many pixels along each axis become one.

    Raises
    ------
    FileError
        When it is no whole number.

    Examples
    --------
    >>> factors((3, 101, 100), (3, 51, 50))
    (1, 2, 2)
    """
    found = tuple(max(1, round(a / b)) for a, b in zip(finer, coarser, strict=True))
    for a, b, factor in zip(finer, coarser, found, strict=True):
        if b not in (a // factor, -(-a // factor)):
            raise FileError(
                f"has a level of shape {tuple(coarser)} above one of {tuple(finer)}; levels that "
                "differ by a whole factor are written"
            )
    return found


def coarsen(
    pixels: NDArray[Any], by: Sequence[int], shape: Sequence[int], nearest: bool = False
) -> NDArray[Any]:
    """Return the means of boxes of pixels; at the end of an axis of what there is.

    Parameters
    ----------
    pixels
        The finer level, in any number of axes.
    by
        Sides of the boxes.
    shape
        That of the result.
    nearest
        Whether the first pixel of each box stands for it instead.

    Examples
    --------
    >>> coarsen(np.array([1, 3, 5], np.uint8), (2,), (2,)).tolist()
    [2, 5]
    """
    if nearest:
        first = pixels[tuple(slice(None, None, step) for step in by)]
        return first[tuple(slice(0, length) for length in shape)]
    result = pixels.astype(np.float64)
    for axis, (step, length) in enumerate(zip(by, shape, strict=True)):
        if step > 1:
            starts = np.arange(length) * step
            stop = min(length * step, result.shape[axis])
            result = np.take(result, np.arange(stop), axis)
            counts = np.diff([*starts, stop]).reshape(-1, *(1,) * (result.ndim - axis - 1))
            result = np.add.reduceat(result, starts, axis) / counts
    return (np.rint(result) if pixels.dtype.kind in "iu" else result).astype(pixels.dtype)
