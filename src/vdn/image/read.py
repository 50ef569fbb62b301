"""Open a picture file, and read it."""

import select
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from numpy.typing import NDArray

from vdn.errors import FileError, MissingExtraError
from vdn.image.exif_note import without_thumbnail
from vdn.image.frame import Frame
from vdn.image.limits import PIECE_LIMIT
from vdn.image.picture import Picture
from vdn.image.recognition import format_by_content, read_start
from vdn.image.spool import spool_file

__all__ = ["open_picture", "read"]

_T = TypeVar("_T")
_CHUNK = 2**20  # bytes of a stream that are read at a time
_PATIENCE = 0.5  # seconds
_LONGEST = 300  # characters of what a decoder says, which may be pixels


def open_picture(
    file: str | Path | BinaryIO, *, name: str = "-", max_bytes: int = PIECE_LIMIT
) -> Picture:
    """Open a picture file, recognised by its content.

    Pixels are decoded when they are asked for, but for OpenEXR and camera raw, which are decoded
    here.

    Parameters
    ----------
    file
        Its path, or a stream of bytes such as `sys.stdin.buffer`, which is read to its end.
    name
        What to call a stream in messages.
    max_bytes
        Bound on what has to be decoded in one piece. Formats that can be decoded in parts (TIFF in
        strips or tiles, arrays, uncompressed FITS) may be of any size.

    Returns
    -------
    Picture
        To be used in a `with` statement.

    Raises
    ------
    FileError
        When the file cannot be opened, is damaged, of no known format, too large to decode, or
        holds colours other than gray and RGB. The text is one line.
    MissingExtraError
        When its format needs a package that is not installed.

    Examples
    --------
    >>> with open_picture("stack.tif") as picture:  # doctest: +SKIP
    ...     for frame in picture.frames:
    ...         band = frame.rows(0, 256)
    """
    if isinstance(file, str | Path):
        return _open(Path(file), Path(file), max_bytes)
    with ExitStack() as stack:
        spool = stack.enter_context(spool_file())
        with spool.open("wb") as target:
            _copy(file, target)
        picture = replace(_open(spool, Path(name), max_bytes), source=spool)
        # Not with `close`: a writer may need the file when the reader is closed.
        weakref.finalize(picture, stack.pop_all().close)
    return picture


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copy a stream to its end; while nothing comes, signals that other threads get are heeded."""
    arrives = _arrival(source)
    read_some = getattr(source, "read1", source.read)
    while True:
        while not arrives():
            pass
        chunk = read_some(_CHUNK)
        if not chunk:
            return
        target.write(chunk)


def _arrival(source: BinaryIO) -> Callable[[], bool]:
    """Return what waits a while for a stream to have something to read, or to end."""
    try:
        poll = select.poll()
        poll.register(source.fileno(), select.POLLIN)
    except (AttributeError, OSError, ValueError):  # Windows; a stream in memory
        return lambda: True
    return lambda: bool(poll.poll(1000 * _PATIENCE))


def read(path: str | Path, *, max_bytes: int = PIECE_LIMIT) -> Picture:
    """Read a file that holds a single image into memory.

    Parameters and errors are those of `open_picture`; several images are an error too.

    Examples
    --------
    >>> read("holiday.jpg").pixels.shape  # doctest: +SKIP
    (3000, 4000, 3)
    """
    with open_picture(path, max_bytes=max_bytes) as picture:
        return picture.loaded()


def _open(path: Path, name: Path, max_bytes: int) -> Picture:
    def open_file() -> Picture:
        return format_by_content(read_start(path), name).open_file(path, max_bytes)

    picture = _translating(name, open_file)

    def guarded(frame: Frame) -> Frame:
        def read_rows(start: int, stop: int) -> NDArray[Any]:
            return _translating(name, lambda: frame.read_rows(start, stop), frame.name)

        window = frame.read_window
        if window is None:
            return frame.reading(read_rows)

        def read_window(rows: slice, columns: slice) -> NDArray[Any]:
            return _translating(name, lambda: window(rows, columns), frame.name)

        return replace(frame, read_rows=read_rows, read_window=read_window)

    frames = [guarded(frame) for frame in picture.frames]
    metadata, left_out = picture.metadata, picture.left_out
    if (exif := without_thumbnail(metadata.exif)) != metadata.exif:  # it shows the noise
        metadata, left_out = replace(metadata, exif=exif), (*left_out, "the thumbnail in EXIF")
    return replace(picture, frames=frames, metadata=metadata, left_out=left_out, path=name)


def _translating(name: Path, call: Callable[[], _T], part: str = "") -> _T:
    """Make one line of whatever a decoder raises."""
    where = f"{name}: {part}: " if part else f"{name}: "
    try:
        return call()
    except (FileError, MissingExtraError) as error:
        raise type(error)(f"{where}{error}") from error
    except MemoryError as error:
        raise FileError(f"{where}does not fit into the memory; cut it into parts") from error
    except Exception as error:  # decoders raise nearly anything when a file is damaged
        texts = (text.decode("utf-8", "replace") for text in error.args if isinstance(text, bytes))
        reason = " ".join((next(texts, "") or str(error)).split()) or type(error).__name__
        raise FileError(f"{where}is damaged or cut short ({reason[:_LONGEST]})") from error
