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
    # Sums of so few small integers are exact in single precision, which takes half the memory.
    exact = pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 2 and np.prod(by) <= 256
    result = pixels.astype(np.float32 if exact else np.float64)
    counts = np.ones((1,) * pixels.ndim, result.dtype)
    for axis, (step, length) in enumerate(zip(by, shape, strict=True)):
        if step > 1:
            counts = counts * _shaped(_counts(result.shape[axis], step, length), axis, pixels.ndim)
            result = _sums(result, axis, step, length)
    result /= counts
    return (np.rint(result) if pixels.dtype.kind in "iu" else result).astype(pixels.dtype)


def _counts(finer: int, step: int, length: int) -> NDArray[Any]:
    """Return how many pixels there are in every box along an axis."""
    return np.minimum(finer - np.arange(length) * step, step)


def _shaped(values: NDArray[Any], axis: int, ndim: int) -> NDArray[Any]:
    return values.reshape([-1 if each == axis else 1 for each in range(ndim)])


def _sums(pixels: NDArray[Any], axis: int, step: int, length: int) -> NDArray[Any]:
    """Return the sums of boxes along an axis, of which the last may be incomplete."""
    moved = np.moveaxis(pixels, axis, 0)
    result = moved[: (length - 1) * step + 1 : step].copy()
    for offset in range(1, step):
        part = moved[offset : length * step : step]
        result[: len(part)] += part
    return np.moveaxis(result, 0, axis)
