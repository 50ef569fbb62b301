"""What the formats that Pillow reads have in common."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.frame import CHANNELS, Frame, FrameSpec, lazy_frames
from vdn.image.limits import check_piece
from vdn.image.metadata import Metadata

__all__ = ["frame_durations", "open_frames", "pillow_metadata", "save_options"]

_HEADER = b"Exif\0\0"


def pillow_metadata(image: Any) -> Metadata:
    """Return the metadata of an open `PIL.Image.Image`."""
    xmp = image.info.get("xmp", b"")
    return Metadata(
        exif=image.info.get("exif", b"").removeprefix(_HEADER),
        icc=image.info.get("icc_profile") or b"",
        xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        dpi=image.info.get("dpi"),
    )


def save_options(metadata: Metadata, exif: bytes) -> dict[str, Any]:
    """Return the arguments of `PIL.Image.Image.save` for metadata that is there."""
    options = {
        "exif": _HEADER + exif if exif else b"",
        "icc_profile": metadata.icc,
        "xmp": metadata.xmp,
    }
    return {key: value for key, value in options.items() if value}


def open_frames(
    open_image: Callable[[], Any],
    count: int,
    mode: str,
    limit: int,
    itemsize: int = 1,
) -> tuple[tuple[Frame, ...], Callable[[], None]]:
    """Return the frames of a picture, decoded in a mode of Pillow when asked for, and how to close.

    Parameters
    ----------
    open_image
        Opens the file anew.
    count
        Number of frames.
    mode
        "L", "LA", "RGB" or "RGBA".
    limit
        The most bytes a frame may take.
    itemsize
        Bytes of a value, if it is to be decoded by others.
    """
    with open_image() as image:
        width, height = image.size
    shape = (height, width) if len(mode) == 1 else (height, width, len(mode))
    specs = [
        FrameSpec(
            shape=shape,
            dtype=np.dtype(np.uint8),
            channels=CHANNELS[len(mode) - 1],
            name=f"frame {index + 1}" if count > 1 else "",
        )
        for index in range(count)
    ]
    check_piece(specs[0].nbytes * itemsize, limit)

    waiting: dict[int, Any] = {}  # the open file, by the frame that comes next

    def close() -> None:
        while waiting:
            waiting.popitem()[1].close()

    def decode(index: int) -> NDArray[Any]:
        image = waiting.pop(index, None) or open_image()
        close()
        try:
            if index:
                image.seek(index)
            pixels = np.array(image.convert(mode))
        except BaseException:
            image.close()
            raise
        waiting[index + 1] = image  # to go on from: a frame may need the one before
        if index + 1 == count:
            close()
        return pixels

    return lazy_frames(specs, decode), close


def frame_durations(image: Any, count: int) -> list[float]:
    """Return how long each frame of an animation is shown, in ms; empty for one frame."""
    durations = []
    for index in range(count if count > 1 else 0):
        image.seek(index)
        image.load()  # only then is the duration known
        durations.append(image.info.get("duration", 0))
    return durations
