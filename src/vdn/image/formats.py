"""The file formats: how each begins, what it holds, who reads and writes it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vdn.errors import FileError
from vdn.image.codecs import (
    avif,
    bmp,
    exr,
    fits,
    heif,
    jpeg,
    npy,
    npz,
    ome_zarr,
    png,
    raw,
    tiff_read,
    tiff_write,
    webp,
)
from vdn.image.encoding import Encoder, EncodeRequest
from vdn.image.frame import CHANNELS, FrameSpec
from vdn.image.picture import Picture

__all__ = ["FORMATS", "Format", "format_by_name", "format_by_suffix", "output_suffix"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file format.

    Attributes
    ----------
    name, suffixes
        What it is called, and how its files end; the first suffix is the usual one.
    recognise
        Whether a file that begins so, and has this name, is one.
    dtypes, channels, many, streams
        What can be written: dtypes, kinds of channels, whether there may be several frames, and
        whether rows are written as they come.
    metadata
        Attributes of `Metadata` that it has a place for.
    dimensions
        Whether it says what axes, units, channels and coarser levels there are.
    exif_limit
        The most bytes of EXIF that it has a place for.
    open_file
        Its reader: the path, and the most that may be decoded in one piece.
    encode
        Its writer, None where there is none.
    longest
        The most pixels of a side.
    folder
        Whether it is a folder, into which `vdn.scale` writes one like it.
    """

    name: str
    suffixes: tuple[str, ...]
    recognise: Callable[[bytes, Path], bool]
    dtypes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    many: bool = False
    streams: bool = False
    metadata: tuple[str, ...] = ("exif", "icc", "xmp")
    dimensions: bool = False
    exif_limit: float = math.inf
    open_file: Callable[[Path, int], Picture]
    encode: Callable[[Path, EncodeRequest], Encoder] | None = None
    longest: float = math.inf
    folder: bool = False

    @property
    def output(self) -> str:
        """Name of the format in which a picture of this one is written."""
        return self.name if self.encode else "tiff"

    def holds(self, frame: FrameSpec) -> bool:
        """Return whether a frame can be written as it is."""
        return frame.dtype.name in self.dtypes and frame.channels in self.channels


def _begins(*signatures: bytes) -> Callable[[bytes, Path], bool]:
    return lambda start, _: start.startswith(signatures)


def _brand(*brands: bytes) -> Callable[[bytes, Path], bool]:
    """Recognise a file of the ISO kind by its main or a compatible brand."""
    return lambda start, _: start[4:8] == b"ftyp" and any(brand in start[8:] for brand in brands)


_INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
_FLOATS = ("float16", "float32", "float64")

FORMATS = (
    Format(
        name="png",
        suffixes=(".png", ".apng"),
        recognise=_begins(b"\x89PNG\r\n\x1a\n"),
        dtypes=("uint8", "uint16"),
        channels=CHANNELS[:4],
        many=True,
        metadata=("exif", "icc", "xmp", "dpi"),
        open_file=png.open_file,
        encode=png.encode,
    ),
    Format(
        name="jpeg",
        longest=65500,
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
        recognise=_begins(b"\xff\xd8\xff"),
        dtypes=("uint8",),
        channels=("gray", "colour"),
        metadata=("exif", "icc", "xmp", "dpi"),
        exif_limit=jpeg.EXIF_LIMIT,
        open_file=jpeg.open_file,
        encode=jpeg.encode,
    ),
    Format(
        name="raw",
        suffixes=raw.SUFFIXES,
        recognise=raw.recognise,
        open_file=raw.open_file,
    ),
    Format(
        name="tiff",
        suffixes=(".tiff", ".tif", ".btf", ".tf8", ".gtiff", ".lsm", ".svs"),
        recognise=_begins(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        dtypes=_INTEGERS + _FLOATS,
        channels=CHANNELS,
        many=True,
        streams=True,
        metadata=("exif", "icc", "xmp", "dpi"),
        dimensions=True,
        open_file=tiff_read.open_file,
        encode=tiff_write.encode,
    ),
    Format(
        name="webp",
        longest=16383,
        suffixes=(".webp",),
        recognise=lambda start, _: start[:4] == b"RIFF" and start[8:12] == b"WEBP",
        dtypes=("uint8",),
        channels=("colour", "colour+alpha"),
        many=True,
        open_file=webp.open_file,
        encode=webp.encode,
    ),
    Format(
        name="avif",
        longest=65536,
        suffixes=(".avif",),
        recognise=_brand(b"avif", b"avis"),
        dtypes=("uint8",),
        channels=("gray", "colour", "colour+alpha"),
        many=True,
        open_file=avif.open_file,
        encode=avif.encode,
    ),
    Format(
        name="heif",
        longest=65535,
        suffixes=(".heic", ".heif", ".hif"),
        recognise=_brand(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
        dtypes=("uint8", "uint16"),
        channels=("gray", "colour", "colour+alpha"),
        many=True,
        open_file=heif.open_file,
        encode=heif.encode,
    ),
    Format(
        name="bmp",
        suffixes=(".bmp", ".dib"),
        recognise=_begins(b"BM"),
        dtypes=("uint8",),
        channels=("gray", "colour"),
        metadata=("dpi",),
        open_file=bmp.open_file,
        encode=bmp.encode,
    ),
    Format(
        name="exr",
        suffixes=(".exr",),
        recognise=_begins(b"v/1\x01"),
        dtypes=("float16", "float32"),
        channels=CHANNELS[:4],
        many=True,
        metadata=(),
        open_file=exr.open_file,
        encode=exr.encode,
    ),
    Format(
        name="fits",
        suffixes=(".fits", ".fit", ".fts"),
        recognise=_begins(b"SIMPLE  ="),
        dtypes=(*_INTEGERS, "float32", "float64"),
        channels=("gray",),
        many=True,
        streams=True,
        metadata=(),
        open_file=fits.open_file,
        encode=fits.encode,
    ),
    Format(
        name="npy",
        suffixes=(".npy",),
        recognise=_begins(b"\x93NUMPY"),
        dtypes=_INTEGERS + _FLOATS,
        channels=CHANNELS,
        many=True,
        streams=True,
        metadata=(),
        open_file=npy.open_file,
        encode=npy.encode,
    ),
    Format(
        name="npz",
        suffixes=(".npz",),
        recognise=lambda start, path: (
            start.startswith(b"PK\3\4") and (path.suffix.lower() == ".npz" or b".npy" in start)
        ),
        dtypes=_INTEGERS + _FLOATS,
        channels=CHANNELS,
        many=True,
        metadata=(),
        open_file=npz.open_file,
        encode=npz.encode,
    ),
    Format(
        name="zarr",
        suffixes=(".zarr",),
        recognise=lambda _, path: ome_zarr.is_store(path),
        metadata=("dpi",),
        dimensions=True,
        open_file=ome_zarr.open_file,
        folder=True,
    ),
)


def output_suffix(path: Path, format: str | None = None) -> str:
    """Return the extension of what is made of a file: its own, or that of another format.

    Examples
    --------
    >>> output_suffix(Path("a.JPG")), output_suffix(Path("a.jpg"), "png")
    ('.JPG', '.png')
    """
    if format is not None:
        return format_by_name(format).suffixes[0]
    for candidate in FORMATS:
        if path.suffix.lower() in candidate.suffixes and not (candidate.encode or candidate.folder):
            return format_by_name(candidate.output).suffixes[0]
    return path.suffix


def format_by_name(name: str) -> Format:
    """Return the format called `name`, or with that suffix, to be written.

    Raises
    ------
    FileError
        When there is none.
    """
    wanted = name.lower().removeprefix(".")
    for candidate in FORMATS:
        if candidate.encode and (wanted == candidate.name or f".{wanted}" in candidate.suffixes):
            return candidate
    names = ", ".join(known.name for known in FORMATS if known.encode)
    raise FileError(f"{name!r} is not a format that vdn writes ({names})")


def format_by_suffix(path: Path) -> Format:
    """Return the format that the name of a file to be written asks for.

    Raises
    ------
    FileError
        When its suffix is unknown.
    """
    for candidate in FORMATS:
        if candidate.encode and path.suffix.lower() in candidate.suffixes:
            return candidate
    suffixes = ", ".join(suffix for known in FORMATS if known.encode for suffix in known.suffixes)
    raise FileError(
        f"{path}: cannot be written, its extension {path.suffix!r} is not one of {suffixes}"
    )
