"""What an encoder is: it is sent the rows of a picture, and writes the file.

An encoder is a generator. It is sent rows, from the top, frame after frame, and has finished the
file when it stops after the last of them; closed before that, it leaves its work as it is.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.image.dimensions import Dimensions
from vdn.image.frame import FrameSpec
from vdn.image.metadata import Metadata
from vdn.image.provenance import Provenance
from vdn.image.resized import Resize

__all__ = ["EncodeRequest", "Encoder", "Rows", "WriteOptions", "pulling", "receive"]

Rows = NDArray[Any]
Encoder = Generator[None, Rows, None]

_WAITING = 2  # pieces between who sends and who pulls
_SLICE = 64  # rows of a piece, so that no large part of a picture waits


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """How to write a picture.

    Attributes
    ----------
    format
        Name of the format; by default what the extension says.
    quality
        Of a lossy format, 1 to 100; by default that of the source, or high.
    provenance
        What to note about the making of the picture where the format has a place; None: nothing.
    """

    format: str | None = None
    quality: int | None = None
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise InputError(f"quality={self.quality!r}; give a number from 1 to 100")


@dataclass(frozen=True, eq=False)
class EncodeRequest:
    """A picture to encode.

    Attributes
    ----------
    frames
        What the frames are like, in order.
    metadata, encoding
        Of the picture that this one is like; `encoding` is empty when its format is another.
    options
        How to write it.
    dimensions
        What the frames are along which axes, where that is known and still holds.
    resizes
        How the frames differ in size from those of that picture; None where they do not. The
        metadata tell the new size already.
    """

    frames: Sequence[FrameSpec]
    metadata: Metadata
    encoding: Mapping[str, Any]
    options: WriteOptions
    dimensions: Dimensions | None = None
    resizes: Sequence[Resize | None] = ()

    def resize(self, index: int = 0) -> Resize | None:
        """Return how a frame differs in size."""
        return self.resizes[index] if index < len(self.resizes) else None

    def receive_all(self) -> Generator[None, Rows, list[Rows]]:
        """Return all frames whole, when they have been sent."""
        found = []
        for frame in self.frames:
            found.append((yield from receive(frame)))
        return found


def receive(frame: FrameSpec) -> Generator[None, Rows, Rows]:
    """Return a frame whole, when its rows have been sent; one channel is without an axis.

    Examples
    --------
    >>> from vdn.image import Frame
    >>> receiver = receive(Frame.of(np.zeros((2, 3, 1), np.uint8)))
    >>> next(receiver)
    >>> receiver.send(np.zeros((1, 3, 1), np.uint8))
    >>> try:
    ...     receiver.send(np.ones((1, 3, 1), np.uint8))
    ... except StopIteration as stop:
    ...     stop.value.tolist()
    [[0, 0, 0], [1, 1, 1]]
    """
    pixels: Rows | None = None
    row = 0
    while row < frame.shape[0]:
        rows = yield
        if len(rows) == frame.shape[0]:
            pixels = rows
        else:
            pixels = np.empty(frame.shape, frame.dtype) if pixels is None else pixels
            pixels[row : row + len(rows)] = rows
        row += len(rows)
    assert pixels is not None
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    return np.ascontiguousarray(pixels)


def pulling(frames: Sequence[FrameSpec], encode: Callable[[Iterator[Rows]], None]) -> Encoder:
    """Return an encoder for a library that pulls its rows, which it does in a thread of its own.

    Parameters
    ----------
    frames
        What will be sent.
    encode
        Writes the file, given an iterator over the rows of all frames, each piece within one frame.
    """
    queue: Queue[Rows | None] = Queue(_WAITING)
    failures: list[BaseException] = []

    def pulled() -> Iterator[Rows]:
        while (rows := queue.get()) is not None:
            yield rows
        if missing:
            raise _Abandoned

    def work() -> None:
        rows = pulled()
        try:
            encode(rows)
        except BaseException as error:
            failures.append(error)
        try:
            for _ in rows:  # nobody has to wait for a place in the queue
                pass
        except _Abandoned:
            pass

    missing = sum(frame.shape[0] for frame in frames)
    thread = Thread(target=work, name="vdn-encode", daemon=True)
    thread.start()
    try:
        while missing and not failures:
            rows = yield
            for start in range(0, len(rows), _SLICE):
                queue.put(rows[start : start + _SLICE])
            missing -= len(rows)
    finally:
        queue.put(None)
        thread.join()
    if failures:
        raise failures[0]


class _Abandoned(Exception):
    """Raised where rows are pulled when no more will be sent."""
