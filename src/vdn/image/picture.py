"""A picture from a file: its pixels, and what it takes to write one like it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.metadata import Metadata

__all__ = ["PIXEL_LIMIT", "Picture", "check_size"]

PIXEL_LIMIT = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Picture:
    """What was read from a file.

    Attributes
    ----------
    pixels
        (H, W), or (H, W, C) with C of 2 (gray, alpha), 3 or 4 (colour, alpha), as stored: the
        orientation in the metadata is not applied.
    metadata
        EXIF, ICC, XMP and dpi.
    format
        Name of the format: "png", "jpeg" or "tiff".
    path
        Where it came from.
    encoding
        How the file was encoded (quality, compression, tags of its own), for its format's writer.
    """

    pixels: NDArray[Any] = field(repr=False)
    metadata: Metadata
    format: str
    path: Path
    encoding: Mapping[str, Any] = field(default_factory=dict, repr=False)


def check_size(width: int, height: int) -> None:
    """Refuse a picture that would fill the memory when decoded.

    Raises
    ------
    FileError
        Above `PIXEL_LIMIT` pixels.
    """
    if width * height > PIXEL_LIMIT:
        raise FileError(
            f"{width} x {height} pixels are more than the limit of {PIXEL_LIMIT:,}; "
            "cut the picture into parts"
        )
