"""A picture from a file: its frames, and what it takes to write one like it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.dimensions import Dimensions
from vdn.image.frame import Frame
from vdn.image.metadata import Metadata

__all__ = ["Picture"]


def _nothing() -> None:
    pass


@dataclass(frozen=True, eq=False)
class Picture:
    """What a file holds; a context manager that closes it.

    Attributes
    ----------
    frames
        At least one: pages, time points, frames of an animation, arrays. Pixels are as stored: the
        orientation in the metadata is not applied.
    metadata
        EXIF, ICC, XMP and dpi, of the first frame where frames differ.
    format
        Name of the format, such as "png" or "tiff".
    path
        The name of the file.
    encoding
        How the file was encoded (quality, compression, tags of its own), for its format's writer.
    left_out
        What else is in the file that no output will have, in words: a video behind the picture.
    specific
        What only an output of the same format will have, in words: comments.
    dimensions
        What the frames are along which axes, where the file says so.
    source
        The file to read when it is not `path`: standard input, kept in a temporary file.
    """

    frames: Sequence[Frame] = field(repr=False)
    metadata: Metadata
    format: str
    path: Path
    encoding: Mapping[str, Any] = field(default_factory=dict, repr=False)
    left_out: tuple[str, ...] = field(default=(), repr=False)
    specific: tuple[str, ...] = field(default=(), repr=False)
    dimensions: Dimensions | None = field(default=None, repr=False)
    source: Path | None = field(default=None, repr=False)
    close: Callable[[], None] = field(default=_nothing, repr=False)

    @classmethod
    def of(
        cls, pixels: NDArray[Any], metadata: Metadata | None = None, path: str | Path = ""
    ) -> "Picture":
        """Return a picture of pixels in memory, of no format."""
        return cls([Frame.of(pixels)], metadata or Metadata(), "", Path(path))

    @property
    def pixel_count(self) -> int:
        """Pixels of all frames together; one counts once, whatever its channels."""
        return sum(frame.shape[0] * frame.shape[1] for frame in self.frames)

    @property
    def frame(self) -> Frame:
        """The only frame.

        Raises
        ------
        FileError
            When there are several.
        """
        if len(self.frames) != 1:
            raise FileError(f"{self.path}: holds {len(self.frames)} images; give a single one")
        return self.frames[0]

    @property
    def pixels(self) -> NDArray[Any]:
        """The pixels of the only frame."""
        return self.frame.read()

    def loaded(self) -> "Picture":
        """Return the same with its only frame in memory, independent of the file."""
        frame = self.frame
        in_memory = frame.reading(Frame.of(frame.read()).read_rows)
        return replace(self, frames=[in_memory], close=_nothing)

    def geometry(self) -> "Picture":
        """Return what a map over the same pixels shares with the picture, to be written like."""
        return replace(self, metadata=self.metadata.geometry(), encoding={}, close=_nothing)

    def __enter__(self) -> "Picture":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
