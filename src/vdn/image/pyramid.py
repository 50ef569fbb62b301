"""The coarser levels of an image, from the finest: each from the one before."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.frame import FrameSpec

__all__ = ["CoarserLevels", "coarsen", "factors"]


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
    result: NDArray[Any] = pixels.astype(np.float32 if exact else np.float64)
    counts = np.ones((1,) * pixels.ndim, result.dtype)
    for axis, (step, length) in enumerate(zip(by, shape, strict=True)):
        if step > 1:
            counts = counts * _shaped(_counts(result.shape[axis], step, length), axis, pixels.ndim)
            result = _sums(result, axis, step, length)
    result = np.divide(result, counts, out=result)
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


class CoarserLevels:
    """The coarser levels of an image that goes by in rows; a file keeps them until its end.

    Parameters
    ----------
    frame
        What the image is like.
    sides
        Rows and columns of the levels, the finest first.
    nearest
        As in `coarsen`.
    file
        Where they are kept; None where there are none.

    Attributes
    ----------
    shapes
        Of the levels, (H, W, C).
    """

    def __init__(
        self,
        frame: FrameSpec,
        sides: Sequence[tuple[int, int]],
        nearest: bool,
        file: BinaryIO | None,
    ) -> None:
        channels = frame.shape[2] if len(frame.shape) == 3 else 1
        shapes = [(*each, channels) for each in (frame.shape[:2], *sides)]
        self.shapes, self._heights = shapes[1:], [shape[0] for shape in shapes]
        self._by = [factors(*pair) for pair in pairwise(shapes)]
        self._nearest, self._file, self._dtype = nearest, file, frame.dtype
        rows = [shape[1] * channels * frame.dtype.itemsize for shape in self.shapes]
        self._row_bytes = rows
        ends = accumulate(shape[0] * row for shape, row in zip(self.shapes, rows, strict=True))
        self._starts = [0, *ends]
        self._waiting: list[list[NDArray[Any]]] = [[] for _ in sides]
        self._made, self._seen = [0 for _ in sides], [0 for _ in sides]

    def watching(self, bands: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Yield rows (n, W, C) as they come, and make the levels of them."""
        for band in bands:
            self._add(0, band)
            yield band

    def rows(self, level: int, count: int) -> Iterator[NDArray[Any]]:
        """Yield the rows of a level, `count` at a time, when all of the image has gone by."""
        assert self._file is not None
        height, *rest = self.shapes[level]
        for row in range(0, height, count):
            self._file.seek(self._starts[level] + row * self._row_bytes[level])
            data = self._file.read(min(count, height - row) * self._row_bytes[level])
            yield np.frombuffer(data, self._dtype).reshape(-1, *rest)

    def _add(self, level: int, rows: NDArray[Any]) -> None:
        """Take in rows of the level before; what they complete goes on to the next."""
        if level == len(self.shapes):
            return
        assert self._file is not None
        self._waiting[level].append(rows)
        self._seen[level] += len(rows)
        height, *rest = self.shapes[level]
        step, made = self._by[level][0], self._made[level]
        at_end = self._seen[level] == self._heights[level]
        count = (height if at_end else min(self._seen[level] // step, height)) - made
        if count <= 0:
            return
        finer = np.concatenate(self._waiting[level])
        found = coarsen(finer[: count * step], self._by[level], (count, *rest), self._nearest)
        self._file.seek(self._starts[level] + made * self._row_bytes[level])
        self._file.write(np.ascontiguousarray(found).data)
        self._waiting[level] = [finer[count * step :].copy()]
        self._made[level] += count
        self._add(level + 1, found)
