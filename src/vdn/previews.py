"""A part of a picture, denoised at once, and at another strength while a slider moves."""

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.frame import Frame
from vdn.image.ranges import Range
from vdn.models import Choice
from vdn.restorer import Restored, Restorer

__all__ = ["LADDER", "SIDE", "Box", "Preview"]

SIDE = 1024  # pixels a side, at most
_HALO = 64  # pixels; the whole halo has 1.4 times the pixels, and changes 1 in 200 by a level
LADDER = (0.5, 1.5, 2.0)
"""Strengths computed beforehand, besides 1: those between are mixed from their neighbours."""


@dataclass(frozen=True)
class Box:
    """A part of a stored frame, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def around(cls, row: float, column: float, shape: tuple[int, ...]) -> "Box":
        """Return the part around a place, `SIDE` pixels a side where the frame has them.

        Examples
        --------
        >>> Box.around(10, 3000, (4000, 3000, 3))
        Box(top=0, left=1976, height=1024, width=1024)
        """
        starts, sizes = [], []
        for place, length in zip((row, column), shape[:2], strict=True):
            size = min(SIDE, length)
            starts.append(int(min(max(place - size / 2, 0), length - size)))
            sizes.append(size)
        return cls(*starts, *sizes)

    def within(self, top: float, left: float, bottom: float, right: float) -> "Box | None":
        """Return what of the part lies within these bounds, the last row and column excluded.

        Examples
        --------
        >>> Box(0, 0, 8, 8).within(-2, 3, 5, 90)
        Box(top=0, left=3, height=5, width=5)
        """
        rows = int(max(self.top, top)), int(min(self.top + self.height, bottom))
        columns = int(max(self.left, left)), int(min(self.left + self.width, right))
        if rows[0] >= rows[1] or columns[0] >= columns[1]:
            return None
        return Box(rows[0], columns[0], rows[1] - rows[0], columns[1] - columns[0])


class Preview:
    """The pixels of a part of a frame, and what the network makes of them at several strengths.

    Parameters
    ----------
    denoiser
        Of the task "denoise", with the model named.
    frame, box
        The frame, and the part of it that is shown.
    range_
        The range of the whole frame, so that the part comes out as in the whole; None for that of
        the pixels that are read, where to look at the whole would take too long.
    choice
        The model, and why it was chosen.

    Notes
    -----
    Near the edges of the part, a pixel may differ by a level of 8 bits from the same one of the
    whole picture, since less is read around the part than the model can see.
    """

    def __init__(
        self, denoiser: Restorer, frame: Frame, box: Box, range_: Range | None, choice: Choice
    ) -> None:
        self.box, self._denoiser, self.choice = box, denoiser, choice
        self._black_and_white = (
            None if range_ is None else (range_.offset, range_.offset + range_.scale)
        )
        halo = min(choice.card.halo, _HALO)
        step = choice.card.multiple  # the model halves on the same grid as in the whole picture
        top, left = (max(start - halo, 0) // step * step for start in (box.top, box.left))
        bottom, right = box.top + box.height + halo, box.left + box.width + halo
        height, width = frame.shape[:2]
        pixels = frame.window(slice(top, min(bottom, height)), slice(left, min(right, width)))
        if frame.channels == "planes":
            pixels = pixels[..., 0]
        self._pixels = np.ascontiguousarray(pixels)
        rows, columns = box.top - top, box.left - left
        self._inner = slice(rows, rows + box.height), slice(columns, columns + box.width)
        self._made: dict[float, NDArray[Any]] = {0.0: self._pixels[self._inner]}
        self._lock = Lock()
        self._prepared = False

    def prepare(self) -> bool:
        """Whether the strengths of `LADDER` are to be computed now: at the first call."""
        with self._lock:
            first, self._prepared = not self._prepared, True
        return first

    def exact(self, strength: float) -> Restored | None:
        """Compute the part at a strength; return all that is known of it, if it was not before."""
        if strength in self._made:
            return None
        found = self._denoiser(self._pixels, strength, range=self._black_and_white)
        with self._lock:
            self._made[strength] = found.image[self._inner].copy()
        return found

    def pixels(self, strength: float) -> tuple[NDArray[Any], bool]:
        """Return the part, stored pixels, and whether it is exact: else it is mixed."""
        with self._lock:
            made = dict(self._made)
        if strength in made:
            return made[strength], True
        below = max(each for each in made if each < strength)
        above = min((each for each in made if each > strength), default=below)
        share = np.float32((strength - below) / (above - below) if above > below else 0)
        low, high = (made[each].astype(np.float32) for each in (below, above))
        mixed = low + share * (high - low)
        dtype = self._pixels.dtype
        if dtype.kind in "iu":
            mixed = np.rint(mixed)
        return mixed.astype(dtype), False

    def inside(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what of a map over all pixels that were read lies over the part."""
        return maps[self._inner]
