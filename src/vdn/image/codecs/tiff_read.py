"""Open TIFF and BigTIFF: integers and floats, gray, colour, planes, pages, strips and tiles.

Reduced copies of other pages (the levels of a pyramid, thumbnails) and transparency masks are left
out: they would show the picture as it was.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vdn.errors import FileError
from vdn.image.codecs.tiff_dimensions import coarser_sides, read_dimensions
from vdn.image.codecs.tiff_exif import read_directories
from vdn.image.codecs.tiff_rows import PageRows, packed_bits
from vdn.image.codecs.tiff_tags import LAYERS, PHOTOSHOP, RawTag, passing_tags
from vdn.image.frame import Frame
from vdn.image.metadata import Metadata, build_exif
from vdn.image.picture import Picture

__all__ = ["open_file"]

# By number, as tifffile gives a plain number where a file has no tag of its compression.
_LOSSLESS = (1, 5, 8, 32773, 32946, 34925, 50000)  # none, LZW, Deflate, PackBits, old Deflate, …
_JPEG = (6, 7)
_RESOLUTION_UNITS = {2: 1.0, 3: 2.54}  # inch and centimetre, in dots per inch
_ICC, _XMP, _X_RESOLUTION = 34675, 700, 282
_NO_DATA, _IPTC = 42113, 33723
_GEOGRAPHIC = {33550, 33920, 33922, 34264, 34735, 34736, 34737}
_DNG_VERSION, _CFA = 50706, 32803
_PHOTOGRAPHIC = (270, 271, 272, 274, 305, 306, 315, 33432)  # those that EXIF has too
_ALPHA = (1, 2)
_DEFLATE = 8
_RGB, _YCBCR = 2, 6
_STRIP_LIMIT = 64 * 2**20  # strips are written as long as they came, up to here


def open_file(path: Path, limit: int) -> Picture:
    """Open a TIFF file."""
    import tifffile

    with ExitStack() as stack:
        # Not by name: tifffile resolves links, and a file in memory has only a link.
        stream = stack.enter_context(path.open("rb"))
        file = stack.enter_context(tifffile.TiffFile(stream))
        picture = _open(file, path, limit)
        return replace(picture, close=stack.pop_all().close)


def _open(file: Any, path: Path, limit: int) -> Picture:
    pages = _pages(file)
    repeats = _repeats(file, pages)
    frames, encodings = [], []
    for index, page in enumerate(pages):
        try:
            channels = _check_colours(page)
        except FileError as error:
            raise FileError(
                f"page {index + 1}: {error}" if len(pages) > 1 else str(error)
            ) from None
        for repeat in range(repeats):
            rows = PageRows(page, limit, skip=repeat * page.nbytes)
            frames.append(_frame(page, rows, channels, max(index, repeat), len(pages) + repeat > 1))
            encodings.append(_page_encoding(page))
    directories = read_directories(pages[0])
    encoding = {
        "file": {"bigtiff": file.is_bigtiff, "byteorder": file.byteorder},
        "one_directory": repeats > 1,
        "contiguous": len(frames) > 1
        and (file.is_imagej or len(pages) == 1)
        and (pages[0].is_contiguous and pages[0].planarconfig == 1),
        "pages": encodings,
        "directories": directories,
    }
    metadata = _metadata(pages[0], directories)
    return Picture(
        frames,
        metadata,
        "tiff",
        path,
        encoding,
        left_out=tuple(_left_out(file, pages)),
        specific=tuple(_specific(encodings)),
        dimensions=read_dimensions(file, pages, len(frames)),
    )


def _pages(file: Any) -> list[Any]:
    if file.is_stk or file.is_nih:
        raise FileError("is a stack of MetaMorph or NIH Image; convert it to TIFF of pages first")
    pages = [page.aspage() for page in file.pages]
    _check_chain(file)
    first = pages[0]
    below = first.pages or ()
    if _DNG_VERSION in first.tags or any(p.photometric == _CFA for p in (first, *below)):
        raise FileError("is a camera raw file; give it the extension of its kind, such as .dng")
    return [page for page in pages if not page.is_reduced and not page.is_mask] or pages[:1]


def _left_out(file: Any, pages: Sequence[Any]) -> Iterator[str]:
    """Yield in words what is in the file beside the pages that are read."""
    others = [page.aspage() for page in file.pages]
    others += [
        below.aspage() for page in pages if not coarser_sides(page) for below in page.pages or ()
    ]
    if any(page.is_reduced for page in others if page not in pages):
        yield "reduced copies of the picture"
    if any(page.is_mask for page in others):
        yield "transparency masks"
    if any(LAYERS in page.tags for page in pages):
        yield "the layers of an image editor"


def _specific(encodings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield in words what only another TIFF file will have."""
    codes = {tag.code for encoding in encodings for tag in encoding["tags"]}
    if _IPTC in codes:
        yield "IPTC"
    if PHOTOSHOP in codes:
        yield "Photoshop resources"
    if codes & _GEOGRAPHIC:
        yield "the geographic place"
    if others := sorted(codes - {_IPTC, PHOTOSHOP, _ICC, _XMP, *_GEOGRAPHIC, *_PHOTOGRAPHIC}):
        yield f"the tags {', '.join(map(str, others))}"


def _repeats(file: Any, pages: list[Any]) -> int:
    """Return how many images follow each other in the only page, as ImageJ writes large stacks."""
    page = pages[0]
    images = 1
    if file.is_imagej:
        images = int((file.imagej_metadata or {}).get("images", 1))
    elif file.is_shaped and len(pages) == 1:
        images = max(1, file.series[0].size // page.size)
    if len(pages) > 1:
        found = max(len(pages), len(file.pages))
    elif page.is_contiguous:
        found = max(1, (file.filehandle.size - page.dataoffsets[0]) // page.nbytes)
    else:
        found = 1
    if found < images:
        raise FileError(f"is cut short: it should hold {images} images, but {found} are there")
    return images if len(pages) == 1 else 1


def _check_chain(file: Any) -> None:
    """Refuse a file whose last directory points to one more that cannot be read."""
    last = file.pages[len(file.pages) - 1].aspage()
    tiff, handle = file.tiff, file.filehandle
    handle.seek(last.offset)
    (count,) = struct.unpack(tiff.tagnoformat, handle.read(tiff.tagnosize))
    handle.seek(last.offset + tiff.tagnosize + count * tiff.tagsize)
    if any(handle.read(tiff.offsetsize)):
        raise FileError(f"is cut short: the page after {len(file.pages)} cannot be read")


def _frame(page: Any, rows: PageRows, channels: str, number: int, many: bool) -> Frame:
    size = (page.imagelength, page.imagewidth)
    samples = page.samplesperpixel
    return Frame(
        shape=(*size, samples) if samples > 1 else size,
        dtype=page.dtype.newbyteorder("="),
        channels=channels,
        name=f"page {number + 1}" if many else "",
        streams=rows.streams,
        no_data=_no_data(page),
        read_rows=rows,
        read_window=rows.window if page.is_tiled and not rows.skips else None,
    )


def _no_data(page: Any) -> float | None:
    """Return GDAL's mark of pixels without data, if it is a value these pixels can have."""
    if _NO_DATA not in page.tags:
        return None
    try:
        value = float(page.tags[_NO_DATA].value)
    except (TypeError, ValueError):
        return None
    if page.dtype.kind == "f":
        return value
    limits = np.iinfo(page.dtype)
    return value if value.is_integer() and limits.min <= value <= limits.max else None


def _check_colours(page: Any) -> str:
    """Return what the channels of a page are, or refuse it."""
    from tifffile import PHOTOMETRIC

    kind, samples = page.photometric, page.samplesperpixel
    if min(page.imagelength, page.imagewidth, samples) < 1:
        raise FileError("has no pixels")
    if page.imagedepth > 1:
        raise FileError(f"is a volume {page.imagedepth} images deep; store them as pages")
    if page.dtype is None or page.dtype.kind not in "uif":
        what = "1 bit" if page.bitspersample == 1 else f"{page.dtype or page.bitspersample}"
        raise FileError(f"is a TIFF of {what} values; convert it to 8 or 16 bits or floats first")
    is_jpeg = page.compression in _JPEG
    known = kind in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.RGB)
    if not known and not (kind == PHOTOMETRIC.YCBCR and is_jpeg):
        name = getattr(kind, "name", kind)
        raise FileError(f"is a {name} TIFF; convert it to gray or RGB first")
    extra = tuple(page.extrasamples)
    if samples == 1:
        return "gray"
    if kind in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR):
        if samples == 4 and extra and extra[0] not in _ALPHA:
            return "planes"  # such as red, green, blue and infrared
        return {3: "colour", 4: "colour+alpha"}.get(samples, "planes")
    if samples == 2 and extra and extra[0] in _ALPHA:
        return "gray+alpha"
    return "planes"


def _metadata(page: Any, directories: Mapping[int, Mapping[int, Any]]) -> Metadata:
    values = {tag.code: tag.value for tag in reversed(list(page.tags))}  # of two the first
    x, y = page.resolution
    factor = _RESOLUTION_UNITS.get(int(page.resolutionunit))
    known = factor is not None and _X_RESOLUTION in values and 0 < min(x, y) <= max(x, y) < math.inf
    photographic = {code: _plain(values[code]) for code in _PHOTOGRAPHIC if code in values}
    icc, xmp = values.get(_ICC, b""), values.get(_XMP, b"")
    return Metadata(
        exif=build_exif(photographic, directories),
        icc=icc if isinstance(icc, bytes) else b"",
        xmp=xmp if isinstance(xmp, bytes) else b"",
        dpi=(x * factor, y * factor) if known else None,
    )


def _page_encoding(page: Any) -> dict[str, Any]:
    lossless = page.compression in _LOSSLESS
    tags: list[RawTag] = passing_tags(page)
    storage: dict[str, Any] = {
        "compression": int(page.compression) if lossless else _DEFLATE,
        "predictor": page.predictor if lossless and page.predictor > 1 else None,
    }
    if page.is_tiled:
        storage["tile"] = (page.tilelength, page.tilewidth)
    else:
        row = page.imagewidth * page.samplesperpixel * page.dtype.itemsize
        if row * min(page.rowsperstrip, page.imagelength) <= _STRIP_LIMIT:
            storage["rowsperstrip"] = min(page.rowsperstrip, page.imagelength)
    encoding = {
        "storage": storage,
        "tags": tags,
        "planar": page.planarconfig == 2,
        "rgb": page.photometric in (_RGB, _YCBCR),
        "bits": packed_bits(page),
        "white_is_zero": page.photometric == 0,
        "extrasamples": tuple(page.extrasamples),
        "subfiletype": int(page.subfiletype),
        "levels": coarser_sides(page),
    }
    if _X_RESOLUTION in page.tags:
        encoding["resolution"] = {
            "resolution": page.resolution,
            "resolutionunit": page.resolutionunit,
        }
    return encoding


def _plain(value: Any) -> Any:
    """Return enumerations as the numbers they stand for, and text as bytes."""
    if isinstance(value, str):
        return value.encode()
    return int(value) if isinstance(value, int) else value
