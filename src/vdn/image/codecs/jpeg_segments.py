"""The segments of a JPEG file: what stands before, between and behind the pixels.

Source: ITU-T T.81 (JPEG), annex B; ITU-T T.871 (JFIF); Adobe XMP specification, part 3.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = [
    "ADOBE",
    "APP0",
    "APP1",
    "APP2",
    "APP11",
    "APP13",
    "APP14",
    "EXIF",
    "EXTENDED_XMP",
    "ICC",
    "JFIF",
    "MPF",
    "PHOTOSHOP",
    "SOF",
    "SOS",
    "XMP",
    "Segment",
    "icc_segments",
    "read_segments",
    "segment",
    "xmp_segments",
]

Segment = tuple[int, bytes]
"""The second byte of a marker, and the content behind the length."""

APP0, APP1, APP2, APP11, APP13, APP14, SOS = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xDA
SOF = (0xC0, 0xC1, 0xC2, 0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
JFIF, EXIF, ADOBE, MPF = b"JFIF\0", b"Exif\0\0", b"Adobe", b"MPF\0"
PHOTOSHOP = b"Photoshop 3.0\0"
ICC = b"ICC_PROFILE\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_EOI, _ALONE = 0xD9, (0x01, *range(0xD0, 0xD9))
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")  # neither stuffed zeros nor restarts
_LIMIT = 2**16 - 3  # bytes in a segment
_POINTER = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" '
    b'xmpNote:HasExtendedXMP="%s"/></rdf:RDF></x:xmpmeta>'
)


@dataclass(frozen=True)
class _Parts:
    """A file in parts: all segments with their markers, and what is behind the picture."""

    segments: tuple[tuple[int, bytes, bytes], ...]
    trailer: bytes

    @property
    def header(self) -> list[Segment]:
        """The segments before the pixels."""
        kinds = [kind for kind, _, _ in self.segments]
        end = kinds.index(SOS) if SOS in kinds else len(kinds)
        return [(kind, content) for kind, content, _ in self.segments[:end]]


def read_segments(data: bytes) -> _Parts:
    """Take a JPEG file apart.

    `segments` holds (kind, content, entropy-coded data behind it) of each up to the end of the
    picture; a file that is cut short has those that are there.

    Examples
    --------
    >>> read_segments(b"\\xff\\xd8" + segment(0xFE, b"hi") + b"\\xff\\xd9more")
    _Parts(segments=((254, b'hi', b''),), trailer=b'more')
    """
    found: list[tuple[int, bytes, bytes]] = []
    at = 2
    while (match := _MARKER.search(data, at)) is not None:
        if found and match.start() > at:
            kind, content, _ = found[-1]
            found[-1] = kind, content, data[at : match.start()]
        kind, at = match[1][0], match.end()
        if kind == _EOI:
            break
        if kind in _ALONE:
            continue
        length = int.from_bytes(data[at : at + 2])
        found.append((kind, data[at + 2 : at + length], b""))
        at += max(length, 2)
    else:
        at = len(data)
    return _Parts(tuple(found), data[at:])


def segment(kind: int, content: bytes) -> bytes:
    """Return a segment as it stands in a file.

    Examples
    --------
    >>> segment(0xFE, b"hi")
    b'\\xff\\xfe\\x00\\x04hi'
    """
    return bytes([0xFF, kind]) + (len(content) + 2).to_bytes(2) + content


def icc_segments(profile: bytes) -> Iterator[Segment]:
    """Yield the segments of a colour profile: numbered pieces."""
    pieces = _pieces(profile, _LIMIT - len(ICC) - 2)
    for number, piece in enumerate(pieces, 1):
        yield APP2, ICC + bytes([number, len(pieces)]) + piece


def xmp_segments(packet: bytes) -> Iterator[Segment]:
    """Yield the segments of an XMP packet: one, or a pointer and numbered pieces."""
    if not packet:
        return
    if len(packet) <= _LIMIT - len(XMP):
        yield APP1, XMP + packet
        return
    digest = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
    yield APP1, XMP + _POINTER % digest
    at, total = 0, len(packet).to_bytes(4)
    for piece in _pieces(packet, _LIMIT - len(EXTENDED_XMP) - len(digest) - 8):
        yield APP1, EXTENDED_XMP + digest + total + at.to_bytes(4) + piece
        at += len(piece)


def _pieces(data: bytes, size: int) -> Sequence[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]
