"""One image of a file: its shape, and its rows when they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError

__all__ = ["CHANNELS", "Frame", "FrameSpec", "channels_of", "lazy_frames"]

CHANNELS = ("gray", "gray+alpha", "colour", "colour+alpha", "planes")

_COUNTS = {"gray": (1,), "gray+alpha": (2,), "colour": (3,), "colour+alpha": (4,)}

_MIDDLE_BYTES = 2**25
_Rows = Callable[[int, int], NDArray[Any]]
_Window = Callable[[slice, slice], NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameSpec:
    """What an image is like, without its pixels.

    Attributes
    ----------
    shape
        (H, W) or (H, W, C).
    dtype
        As in the file, in the machine's byte order.
    channels
        What the last axis is: "gray" (there is none), "gray+alpha", "colour", "colour+alpha", or
        "planes": channels that have nothing in common but their place, each an image of its own.
    name
        What the file calls it, for messages: "page 3", "extension SCI".
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    channels: str
    name: str = ""

    def __post_init__(self) -> None:
        count = self.shape[2] if len(self.shape) == 3 else 1
        if len(self.shape) not in (2, 3) or count not in _COUNTS.get(self.channels, (count,)):
            raise InputError(f"a frame of shape {self.shape} cannot be {self.channels}")

    @property
    def color_channels(self) -> int:
        """The number of channels without alpha."""
        count = self.shape[2] if len(self.shape) == 3 else 1
        return count - 1 if self.channels.endswith("alpha") else count

    @property
    def row_bytes(self) -> int:
        """Size of one row in memory."""
        return int(np.prod(self.shape[1:], dtype=object)) * self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Size of the whole in memory."""
        return self.shape[0] * self.row_bytes

    def spec(self, **changes: Any) -> "FrameSpec":
        """Return the description alone, with changes such as another dtype.

        Examples
        --------
        >>> Frame.of(np.zeros((2, 3), np.uint8)).spec(dtype=np.dtype("float32")).nbytes
        24
        """
        fields = ("shape", "dtype", "channels", "name")
        return FrameSpec(**({name: getattr(self, name) for name in fields} | changes))

    def scaled(self, scale: int) -> "FrameSpec":
        """Return the description of the image with `scale` times the pixels a side.

        Examples
        --------
        >>> Frame.of(np.zeros((2, 3, 4), np.uint8)).scaled(2).shape
        (4, 6, 4)
        """
        height, width, *channels = self.shape
        return self.spec(shape=(scale * height, scale * width, *channels))


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame(FrameSpec):
    """An image of a file: a page, a time point, a plane in depth, a frame of an animation.

    Attributes
    ----------
    streams
        Whether `rows` needs no more memory than the rows asked for (and a strip or two); else the
        whole image is decoded at the first call and kept until another of the same file is asked
        for.
    read_window
        Reads a part of the rows without the rest of them, where that is possible.
    no_data
        The value that marks pixels without data, NaN for instance; None where there is none.
    """

    streams: bool = False
    no_data: float | None = None
    read_rows: _Rows = field(repr=False)
    read_window: _Window | None = field(default=None, repr=False)

    @classmethod
    def of(cls, pixels: NDArray[Any], channels: str | None = None, name: str = "") -> "Frame":
        """Return a frame of pixels in memory.

        Examples
        --------
        >>> Frame.of(np.zeros((4, 5, 3), np.uint8)).channels
        'colour'
        """
        return cls(
            shape=pixels.shape,
            dtype=pixels.dtype,
            channels=channels or channels_of(pixels.shape),
            name=name,
            streams=True,
            read_rows=lambda start, stop: pixels[start:stop],
        )

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows, (stop - start, W[, C]), as stored.

        Not to be called from two threads at a time for frames of one file.

        Raises
        ------
        InputError
            When there are no such rows.
        FileError
            When the file is damaged there.
        """
        if not 0 <= start <= stop <= self.shape[0]:
            raise InputError(f"rows {start} to {stop} of a frame of {self.shape[0]} rows")
        return self.read_rows(start, stop)

    def window(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a part of the image, (h, w[, C]); `rows` and `columns` have a start and a stop.

        Examples
        --------
        >>> Frame.of(np.arange(12).reshape(3, 4)).window(slice(1, 3), slice(0, 2)).tolist()
        [[4, 5], [8, 9]]
        """
        if self.read_window is not None:
            return self.read_window(rows, columns)
        return self.rows(rows.start, rows.stop)[:, columns]

    def read(self) -> NDArray[Any]:
        """Return the whole image."""
        return self.rows(0, self.shape[0])

    def middle(self, side: int) -> NDArray[Any]:
        """Return pixels from the middle, (h, w, C) of at most `side` rows and columns, no alpha.

        Of frames with very long rows there are fewer.
        """
        (top, height), (left, width) = self.middle_place(side)
        pixels = self.window(slice(top, top + height), slice(left, left + width))
        return np.atleast_3d(pixels)[..., : self.color_channels]

    def middle_place(self, side: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return where the pixels of `middle` begin and how many there are, down and across."""
        rows = min(side, max(_MIDDLE_BYTES // max(self.row_bytes, 1), 32))
        down, across = (
            (max(length - wanted, 0) // 2, min(length, wanted))
            for length, wanted in zip(self.shape[:2], (rows, side), strict=True)
        )
        return down, across

    def reading(self, read_rows: _Rows) -> "Frame":
        """Return the same frame, read another way."""
        return replace(self, read_rows=read_rows, read_window=None)


def channels_of(shape: tuple[int, ...]) -> str:
    """Return what the channels of an array are taken for.

    Examples
    --------
    >>> [channels_of(shape) for shape in [(2, 2), (2, 2, 1), (2, 2, 4), (2, 2, 9)]]
    ['gray', 'gray', 'colour+alpha', 'planes']
    """
    count = shape[2] if len(shape) == 3 else 1
    return CHANNELS[count - 1] if 1 <= count <= 4 else "planes"


def lazy_frames(
    specs: Sequence[FrameSpec], decode: Callable[[int], NDArray[Any]]
) -> tuple[Frame, ...]:
    """Return frames that are decoded whole, when first asked for; one at a time is kept.

    Parameters
    ----------
    specs
        What the frames are like; `decode` must keep the promise.
    decode
        Returns the pixels of the frame with a number.
    """
    lock = Lock()
    kept: dict[int, NDArray[Any]] = {}

    def pixels(index: int) -> NDArray[Any]:
        with lock:
            if index not in kept:
                kept.clear()
                decoded = decode(index)
                spec = specs[index]
                if decoded.shape != spec.shape or decoded.dtype != spec.dtype:
                    raise ValueError(f"decodes to {decoded.dtype} of shape {decoded.shape}")
                kept[index] = decoded
            return kept[index]

    def frames() -> Iterator[Frame]:
        for index, spec in enumerate(specs):
            yield Frame(
                shape=spec.shape,
                dtype=spec.dtype,
                channels=spec.channels,
                name=spec.name,
                read_rows=lambda start, stop, index=index: pixels(index)[start:stop],  # type: ignore[misc]
            )

    return tuple(frames())
