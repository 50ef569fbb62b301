"""What metadata say of the size of a picture, after it has been resized.

The things in it keep their size: there are more pixels for an inch, and a pixel is a smaller part
of a micrometre or of the sky.
"""

import json
import re
import struct
from dataclasses import dataclass
from fractions import Fraction

from vdn.image.exif_note import find_tags
from vdn.image.frame import FrameSpec

__all__ = ["Resize"]

_SIZES = (0x0100, 0x0101, 0xA002, 0xA003)  # ImageWidth, ImageLength, PixelXDimension, …YDimension
_DENSITIES = (0x011A, 0x011B, 0xA20E, 0xA20F)  # XResolution, FocalPlaneXResolution and those of y
_SHORT, _LONG, _RATIONAL = 3, 4, 5
_LARGEST_RATIONAL = 2**31 - 1

_XMP_SIZE = re.compile(
    rb"((?:tiff:Image|exif:Pixel)(Width|Length|XDimension|YDimension)(?:=[\"']|>))\d+"
)
_XMP_DENSITY = re.compile(rb"((?:tiff:|exif:FocalPlane)([XY])Resolution(?:=[\"']|>))(\d+(?:/\d+)?)")
_OME_PIXELS = re.compile(rb"<(?:\w+:)?Pixels\b[^>]*>")
_OME_SIDE = re.compile(rb"\b(PhysicalSize|Size)([XY])=([\"'])([^\"']*)[\"']")


@dataclass(frozen=True)
class Resize:
    """The sizes of an image before and after.

    Attributes
    ----------
    before, after
        Width and height.

    Examples
    --------
    >>> Resize((10, 20), (20, 40)).factors
    (2.0, 2.0)
    """

    before: tuple[int, int]
    after: tuple[int, int]

    @classmethod
    def between(cls, before: FrameSpec, after: FrameSpec) -> "Resize | None":
        """Return the resize from one frame to another; None where they have one size."""
        old, new = ((frame.shape[1], frame.shape[0]) for frame in (before, after))
        return None if old == new else cls(old, new)

    @property
    def factors(self) -> tuple[float, float]:
        """Pixels along x and y for one of before."""
        (x, y), (new_x, new_y) = self.before, self.after
        return new_x / x, new_y / y

    def density(self, dots: tuple[float, float]) -> tuple[float, float]:
        """Return pixels for a unit of length along x and y."""
        return dots[0] * self.factors[0], dots[1] * self.factors[1]

    def exif(self, block: bytes) -> bytes:
        """Return an EXIF block that tells the new size; every other byte stays where it is."""
        changed = bytearray(block)
        seen = set()
        for code, kind, at, order in find_tags(block):
            if code in _SIZES and kind in (_SHORT, _LONG):
                value = self.after[_SIZES.index(code) % 2]
                struct.pack_into(order + "HII", changed, at + 2, _LONG, 1, value)
            elif code in _DENSITIES and kind == _RATIONAL:
                (offset,) = struct.unpack_from(order + "I", block, at + 8)
                if offset + 8 <= len(block) and offset not in seen:
                    seen.add(offset)  # x and y may share a place
                    old = struct.unpack_from(order + "II", block, offset)
                    new = self._times(old, _DENSITIES.index(code) % 2)
                    struct.pack_into(order + "II", changed, offset, *new)
        return bytes(changed)

    def _times(self, ratio: tuple[int, int], axis: int) -> tuple[int, int]:
        if not ratio[1]:
            return ratio
        exact = Fraction(*ratio) * Fraction(self.after[axis], self.before[axis])
        if exact > _LARGEST_RATIONAL:
            return ratio
        most = _LARGEST_RATIONAL / exact if exact > 1 else Fraction(_LARGEST_RATIONAL)
        near = exact.limit_denominator(max(int(most), 1))
        return near.numerator, near.denominator

    def xmp(self, packet: bytes) -> bytes:
        """Return an XMP packet that tells the new size."""

        def size(found: re.Match[bytes]) -> bytes:
            return found[1] + b"%d" % self.after[found[2] in (b"Length", b"YDimension")]

        def density(found: re.Match[bytes]) -> bytes:
            top, _, bottom = found[3].partition(b"/")
            return found[1] + b"%d/%d" % self._times((int(top), int(bottom or 1)), found[2] == b"Y")

        return _XMP_DENSITY.sub(density, _XMP_SIZE.sub(size, packet))

    def description(self, text: bytes) -> bytes:
        """Return an ImageDescription of TIFF: OME-XML, or the shape that tifffile notes.

        Examples
        --------
        >>> Resize((4, 4), (8, 8)).description(b'<Pixels SizeX="4" SizeY="4" PhysicalSizeX="0.5">')
        b'<Pixels SizeX="8" SizeY="8" PhysicalSizeX="0.25">'
        """
        if b"Pixels" in text:
            return _OME_PIXELS.sub(lambda tag: _OME_SIDE.sub(self._ome_side, tag[0]), text)
        if not text.startswith(b'{"shape":'):
            return text
        try:
            described = json.loads(text.rstrip(b"\0 "))
        except ValueError:
            return text
        shape, sides = described["shape"], list(self.before[::-1])
        for axis in range(len(shape) - 1, 0, -1):
            if shape[axis - 1 : axis + 1] == sides:
                shape[axis - 1 : axis + 1] = self.after[::-1]
                break
        return json.dumps(described).encode() + b"\0" * text.endswith(b"\0")

    def _ome_side(self, found: re.Match[bytes]) -> bytes:
        kind, axis, quote, value = found.groups()
        index = (b"X", b"Y").index(axis)
        if kind == b"Size":
            new = b"%d" % self.after[index] if value == b"%d" % self.before[index] else value
        else:
            try:
                new = f"{float(value) / self.factors[index]:.12g}".encode()
            except ValueError:
                new = value
        return kind + axis + b"=" + quote + new + quote
