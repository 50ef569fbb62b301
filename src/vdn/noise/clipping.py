"""How much of a picture is cut off at black and at white."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Clipped", "ClippedCount"]

_PILED = 4  # times as many pixels as have the next value, from which on they pile up
_LEAST = 1e-4  # share of the pixels


@dataclass(frozen=True)
class Clipped:
    """The pixels of one channel that are cut off.

    Attributes
    ----------
    dark, bright
        Share of the pixels that have the least and the largest value, where these are cut off; else
        0.
    black, white
        These values.
    """

    dark: float
    bright: float
    black: float
    white: float


class ClippedCount:
    """Counts the pixels at both ends of the values while the parts of a picture go by.

    An end is cut off where it is the end of what the values can be (0 and 255 of 8 bits), or where
    the pixels pile up: at least four times as many as have the next value, and one in 10,000.

    Parameters
    ----------
    channels
        How many there are.
    ends
        The least and the largest value there can be, if there are such.

    Examples
    --------
    >>> count = ClippedCount(1, (0, 255))
    >>> count.add(np.array([[[0], [3], [9]], [[255], [255], [7]]], np.uint8))
    >>> count.clipped
    (Clipped(dark=0.16666666666666666, bright=0.3333333333333333, black=0.0, white=255.0),)
    """

    def __init__(self, channels: int, ends: Sequence[float] = ()) -> None:
        self._ends = tuple(float(end) for end in ends)
        self._seen = np.zeros(channels)
        self._low: list[dict[float, int]] = [{} for _ in range(channels)]
        self._high: list[dict[float, int]] = [{} for _ in range(channels)]

    def add(self, pixels: NDArray[Any], channels: slice = slice(None)) -> None:
        """Take a part in, (h, w, C); values that are not finite are passed over."""
        places = range(*channels.indices(len(self._seen)))
        for index, place in enumerate(places):
            values = pixels[..., index].ravel()
            if values.dtype.kind == "f":
                values = values[np.isfinite(values)]
            if not values.size:
                continue
            self._seen[place] += values.size
            self._low[place] = _two(self._low[place], values, np.min, min)
            self._high[place] = _two(self._high[place], values, np.max, max)

    @property
    def clipped(self) -> tuple[Clipped, ...]:
        """What is cut off, one a channel."""
        return tuple(
            Clipped(
                self._share(low, min, seen),
                self._share(high, max, seen),
                min(low, default=0.0),
                max(high, default=0.0),
            )
            for low, high, seen in zip(self._low, self._high, self._seen, strict=True)
        )

    def _share(self, counts: dict[float, int], extreme: Any, seen: float) -> float:
        if len(counts) < 2:  # nothing, or one value everywhere
            return 0.0
        value = extreme(counts)
        (following,) = (count for each, count in counts.items() if each != value)
        share = counts[value] / float(seen)
        piled = counts[value] >= _PILED * following and share >= _LEAST
        return share if piled or value in self._ends else 0.0


def _two(
    known: dict[float, int], values: NDArray[Any], reduce: Any, extreme: Any
) -> dict[float, int]:
    """Return how many pixels have the outermost value, and how many the next."""
    counts = dict(known)
    rest = values
    for _ in range(2):
        if not rest.size:
            break
        value = reduce(rest)
        inside = rest != value
        counts[float(value)] = counts.get(float(value), 0) + int(rest.size - inside.sum())
        rest = rest[inside]
    chosen = sorted(counts, reverse=extreme is max)[:2]
    return {value: counts[value] for value in chosen}
