"""Rows pushed in by the pipeline, pulled out by an encoder in a thread of its own."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from vdn.errors import FileError, InputError, VdnError
from vdn.image.formats import Format
from vdn.image.frame import FrameSpec
from vdn.image.job import Job, WriteOptions
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture

__all__ = ["PictureWriter"]

_WAITING = 2  # bands between the pipeline and the encoder


class _Abandoned(Exception):
    """Raised in the encoder when the pipeline has failed."""


class PictureWriter:
    """Takes the rows of a picture in order and encodes them meanwhile; see `create_picture`."""

    def __init__(
        self,
        chosen: Format,
        name: Path,
        target: Path,
        frames: Sequence[FrameSpec],
        like: Picture | None,
        options: WriteOptions,
    ) -> None:
        self._format, self._name, self._frames = chosen, name, frames
        self._index = self._row = 0
        self._queue: Queue[NDArray[Any] | BaseException | None] = Queue(_WAITING)
        self._error: BaseException | None = None
        same = like is not None and like.format == chosen.name
        job = Job(
            frames=frames,
            bands=self._bands(),
            metadata=Metadata() if like is None else like.metadata,
            encoding=like.encoding if like is not None and same else {},
            options=options,
        )
        self._thread = Thread(target=self._encode, args=(target, job), daemon=True)

    @property
    def streams(self) -> bool:
        """Whether rows go to the file as they come; else the frames wait for each other."""
        return self._format.streams

    def write_rows(self, index: int, rows: NDArray[Any]) -> None:
        """Add rows to a frame: frames in order, rows from the top.

        Parameters
        ----------
        index
            Number of the frame.
        rows
            (n, W[, C]) with the shape and dtype of the frame. They are encoded later: do not
            change them.

        Raises
        ------
        InputError
            When these rows are not those that come next.
        FileError
            When an earlier band could not be encoded.
        """
        self._check_turn(index, rows)
        self._raise_failure()
        if len(rows):
            self._queue.put(rows)
        self._row += len(rows)
        if self._row == self._frames[index].shape[0]:
            self._index, self._row = index + 1, 0

    def __enter__(self) -> "PictureWriter":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        complete = self._index == len(self._frames)
        self._queue.put(None if error is None and complete else _Abandoned())
        self._thread.join()
        if error is not None:
            return
        self._raise_failure()
        if not complete:
            raise InputError(
                f"{self._name}: not all rows were written: frame {self._index} has {self._row} of "
                f"{self._frames[self._index].shape[0]}"
            )

    def _check_turn(self, index: int, rows: NDArray[Any]) -> None:
        if index != self._index or index >= len(self._frames):
            raise InputError(f"{self._name}: rows of frame {index} come after {self._index}")
        frame = self._frames[index]
        fits = rows.shape[1:] == frame.shape[1:] and rows.dtype == frame.dtype
        if not fits or self._row + len(rows) > frame.shape[0]:
            raise InputError(
                f"{self._name}: rows of {rows.dtype} and shape {rows.shape} after row {self._row} "
                f"of a frame of {frame.dtype} and shape {frame.shape}"
            )

    def _bands(self) -> Iterator[NDArray[Any]]:
        while (band := self._queue.get()) is not None:
            if isinstance(band, BaseException):
                raise band
            yield band

    def _encode(self, target: Path, job: Job) -> None:
        assert self._format.encode is not None
        bands = job.bands
        try:
            self._format.encode(target, job)
        except BaseException as error:
            self._error = error
        try:
            for _ in bands:  # nobody has to wait for a place in the queue
                pass
        except _Abandoned as error:
            self._error = self._error or error

    def _raise_failure(self) -> None:
        error = self._error
        if error is None or isinstance(error, _Abandoned):
            return
        own = isinstance(error, VdnError | MemoryError) or not isinstance(error, Exception)
        if own or (isinstance(error, OSError) and error.strerror):  # a full disk, for instance
            raise error
        raise FileError(
            f"{self._name}: cannot be written as {self._format.name} ({error})"
        ) from error
