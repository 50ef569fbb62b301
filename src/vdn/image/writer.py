"""Takes the rows of a picture in order, and hands them to the encoder of its format."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from vdn.errors import FileError, InputError, VdnError
from vdn.image.dimensions import Dimensions
from vdn.image.encoding import EncodeRequest, Rows, WriteOptions
from vdn.image.formats import Format
from vdn.image.frame import FrameSpec
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture
from vdn.image.resized import Resize

__all__ = ["PictureWriter"]


def _dimensions(like: Picture | None, frames: Sequence[FrameSpec]) -> Dimensions | None:
    """Return the dimensions of a picture, if the frames to write are still as many and as large."""
    if like is None or like.dimensions is None or len(frames) != len(like.frames):
        return None
    same = all(a.shape[:2] == b.shape[:2] for a, b in zip(frames, like.frames, strict=True))
    return like.dimensions if same else None


class PictureWriter:
    """Writes the rows of a picture; see `create_picture`."""

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
        same = like is not None and like.format == chosen.name
        metadata = Metadata() if like is None else like.metadata
        resizes = [
            Resize.between(before, after)
            for before, after in zip([] if like is None else like.frames, frames, strict=False)
        ]
        if resizes and resizes[0] is not None:
            metadata = metadata.resized(resizes[0])
        request = EncodeRequest(
            frames=frames,
            metadata=metadata,
            encoding=like.encoding if like is not None and same else {},
            options=options,
            dimensions=_dimensions(like, frames),
            resizes=resizes,
        )
        assert chosen.encode is not None
        self._encoder = chosen.encode(target, request)

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
            (n, W[, C]) with the shape and dtype of the frame. They may be encoded later: do not
            change them.

        Raises
        ------
        InputError
            When these rows are not those that come next.
        FileError
            When they, or rows before them, cannot be encoded.
        """
        self._check_turn(index, rows)
        self._row += len(rows)
        last = self._row == self._frames[index].shape[0]
        if last:
            self._index, self._row = index + 1, 0
        if len(rows):
            self._send(rows, finished=last and self._index == len(self._frames))

    def __enter__(self) -> "PictureWriter":
        self._send(None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._encoder.close()
        if error is None and self._index < len(self._frames):
            raise InputError(
                f"{self._name}: not all rows were written: frame {self._index} has {self._row} of "
                f"{self._frames[self._index].shape[0]}"
            )

    def _send(self, rows: Rows | None, finished: bool = False) -> None:
        try:
            self._encoder.send(rows)  # type: ignore[arg-type]  # None starts it
        except StopIteration:
            assert finished, "an encoder that stops before the last row"
        except (VdnError, MemoryError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.strerror:  # a full disk, for instance
                raise
            raise FileError(
                f"{self._name}: cannot be written as {self._format.name} ({error})"
            ) from error

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
