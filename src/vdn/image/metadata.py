"""What a file says about its picture, apart from the pixels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vdn.image.exif_note import with_note
from vdn.image.provenance import Provenance
from vdn.image.quiet import without_warnings
from vdn.image.resized import Resize

__all__ = ["Metadata", "as_bytes", "build_exif"]

_ORIENTATION = 0x0112
_RESOLUTION = (0x011A, 0x011B)
_UNIT = 0x0128
_INCHES = {2: 1.0, 3: 2.54}  # EXIF's units of resolution, in dots per inch
_SUB_DIRECTORIES = {0x8769: "Exif", 0x8825: "GPS"}
_HEADER = b"Exif\0\0"


@dataclass(frozen=True)
class Metadata:
    """Metadata that every format can carry; it passes unchanged from file to file.

    Attributes
    ----------
    exif
        The EXIF block, a little TIFF file without pixels; empty if there is none. The orientation
        in it says how to turn the pixels for viewing: they are passed as they are stored.
    icc
        ICC colour profile, or empty.
    xmp
        XMP packet, or empty.
    dpi
        Dots per inch along x and y, or None.

    Examples
    --------
    >>> Metadata().orientation
    1
    """

    exif: bytes = b""
    icc: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None

    @property
    def orientation(self) -> int:
        """How to turn the picture for viewing: EXIF's number, 1 (upright) to 8."""
        return int(self.exif_tags().get(_ORIENTATION, 1))

    @property
    def exif_resolution(self) -> tuple[float, float] | None:
        """Dots per inch along x and y as EXIF says, or None."""
        tags = self.exif_tags()
        try:
            x, y = (float(tags[code]) for code in _RESOLUTION)
            factor = _INCHES[tags.get(_UNIT, 2)]
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None
        return (x * factor, y * factor) if x > 0 and y > 0 and x + y < math.inf else None

    def resized(self, resize: Resize) -> "Metadata":
        """Return what they are of the picture with another size, see `vdn.image.resized`."""
        return replace(
            self,
            exif=resize.exif(self.exif),
            xmp=resize.xmp(self.xmp),
            dpi=None if self.dpi is None else resize.density(self.dpi),
        )

    def geometry(self) -> "Metadata":
        """Return what a map over the same pixels shares with the picture: orientation and dpi."""
        if self.orientation == 1:
            return Metadata(dpi=self.dpi)
        exif = _new()
        exif[_ORIENTATION] = self.orientation
        return Metadata(exif=_without_header(exif), dpi=self.dpi)

    def exif_tags(self) -> dict[int, Any]:
        """Return the tags of `exif`'s main directory, by number; text has one character a byte."""
        if not self.exif:
            return {}
        return {code: v for code, v in _parse(self.exif).items() if code not in _SUB_DIRECTORIES}

    def exif_with(self, provenance: Provenance | None) -> bytes:
        """Return `exif` with a note of what was done; see `with_note`."""
        return with_note(self.exif, provenance.text) if provenance else self.exif

    def exif_directories(self) -> dict[int, dict[int, Any]]:
        """Return the directories below the main one that hold tags, by the number of their tag."""
        if not self.exif:
            return {}
        exif = _parse(self.exif)
        found = {code: dict(exif.get_ifd(code)) for code in _SUB_DIRECTORIES}
        return {code: tags for code, tags in found.items() if tags}


def build_exif(tags: Mapping[int, Any], directories: Mapping[int, Mapping[int, Any]]) -> bytes:
    """Make an EXIF block from tags; the inverse of `Metadata.exif_tags` and `exif_directories`."""
    exif = _new()
    exif.update({code: as_bytes(value) for code, value in tags.items()})
    for code, below in directories.items():
        exif.get_ifd(code).update(below)
    return _without_header(exif) if tags or directories else b""


def as_bytes(value: Any) -> Any:
    """Return text as the bytes it was in the file: Pillow reads one character a byte."""
    return value.encode("latin-1", "replace") if isinstance(value, str) else value


def _new() -> Any:
    from PIL import Image

    return Image.Exif()


def _without_header(exif: Any) -> bytes:
    block: bytes = exif.tobytes()
    return block.removeprefix(_HEADER)


def _parse(block: bytes) -> Any:
    """Return Pillow's view of a block; a damaged one holds as many tags as can be read."""
    exif = _new()
    with without_warnings():
        try:
            exif.load(_HEADER + block)
        except (SyntaxError, ValueError, KeyError):  # no TIFF header: a block nobody can read
            return _new()
    return exif
