"""Write a picture to a file, row by row or in one piece."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.atomic import check_target, replacing
from vdn.image.encoding import WriteOptions
from vdn.image.formats import FORMATS, Format, format_by_name, format_by_suffix
from vdn.image.frame import Frame, FrameSpec
from vdn.image.picture import Picture
from vdn.image.spool import spool_file
from vdn.image.writer import PictureWriter

__all__ = [
    "check_output",
    "choose_format",
    "copy",
    "create_picture",
    "write",
]


@contextmanager
def create_picture(
    file: str | Path | BinaryIO,
    like: Picture | None = None,
    frames: Sequence[FrameSpec] | None = None,
    *,
    options: WriteOptions | None = None,
    overwrite: bool = False,
) -> Iterator[PictureWriter]:
    """Make a picture file from rows as they come: whole when the `with` block ends, or not at all.

    Parameters
    ----------
    file
        Its path, whose extension says the format, or a stream of bytes such as
        `sys.stdout.buffer`, in the format of the options or of `like`.
    like
        The picture the pixels come from: its metadata is passed on and, in the same format, its
        encoding (the quality of a JPEG, the compression and the tags of a TIFF). Write maps like
        `like.geometry()`.
    frames
        What the frames are like; by default those of `like`.
    options
        Format, quality, provenance.
    overwrite
        Replace an existing file; the file of `like` is never replaced.

    Raises
    ------
    FileError
        When the file exists, is that of `like`, or cannot be written; when the extension is
        unknown or the format cannot hold the frames.

    Examples
    --------
    >>> with open_picture("a.tif") as picture:  # doctest: +SKIP
    ...     with create_picture("b.tif", picture) as output:
    ...         output.write_rows(0, picture.frames[0].read())
    """
    options = options or WriteOptions()
    frames = list(like.frames if frames is None and like is not None else frames or ())
    if isinstance(file, str | Path):
        path = Path(file)
        chosen = check_output(path, frames, like, options=options, overwrite=overwrite)
        with replacing(path, overwrite) as temporary:
            writer = PictureWriter(chosen, path, temporary, frames, like, options)
            with writer:
                yield writer
        return
    name = Path("-")
    chosen = choose_format(name, like, options)
    _check_frames(name, chosen, frames)
    with spool_file(chosen.suffixes[0]) as spool:
        with PictureWriter(chosen, name, spool, frames, like, options) as writer:
            yield writer
        with spool.open("rb") as made:
            shutil.copyfileobj(made, file)


def write(
    path: str | Path,
    pixels: NDArray[Any],
    like: Picture | None = None,
    *,
    options: WriteOptions | None = None,
    overwrite: bool = False,
) -> None:
    """Write the pixels of a single image to a file, whole or not at all.

    Parameters
    ----------
    path
        The file; its extension says the format.
    pixels
        (H, W), or (H, W, C) with C of 1, 2 (gray, alpha), 3, 4 (colour, alpha), or more (planes),
        of a dtype the format holds. Nothing is converted.
    like, options, overwrite
        As in `create_picture`, with its errors.

    Examples
    --------
    >>> picture = read("a.tiff")  # doctest: +SKIP
    >>> write("a.denoised.tiff", vdn.denoise(picture.pixels).image, picture)  # doctest: +SKIP
    """
    frame = Frame.of(pixels)
    if like is not None and len(like.frames) == 1 and like.frames[0].shape == frame.shape:
        frame = Frame.of(pixels, like.frames[0].channels)
    with create_picture(path, like, [frame], options=options, overwrite=overwrite) as output:
        output.write_rows(0, pixels)


def copy(picture: Picture, path: str | Path, *, overwrite: bool = False) -> None:
    """Copy the file of a picture, byte for byte; errors as in `create_picture`."""
    path = Path(path)
    check_output(path, picture.frames, picture, overwrite=overwrite)
    with replacing(path, overwrite) as temporary:
        shutil.copyfile(picture.source or picture.path, temporary)


def check_output(
    path: Path,
    frames: Sequence[FrameSpec],
    like: Picture | None = None,
    *,
    options: WriteOptions | None = None,
    overwrite: bool = False,
) -> Format:
    """Return the format to write, or raise as `create_picture`, before there is work to lose."""
    chosen = choose_format(path, like, options or WriteOptions())
    if like is not None and _same_file(path, like.path):
        raise FileError(f"{path}: is the input; choose another name")
    check_target(path, overwrite)
    _check_frames(path, chosen, frames)
    return chosen


def choose_format(path: Path, like: Picture | None, options: WriteOptions) -> Format:
    """Return the format of a file to be made: as asked for, as its name or its source says."""
    if options.format is not None:
        return format_by_name(options.format)
    if like is not None and like.format and _goes_by_content(path, like.path):
        return format_by_name(like.format)
    return format_by_suffix(path)


def _goes_by_content(path: Path, source: Path) -> bool:
    """Tell whether a file keeps the format of its source: a stream, or a name that says none."""
    known = {suffix for format_ in FORMATS for suffix in format_.suffixes}
    if path == Path("-"):
        return True
    same = path.suffix == source.suffix or path.stem == source.name  # "plain.denoised"
    return same and path.suffix.lower() not in known


def _check_frames(path: Path, chosen: Format, frames: Sequence[FrameSpec]) -> None:
    if not frames:
        raise FileError(f"{path}: no frame to write")
    if len(frames) > 1 and not chosen.many:
        raise FileError(
            f"{path}: {chosen.name.upper()} holds one image, not {len(frames)}; choose another "
            "extension, such as .tiff"
        )
    for frame in frames:
        height, width = frame.shape[:2]
        if max(height, width) > chosen.longest:
            raise FileError(
                f"{path}: {chosen.name.upper()} holds {chosen.longest} pixels a side at most, not "
                f"{width} x {height}; choose another extension, such as .tiff"
            )
        if not chosen.holds(frame):
            raise FileError(
                f"{path}: {chosen.name.upper()} holds {', '.join(chosen.dtypes)} as "
                f"{', '.join(chosen.channels)}, not {frame.dtype} as {frame.channels} of shape "
                f"{frame.shape}; choose another extension, such as .tiff"
            )


def _same_file(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)
