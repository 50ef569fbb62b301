"""Maps of standard deviations: floats in TIFF, or a picture to look at."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.atomic import replacing
from vdn.image.encoding import WriteOptions
from vdn.image.frame import Frame, FrameSpec
from vdn.image.metadata import Metadata, build_exif
from vdn.image.picture import Picture
from vdn.image.read import open_picture
from vdn.image.write import create_picture
from vdn.image.writer import PictureWriter

__all__ = ["create_map", "map_spec", "map_unit"]

_DESCRIPTION = 270  # the tag ImageDescription
_TEXT = "standard deviation, in units of the picture: {:.6g} times the value"
_UNIT = re.compile(_TEXT.format(0).replace("0", r"(\S+)"))
_ROWS = 256
_WHITE, _TOP = 65535, 99.0  # the value, and the percentile of the map that gets 9/10 of it


def create_map(
    path: str | Path,
    like: Picture,
    frames: Sequence[FrameSpec] | None = None,
    *,
    overwrite: bool = False,
) -> AbstractContextManager[PictureWriter]:
    """Make a TIFF file of float32 maps, one a frame, without alpha; see `create_picture`.

    They share orientation and dots per inch with the picture. A path that ends in `.png` becomes
    a picture of one map that every viewer opens: gray, 16 bits.
    """
    frames = [map_spec(frame) for frame in (like.frames if frames is None else frames)]
    if Path(path).suffix.lower() == ".png":
        return _create_map_picture(Path(path), like, frames, overwrite=overwrite)
    options = WriteOptions(format="tiff")
    return create_picture(path, like.geometry(), frames, options=options, overwrite=overwrite)


def map_spec(frame: FrameSpec) -> FrameSpec:
    """Return what a map over a frame is like.

    Examples
    --------
    >>> map_spec(Frame.of(np.zeros((2, 2, 4), np.uint8))).shape
    (2, 2, 3)
    """
    channels = frame.channels.removesuffix("+alpha")
    colours = () if channels == "gray" else (frame.shape[2] - (channels != frame.channels),)
    shape = (*frame.shape[:2], *colours)
    return frame.spec(shape=shape, dtype=np.dtype(np.float32), channels=channels)


def map_unit(picture: Picture) -> float:
    """Return what the values of a map are worth in the units of the picture it lies over.

    1 but for pictures of a map as `create_map` makes them, which say it.
    """
    described = _UNIT.fullmatch(str(picture.metadata.exif_tags().get(_DESCRIPTION, "")))
    return float(described[1]) if described else 1.0


@contextmanager
def _create_map_picture(
    path: Path, like: Picture, frames: Sequence[FrameSpec], *, overwrite: bool = False
) -> Iterator[PictureWriter]:
    """Write a map of one frame as a gray PNG of 16 bits; see `create_map`.

    What is written are standard deviations; of several channels it shows the root mean square. How
    much one step is in the units of the picture stands in the description of the file. The values
    lie in a file beside it until the largest is known.

    Raises
    ------
    FileError
        When there are several frames, or as `create_picture`.
    """
    if len(frames) != 1:
        raise FileError(f"{path}: a PNG holds one map, not {len(frames)}; write TIFF")
    with replacing(path, overwrite) as temporary:
        values = temporary.with_name(f"{temporary.name}.tiff")
        try:
            options = WriteOptions(format="tiff")
            with create_picture(values, like.geometry(), frames, options=options) as writer:
                yield writer
            _draw(values, temporary, like)
        finally:
            values.unlink(missing_ok=True)


def _draw(values: Path, target: Path, like: Picture) -> None:
    with open_picture(values) as picture:
        frame = picture.frame
        height = frame.shape[0]
        step = max(height // (8 * _ROWS), 1) * _ROWS
        sample = [_joined(frame, start) for start in range(0, height, step)]
        top = float(np.percentile(np.concatenate([rows.ravel() for rows in sample]), _TOP))
        unit = top / (0.9 * _WHITE) or 1.0
        metadata = like.geometry().metadata
        tags = metadata.exif_tags() | {_DESCRIPTION: _TEXT.format(unit)}
        described = Metadata(exif=build_exif(tags, {}), dpi=metadata.dpi)
        gray = Frame.of(np.empty((1, 1), np.uint16)).spec(shape=frame.shape[:2])
        shown = Picture([], described, "png", values, {})
        with create_picture(target, shown, [gray], overwrite=True) as writer:
            for start in range(0, height, _ROWS):
                rows = np.clip(np.rint(_joined(frame, start) / unit), 0, _WHITE)
                writer.write_rows(0, rows.astype(np.uint16))


def _joined(frame: Frame, start: int) -> NDArray[np.float32]:
    rows = np.atleast_3d(frame.rows(start, min(start + _ROWS, frame.shape[0])))
    joined: NDArray[np.float32] = np.sqrt(np.mean(np.square(rows), axis=2))
    return joined
