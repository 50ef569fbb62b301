"""The file formats: how each is recognised, what it holds, who reads and writes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image import jpeg, png, tiff
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture

__all__ = ["FORMATS", "Format", "format_by_content", "format_by_suffix"]


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes
    ----------
    name, suffixes
        What it is called, and how its files end; the first suffix is the usual one.
    signatures
        How its files begin.
    dtypes, channels
        What it can hold.
    decode, encode
        Its reader and its writer.
    """

    name: str
    suffixes: tuple[str, ...]
    signatures: tuple[bytes, ...]
    dtypes: tuple[str, ...]
    channels: tuple[int, ...]
    decode: Callable[[Path], Picture]
    encode: Callable[[Path, NDArray[Any], Metadata, Mapping[str, Any]], None]


FORMATS = (
    Format(
        name="png",
        suffixes=(".png",),
        signatures=(b"\x89PNG\r\n\x1a\n",),
        dtypes=("uint8", "uint16"),
        channels=(1, 2, 3, 4),
        decode=png.decode,
        encode=png.encode,
    ),
    Format(
        name="jpeg",
        suffixes=(".jpg", ".jpeg"),
        signatures=(b"\xff\xd8\xff",),
        dtypes=("uint8",),
        channels=(1, 3),
        decode=jpeg.decode,
        encode=jpeg.encode,
    ),
    Format(
        name="tiff",
        suffixes=(".tiff", ".tif"),
        signatures=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        dtypes=("uint8", "uint16", "float16", "float32", "float64"),
        channels=(1, 2, 3, 4),
        decode=tiff.decode,
        encode=tiff.encode,
    ),
)


def format_by_content(start: bytes) -> Format:
    """Return the format of a file that begins with `start`, whatever its name says.

    Raises
    ------
    FileError
        When it is none of them.
    """
    if not start:
        raise FileError("is empty (0 bytes)")
    for candidate in FORMATS:
        if start.startswith(candidate.signatures):
            return candidate
    raise FileError(f"is not a picture that vdn reads ({_names()})")


def format_by_suffix(path: Path) -> Format:
    """Return the format that the name of a file to be written asks for.

    Raises
    ------
    FileError
        When its suffix is unknown.
    """
    for candidate in FORMATS:
        if path.suffix.lower() in candidate.suffixes:
            return candidate
    suffixes = ", ".join(suffix for known in FORMATS for suffix in known.suffixes)
    raise FileError(
        f"{path}: cannot be written, its extension {path.suffix!r} is not one of {suffixes}"
    )


def _names() -> str:
    return ", ".join(known.name.upper() for known in FORMATS)
