"""The rows of a frame, read ahead in the reading thread."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.frame import Frame
from vdn.image.ranges import Range, find_ranges
from vdn.streaming.io_threads import IOThreads, wait_for

__all__ = ["AHEAD", "FrameRows"]

AHEAD = 32e6  # bytes read at a time, ahead, of a frame that can be read in parts


class FrameRows:
    """A frame while it is read, every row once, from the top.

    Parameters
    ----------
    frame
        The frame.
    io_threads
        Whose reading thread is used.
    nominal
        As in `vdn.image.find_ranges`.
    """

    def __init__(self, frame: Frame, io_threads: IOThreads, nominal: bool = True) -> None:
        self._frame, self._io_threads, self._nominal = frame, io_threads, nominal
        self._height = frame.shape[0]
        self._chunk = max(1, int(AHEAD // max(frame.row_bytes, 1)))
        self._then: Callable[[], None] | None = None
        self._ranges: Future[Sequence[Range]]
        self._coming: Future[NDArray[Any]] | None = None
        self._asked = 0  # rows asked for
        self._rest = np.empty((0, *frame.shape[1:]), frame.dtype)  # read, not yet in the buffer
        self._buffer = self._rest
        self._start = self._stop = 0  # what the buffer holds

    def begin(self) -> None:
        """Have reading begun."""
        if not self._frame.streams:
            self._chunk = self._height
        self._ranges = self._io_threads.read(find_ranges, self._frame, self._nominal)
        self._ask()

    def then(self, call: Callable[[], None]) -> None:
        """Call something when all rows have been asked for; now, if they have been."""
        if self._asked == self._height:
            call()
        else:
            self._then = call

    def ranges(self) -> Sequence[Range]:
        """Return the range of the frame, or that of each of its planes."""
        return wait_for(self._ranges)

    def __call__(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows, valid until the next call; neither end may go back."""
        if self._chunk >= self._height:  # in one piece, which nobody needs to copy
            if self._stop == 0:
                self._buffer, self._stop = self._take(), self._height
            return self._buffer[start:stop]
        kept = self._buffer[start - self._start : self._stop - self._start]
        if len(self._buffer) < stop - start:
            self._buffer = np.empty((stop - start, *kept.shape[1:]), kept.dtype)
        self._buffer[: len(kept)] = kept
        self._start = start
        while self._stop < stop:
            if not len(self._rest):
                self._rest = self._take()
                self._ask()
            taken = self._rest[: stop - self._stop]
            self._buffer[self._stop - start :][: len(taken)] = taken
            self._rest, self._stop = self._rest[len(taken) :], self._stop + len(taken)
        return self._buffer[: stop - start]

    def free(self) -> None:
        """Let go of the rows; a future keeps its result, and a view of an array the whole."""
        self._coming = None
        self._rest = self._buffer = np.empty((0, *self._frame.shape[1:]), self._frame.dtype)

    def _take(self) -> NDArray[Any]:
        assert self._coming is not None, "begin() first"
        coming, self._coming = self._coming, None
        return wait_for(coming)

    def _ask(self) -> None:
        stop = min(self._asked + self._chunk, self._height)
        if stop > self._asked:
            self._coming = self._io_threads.read(self._frame.rows, self._asked, stop)
        self._asked = stop
        if stop == self._height and self._then is not None:
            self._then()
            self._then = None
