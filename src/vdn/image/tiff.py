"""TIFF with one page: uint8, uint16 and float, gray and colour, with and without alpha.

The EXIF and GPS directories of BigTIFF files are not kept; all other metadata is.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.metadata import Metadata, as_bytes, build_exif
from vdn.image.picture import Picture, check_size
from vdn.image.tiff_exif import append_directories, read_directories

__all__ = ["decode", "encode"]

_LOSSLESS = ("NONE", "LZW", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "ZSTD", "LZMA")
_RESOLUTION_UNITS = {2: 1.0, 3: 2.54}  # inch and centimetre, in dots per inch
_ICC, _XMP, _X_RESOLUTION = 34675, 700, 282
_BYTE, _ASCII, _SHORT = 1, 2, 3
_CLASSIC_LIMIT = 2**32 - 2**25  # bytes of pixels in a file with offsets of 32 bits
_DESCRIPTIVE = {  # tags that say something about the picture, not about how it is stored
    270: "description",
    271: "make",
    272: "model",
    274: "orientation",
    305: "software",
    306: "date",
    315: "artist",
    33432: "copyright",
    33550: "GeoTIFF pixel scale",
    33922: "GeoTIFF tie points",
    34264: "GeoTIFF transformation",
    34735: "GeoTIFF keys",
    34736: "GeoTIFF numbers",
    34737: "GeoTIFF texts",
    42112: "GDAL metadata",
    42113: "GDAL no-data value",
}
_PHOTOGRAPHIC = (270, 271, 272, 274, 305, 306, 315, 33432)  # those that EXIF has too


def decode(path: Path) -> Picture:
    """Read a TIFF file."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = _only_page(file)
        check_size(page.imagewidth, page.imagelength)
        _check_colours(page)
        pixels = page.asarray()
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
            pixels = np.ascontiguousarray(np.moveaxis(pixels, 0, -1))
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind == "u":
            pixels = np.invert(pixels)
        size = (page.imagelength, page.imagewidth)
        if pixels.shape not in (size, (*size, page.samplesperpixel)):
            raise FileError(f"is damaged (its pixels have the shape {pixels.shape})")
        tags = {tag.code: tag for tag in reversed(list(page.tags))}  # of two descriptions the first
        directories = {} if file.is_bigtiff else read_directories(path)
        metadata = _metadata(page, tags, directories)
        return Picture(pixels, metadata, "tiff", path, _encoding(file, page, tags))


def encode(
    path: Path, pixels: NDArray[Any], metadata: Metadata, encoding: Mapping[str, Any]
) -> None:
    """Write a TIFF file as `encoding` says, or uncompressed."""
    import tifffile

    tags = {code: tag for code, *tag in encoding.get("tags", _exif_as_tags(metadata))}
    if metadata.xmp:
        tags[_XMP] = [_BYTE, len(metadata.xmp), metadata.xmp]
    description = tags.pop(270, (_ASCII, 0, None))[2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    file = dict(encoding.get("file", {}))
    file["bigtiff"] = file.get("bigtiff", False) or pixels.nbytes > _CLASSIC_LIMIT
    with tifffile.TiffWriter(path, **file) as writer:
        writer.write(
            pixels,
            photometric="rgb" if channels >= 3 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=encoding.get("alpha", ("unassalpha",)) if channels in (2, 4) else None,
            description=description,
            metadata=None,
            software=False,
            iccprofile=metadata.icc or None,
            extratags=[(code, *tag, True) for code, tag in tags.items()],
            **_resolution(metadata, encoding),
            **encoding.get("storage", {}),
        )
    if not file["bigtiff"] and (directories := metadata.exif_directories()):
        append_directories(path, directories)


def _only_page(file: Any) -> Any:
    pages = [page for page in file.pages if not page.aspage().is_reduced]
    if len(pages) > 1:
        raise FileError(f"is a TIFF of {len(pages)} pages; give single pictures")
    page = (pages or file.pages)[0]
    images = (file.imagej_metadata or {}).get("images", 1) if file.is_imagej else 1
    if images > 1 or page.imagedepth > 1:
        raise FileError(f"is a stack of {max(images, page.imagedepth)} images; give single ones")
    return page


def _check_colours(page: Any) -> None:
    from tifffile import PHOTOMETRIC

    kind, samples = page.photometric, page.samplesperpixel
    is_jpeg = page.compression.name in ("JPEG", "OJPEG")
    known = kind in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.RGB)
    if not known and not (kind == PHOTOMETRIC.YCBCR and is_jpeg):
        name = getattr(kind, "name", kind)
        raise FileError(f"is a {name} TIFF; convert it to gray or RGB first")
    colours = samples - len(page.extrasamples)
    if samples > 4 or colours not in (1, 3) or samples - colours > 1:
        raise FileError(
            f"is a TIFF of {samples} channels; give gray or RGB, each with or without alpha"
        )


def _metadata(
    page: Any, tags: Mapping[int, Any], directories: Mapping[int, Mapping[int, Any]]
) -> Metadata:
    values = {code: tag.value for code, tag in tags.items()}
    x, y = page.resolution
    factor = _RESOLUTION_UNITS.get(int(page.resolutionunit))
    known = factor is not None and _X_RESOLUTION in values and 0 < min(x, y) <= max(x, y) < math.inf
    photographic = {code: _plain(values[code]) for code in _PHOTOGRAPHIC if code in values}
    return Metadata(
        exif=build_exif(photographic, directories),
        icc=values.get(_ICC, b""),
        xmp=values.get(_XMP, b""),
        dpi=(x * factor, y * factor) if known else None,
    )


def _encoding(file: Any, page: Any, tags: Mapping[int, Any]) -> dict[str, Any]:
    lossless = page.compression.name in _LOSSLESS
    storage: dict[str, Any] = {
        "compression": page.compression if lossless else "zlib",
        "predictor": page.predictor if lossless and page.predictor > 1 else None,
    }
    if page.is_tiled:
        storage["tile"] = (page.tilelength, page.tilewidth)
    encoding = {
        "file": {"bigtiff": file.is_bigtiff, "byteorder": file.byteorder},
        "storage": storage,
        "tags": [
            (code, int(tag.dtype), tag.count, _plain(tag.value))
            for code, tag in tags.items()
            if code in _DESCRIPTIVE
        ],
    }
    if page.extrasamples:
        encoding["alpha"] = page.extrasamples
    if _X_RESOLUTION in tags:
        encoding["resolution"] = {
            "resolution": page.resolution,
            "resolutionunit": page.resolutionunit,
        }
    return encoding


def _resolution(metadata: Metadata, encoding: Mapping[str, Any]) -> dict[str, Any]:
    if "resolution" in encoding:
        return dict(encoding["resolution"])
    return {"resolution": metadata.dpi, "resolutionunit": "inch"} if metadata.dpi else {}


def _exif_as_tags(metadata: Metadata) -> list[tuple[int, int, int, Any]]:
    found = {c: v for c, v in metadata.exif_tags().items() if c in _PHOTOGRAPHIC}
    return [
        (code, _ASCII, 0, as_bytes(value))
        if isinstance(value, str)
        else (code, _SHORT, 1, int(value))
        for code, value in found.items()
        if isinstance(value, str | int)
    ]


def _plain(value: Any) -> Any:
    """Return enumerations as the numbers they stand for, and text as bytes."""
    if isinstance(value, str):
        return value.encode()
    return int(value) if isinstance(value, int) else value
