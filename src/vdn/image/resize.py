"""An image resized row by row as it comes, by cubic convolution with anti-aliasing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.frame import FrameSpec
from vdn.resampling import resample, resize_taps

__all__ = ["RowResizer"]


class RowResizer:
    """Takes the rows of an image in, from the top, and gives those of the resized one.

    Parameters
    ----------
    frame, target
        What the image is like, and what the resized one.
    no_data
        The value that marks pixels without data: they count nowhere, and the pixel nearest to one
        is marked so.

    Examples
    --------
    >>> image, small = (FrameSpec(shape=(side, side), dtype=np.dtype("u1"), channels="gray")
    ...                 for side in (8, 4))
    >>> resizer = RowResizer(image, small)
    >>> [len(resizer(np.full((4, 8), 7, np.uint8))) for part in range(2)]
    [0, 4]
    """

    def __init__(self, frame: FrameSpec, target: FrameSpec, no_data: float | None = None) -> None:
        self._height, self._width = frame.shape[:2]
        self._dtype, self._no_data = frame.dtype, no_data
        down, across = (
            resize_taps(length, wanted)
            for length, wanted in zip(frame.shape[:2], target.shape[:2], strict=True)
        )
        self._down, self._across = down, across
        self._nearest = [
            np.take_along_axis(places, weights.argmax(axis=1)[:, None], 1)
            for places, weights in (down, across)
        ]
        self._rows: NDArray[Any] = np.empty((0, *frame.shape[1:]), frame.dtype)
        self._top = self._made = 0

    def __call__(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Take further rows, and return those that are ready."""
        self._rows = np.concatenate([self._rows, rows])
        reached = self._top + len(self._rows)
        places, weights = self._down
        ready = slice(self._made, int(np.searchsorted(places[:, -1], reached)))
        taps = places[ready], weights[ready]
        resized = self._resized(taps, self._nearest[0][ready])
        self._made = ready.stop
        if ready.stop < len(places):
            first = int(places[ready.stop, 0])
            self._rows, self._top = self._rows[first - self._top :].copy(), first
        return resized

    def _resized(
        self, taps: tuple[NDArray[Any], NDArray[Any]], nearest: NDArray[Any]
    ) -> NDArray[Any]:
        if not len(taps[0]):
            return np.empty((0, len(self._across[0]), *self._rows.shape[2:]), self._dtype)
        working = np.float32 if self._dtype.itemsize < 4 else np.float64

        def both(values: NDArray[Any]) -> NDArray[Any]:
            return resample(resample(values, taps, 0, self._top), self._across, 1)

        if self._no_data is None:
            return self._rounded(both(self._rows.astype(working)))
        gap = np.isnan(self._rows) if np.isnan(self._no_data) else self._rows == self._no_data
        share = both((~gap).astype(working))
        values = both(np.where(gap, 0, self._rows).astype(working))
        near = gap[nearest[:, 0] - self._top][:, self._nearest[1][:, 0]]
        share[near] = 1
        resized = self._rounded(values / np.maximum(share, 0.25))
        resized[near] = self._no_data
        return resized

    def _rounded(self, values: NDArray[Any]) -> NDArray[Any]:
        if self._dtype.kind == "f":
            return values.astype(self._dtype)
        limits = np.iinfo(self._dtype)
        rounded: NDArray[Any] = np.clip(np.rint(values), limits.min, limits.max)
        return rounded.astype(self._dtype)
