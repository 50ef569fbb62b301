"""JPEG, 8 bit, gray and colour; written again at the quality it came with."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.codecs import jpeg_segments as jpeg
from vdn.image.codecs.jpeg_scans import Component, encode_scans
from vdn.image.codecs.photoshop import without_thumbnails
from vdn.image.encoding import Encoder, EncodeRequest
from vdn.image.frame import FrameSpec, lazy_frames
from vdn.image.limits import check_piece
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture

__all__ = ["EXIF_LIMIT", "encode", "open_file"]

EXIF_LIMIT = 2**16 - 9  # bytes in a segment, less its length and the name
_LARGEST_STEP = 255  # of a quantisation table in baseline JPEG
_NEW = {"quality": 95, "subsampling": "4:4:4"}  # for pictures that were no JPEG before
_SQUARE = b"\1\2\0\0\1\0\1"  # JFIF: version 1.2, no unit of resolution, 1 : 1
_RGB = b"\0\x64\0\0\0\0\0"  # Adobe: version 100, no flags, no transform
_UNITS = {1: 1.0, 2: 2.54}  # JFIF's units of resolution, in dots per inch
_COMMENT = 0xFE
_PADDING = b"\0\xff\r\n"
_PADDED_PICTURE = re.compile(rb"[\0\xff\r\n]*\xff\xd8\xff")
_VIDEO = re.compile(rb"\0\0\0[\x08-\xff]ftyp")  # how a file of the ISO kind begins
_SPECIFIC = {  # segments that are passed on from JPEG to JPEG
    jpeg.APP13: "IPTC and Photoshop resources",
    _COMMENT: "comments",
    jpeg.APP1: "extended XMP",
}
_XMP_OF_OTHERS = re.compile(  # what XMP says about pictures and videos behind the first
    rb"""\s(?:GCamera:(?:MicroVideo|MotionPhoto)\w*|hdrgm:\w+)=(?:"[^"]*"|'[^']*')"""
    rb"|<(GCamera:(?:MicroVideo|MotionPhoto)\w*|hdrgm:\w+|\w*Container:Directory)\b"
    rb"(?:[^>]*/>|.*?</\1>)",
    re.DOTALL,
)
_XMP_EXTENDED = re.compile(rb"""\sxmpNote:HasExtendedXMP=(?:"[^"]*"|'[^']*')""")


def open_file(path: Path, limit: int) -> Picture:
    """Open a JPEG file; of several pictures in one (a thumbnail, a gain map) the first."""
    from PIL.JpegImagePlugin import JpegImageFile, get_sampling

    with JpegImageFile(path) as image:
        if image.mode not in ("L", "RGB"):
            raise FileError(f"is a {image.mode} JPEG; convert it to RGB first")
        width, height = image.size
        colour = image.mode == "RGB"
        spec = FrameSpec(
            shape=(height, width, 3) if colour else (height, width),
            dtype=np.dtype(np.uint8),
            channels="colour" if colour else "gray",
        )
        check_piece(spec.nbytes, limit)
        exif = image.info.get("exif", b"").removeprefix(jpeg.EXIF)
        icc = image.info.get("icc_profile") or b""
        encoding: dict[str, Any] = {
            "qtables": {
                number: [min(step, _LARGEST_STEP) for step in table]
                for number, table in image.quantization.items()
            },
            "subsampling": get_sampling(image),
            "progressive": "progressive" in image.info,
        }
    parts = jpeg.read_segments(path.read_bytes())
    header = parts.header
    jfif = _first(header, jpeg.APP0, jpeg.JFIF)
    xmp = _first(header, jpeg.APP1, jpeg.XMP) or b""
    left_out = list(_other_pictures(header, parts.trailer))
    if left_out:
        xmp = _XMP_OF_OTHERS.sub(b"", xmp)
    if jfif is not None and jfif[7:9] != b"\0\0":
        left_out.append("the thumbnail in JFIF")
    left_out += _not_passed_on(header)
    passed_on = [each for each in header if _is_passed_on(each)]
    encoding["segments"] = [_without_thumbnails(each) for each in passed_on]
    if encoding["segments"] != passed_on:
        left_out.append("the thumbnail of Photoshop")
    encoding["jfif"] = jfif[:7] if jfif else b""
    if colour:
        encoding["components"] = _components(header)
        encoding["rgb"] = _is_rgb(header, encoding["components"])
    specific = dict.fromkeys(
        _SPECIFIC.get(kind, f"the segment APP{kind - jpeg.APP0}")
        for kind, _ in encoding["segments"]
    )
    if jfif and jfif[2] == 0 and jfif[3:5] != jfif[5:7]:
        specific["the pixel aspect"] = None
    return Picture(
        lazy_frames([spec], lambda _: _decode(path)),
        Metadata(exif, icc, xmp, _resolution(jfif, exif)),
        "jpeg",
        path,
        encoding,
        left_out=tuple(left_out),
        specific=tuple(specific),
    )


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write a JPEG file: with the source's tables, at the quality asked for, or at 95 in 4:4:4."""
    from PIL import Image

    (pixels,) = yield from request.receive_all()
    encoding = dict(request.encoding)
    segments = encoding.pop("segments", [])
    jfif = encoding.pop("jfif", None)
    if request.resize() is not None and jfif and jfif[2] in _UNITS:
        jfif = _new_jfif(request.metadata.dpi)
    components = encoding.pop("components", [])
    rgb = encoding.pop("rgb", False)
    encoding = encoding or dict(_NEW)
    if request.options.quality is not None:
        encoding.pop("qtables", None)
        encoding["quality"] = request.options.quality
    image = Image.fromarray(pixels)
    if components and image.mode == "RGB" and (rgb or not _is_usual(components, encoding)):
        del encoding["subsampling"]
        data = encode_scans(image if rgb else image.convert("YCbCr"), components, **encoding)
    else:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", **encoding)
        data = buffer.getvalue()
    with path.open("wb") as file:
        file.write(data[:2])
        if not rgb:
            if jfif is None:
                jfif = _new_jfif(request.metadata.dpi)
            if jfif:
                file.write(jpeg.segment(jpeg.APP0, jpeg.JFIF + jfif + b"\0\0"))
        else:
            file.write(jpeg.segment(jpeg.APP14, jpeg.ADOBE + _RGB))
        for kind, content in (*_metadata(request), *segments):
            file.write(jpeg.segment(kind, content))
        file.write(memoryview(data)[_end_of_jfif(data) :])


def _decode(path: Path) -> NDArray[Any]:
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(path) as image:
        return np.array(image)


def _first(header: Sequence[jpeg.Segment], kind: int, name: bytes) -> bytes | None:
    found = (content for code, content in header if code == kind and content.startswith(name))
    first = next(found, None)
    return None if first is None else first.removeprefix(name)


def _is_passed_on(each: jpeg.Segment) -> bool:
    """Tell whether a segment goes from JPEG to JPEG as it is."""
    kind, content = each
    if kind == _COMMENT:
        return True
    if kind == jpeg.APP1:
        return content.startswith(jpeg.EXTENDED_XMP)
    if kind == jpeg.APP2:
        return not content.startswith((jpeg.ICC, jpeg.MPF))
    return jpeg.APP2 < kind <= jpeg.APP0 + 15 and kind not in (jpeg.APP11, jpeg.APP14)


def _without_thumbnails(each: jpeg.Segment) -> jpeg.Segment:
    kind, content = each
    if kind != jpeg.APP13 or not content.startswith(jpeg.PHOTOSHOP):
        return each
    return kind, jpeg.PHOTOSHOP + without_thumbnails(content.removeprefix(jpeg.PHOTOSHOP))


def _not_passed_on(header: Sequence[jpeg.Segment]) -> Iterator[str]:
    if any(kind == jpeg.APP11 for kind, _ in header):
        yield "the segment APP11 (content credentials or HDR), which belongs to the old pixels"
    if any(kind == jpeg.APP0 and not content.startswith(jpeg.JFIF) for kind, content in header):
        yield "the segment APP0 that is not JFIF (a thumbnail)"
    known = (jpeg.EXIF, jpeg.XMP, jpeg.EXTENDED_XMP)
    if any(kind == jpeg.APP1 and not content.startswith(known) for kind, content in header):
        yield "the segment APP1 that is neither EXIF nor XMP"


def _other_pictures(header: Sequence[jpeg.Segment], trailer: bytes) -> Iterator[str]:
    """Yield what is behind the picture, or said to be there, beside padding."""
    picture = _PADDED_PICTURE.match(trailer) is not None
    video = _VIDEO.search(trailer) is not None
    if picture or _first(header, jpeg.APP2, jpeg.MPF) is not None:
        yield "the other pictures behind the first"
    if video:
        yield "the video behind the picture"
    if not (picture or video) and trailer.strip(_PADDING):
        yield f"{len(trailer):,} bytes behind the picture"


def _components(header: Sequence[jpeg.Segment]) -> list[Component]:
    content = next(content for kind, content in header if kind in jpeg.SOF)
    return [
        Component(content[at], content[at + 1] >> 4, content[at + 1] & 15, content[at + 2])
        for at in range(6, 6 + 3 * content[5], 3)
    ]


def _is_usual(components: Sequence[Component], encoding: Mapping[str, Any]) -> bool:
    """Tell whether Pillow can write these factors and tables: components share the last table."""
    last = len(encoding.get("qtables", "ab")) - 1
    tables = [component.table for component in components]
    return encoding["subsampling"] != -1 and tables == [min(n, last) for n in range(len(tables))]


def _is_rgb(header: Sequence[jpeg.Segment], components: Sequence[Component]) -> bool:
    """Tell whether the components are red, green and blue, as libjpeg decides it."""
    if _first(header, jpeg.APP0, jpeg.JFIF) is not None:
        return False
    adobe = _first(header, jpeg.APP14, jpeg.ADOBE)
    if adobe is not None and len(adobe) >= len(_RGB):
        return adobe[6] == 0
    return bytes(component.number for component in components) == b"RGB"


def _resolution(jfif: bytes | None, exif: bytes) -> tuple[float, float] | None:
    """Return dots per inch: JFIF's, or EXIF's where JFIF has none."""
    if jfif is not None and jfif[2] in _UNITS:
        factor = _UNITS[jfif[2]]
        return int.from_bytes(jfif[3:5]) * factor, int.from_bytes(jfif[5:7]) * factor
    return Metadata(exif).exif_resolution


def _new_jfif(dpi: tuple[float, float] | None) -> bytes:
    if dpi is None:
        return _SQUARE
    x, y = (min(max(round(value), 1), 2**16 - 1) for value in dpi)
    return _SQUARE[:2] + b"\1" + x.to_bytes(2) + y.to_bytes(2)


def _metadata(request: EncodeRequest) -> Iterator[jpeg.Segment]:
    metadata = request.metadata
    exif = metadata.exif_with(request.options.provenance)
    exif = exif if len(exif) <= EXIF_LIMIT else metadata.exif
    if 0 < len(exif) <= EXIF_LIMIT:
        yield jpeg.APP1, jpeg.EXIF + exif
    xmp = metadata.xmp
    extended = any(content.startswith(jpeg.EXTENDED_XMP) for _, content in _segments(request))
    yield from jpeg.xmp_segments(xmp if extended else _XMP_EXTENDED.sub(b"", xmp))
    yield from jpeg.icc_segments(metadata.icc)


def _segments(request: EncodeRequest) -> Sequence[jpeg.Segment]:
    segments: Sequence[jpeg.Segment] = request.encoding.get("segments", ())
    return segments


def _end_of_jfif(data: bytes) -> int:
    """Return where the file goes on behind the JFIF segment that Pillow has written."""
    if data[2:4] != bytes([0xFF, jpeg.APP0]):
        return 2
    return 4 + int.from_bytes(data[4:6])
