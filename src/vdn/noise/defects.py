"""Hot and cold pixels: single ones that stand out of all their neighbours."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DefectCount", "Defects"]

_OUT = 6.0  # standard deviations of the noise from the nearest of the eight neighbours
_SPREAD = 2.0  # times what lies between the least and the largest neighbour
_NEIGHBOURS = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]


@dataclass(frozen=True)
class Defects:
    """The pixels that stand out.

    Attributes
    ----------
    hot, cold
        How many values (a pixel has one a channel) lie far above, and far below, all eight
        neighbours.
    share
        Both together by all values.
    """

    hot: int
    cold: int
    share: float


class DefectCount:
    """Counts hot and cold pixels while the parts of a picture go by.

    A value stands out that lies beyond all eight neighbours by six standard deviations of the noise
    (of integers, by six at least) and by twice what these differ among themselves, so that stars,
    edges and text do not count. The outermost pixels of a part are neighbours only.

    Examples
    --------
    >>> picture = np.random.default_rng(0).normal(100, 2, (64, 64, 1))
    >>> picture[20, 30] = 180
    >>> count = DefectCount()
    >>> count.add(picture, np.full((64, 64, 1), 2.0))
    >>> count.defects.hot, count.defects.cold
    (1, 0)
    """

    def __init__(self) -> None:
        self._hot = self._cold = self._seen = self._looked = 0

    def add(self, pixels: NDArray[Any], sigma: NDArray[np.floating]) -> None:
        """Take a part in: pixels and the map of their noise, both (h, w, C)."""
        height, width, channels = pixels.shape
        self._seen += pixels.size
        if height < 3 or width < 3:
            return
        self._looked += (height - 2) * (width - 2) * channels
        working = np.float32 if pixels.dtype.itemsize <= 2 else np.float64
        for channel in range(channels):
            plane = pixels[..., channel].astype(working)
            usual = float(np.median(sigma[..., channel]))  # defects raise the map around them
            least = _OUT * max(usual, 1.0 if pixels.dtype.kind != "f" else 0.0)
            around = [plane[i : height - 2 + i, j : width - 2 + j] for i, j in _NEIGHBOURS]
            high, low = np.maximum.reduce(around), np.minimum.reduce(around)
            centre = plane[1:-1, 1:-1]
            far = np.maximum(least, _SPREAD * (high - low))
            self._hot += int(np.count_nonzero(centre - high > far))
            self._cold += int(np.count_nonzero(low - centre > far))

    @property
    def defects(self) -> Defects:
        """What was found."""
        return Defects(self._hot, self._cold, (self._hot + self._cold) / max(self._looked, 1))
