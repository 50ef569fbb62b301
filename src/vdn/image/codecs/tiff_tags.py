"""The tags of a TIFF page that pass from file to file as they are."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vdn.image.codecs.photoshop import without_thumbnails
from vdn.image.resized import Resize

__all__ = [
    "DESCRIPTION",
    "LAYERS",
    "PHOTOSHOP",
    "SOFTWARE",
    "RawTag",
    "passing_tags",
    "resized_tag",
]

_XMP = 700
_PIXEL_SCALE, _TIEPOINTS, _TRANSFORMATION = 33550, 33922, 34264  # of GeoTIFF
_DOUBLE = 12
DESCRIPTION, SOFTWARE, PHOTOSHOP, LAYERS = 270, 305, 34377, 37724
_POINTER_TYPES = (13, 18)
_STRUCTURE = {  # how this very file stores its pixels, and where
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 288, 289, 317),
    *(320, 322, 323, 324, 325, 330, 332, 333, 338, 339, 347, 400, 529, 530, 531, 532),
    *range(512, 522),
    *(32997, 32998, 34665, 34853, 40965),
    *(282, 283, 296),  # the resolution has an argument of its own
    *(LAYERS, 50674, 50784),  # layers, parameters of codecs
    *(34412, 65420, 65421, 65422, 65426),  # places in files of Zeiss and Hamamatsu
}


@dataclass(frozen=True)
class RawTag:
    """A tag as it stands in a file: number, type, count, packed values."""

    code: int
    dtype: int
    count: int
    value: bytes


def resized_tag(tag: RawTag, resize: Resize, order: str) -> RawTag:
    """Return a tag as it is for the picture of another size; `order` is that of the bytes.

    Of GeoTIFF the size of a pixel, the points that are tied to the map and the transformation from
    pixels to the map, where pixels are counted from their corners.

    Examples
    --------
    >>> tag = RawTag(33550, 12, 3, np.array([10.0, 10.0, 0.0], "<f8").tobytes())
    >>> np.frombuffer(resized_tag(tag, Resize((4, 4), (8, 8)), "<").value, "<f8").tolist()
    [5.0, 5.0, 0.0]
    """
    x, y = resize.factors
    value = tag.value
    if tag.code in (DESCRIPTION, _XMP):
        value = (resize.description if tag.code == DESCRIPTION else resize.xmp)(value)
        return replace(tag, count=len(value), value=value)
    factors = {
        _PIXEL_SCALE: (1 / x, 1 / y, 1),
        _TIEPOINTS: (x, y, 1, 1, 1, 1),
        _TRANSFORMATION: (1 / x, 1 / y, 1, 1) * 4,
    }.get(tag.code)
    if factors is None or tag.dtype != _DOUBLE or tag.count % len(factors):
        return tag
    numbers = np.frombuffer(value, f"{order}f8").reshape(-1, len(factors))
    return replace(tag, value=(numbers * factors).astype(numbers.dtype).tobytes())


def passing_tags(page: Any) -> list[RawTag]:
    """Return the tags of a `tifffile.TiffPage` that say something about the picture.

    Left out are those that say how it is stored, those that point to other parts of the file, and
    the layers of image editors, which would show the picture as it was.
    """
    return list(_passing(page.tags, page.parent.filehandle))


def _passing(tags: Iterable[Any], file: Any) -> Iterable[RawTag]:
    seen = set()
    for tag in tags:
        if tag.code in _STRUCTURE or int(tag.dtype) in _POINTER_TYPES or tag.code in seen:
            continue
        seen.add(tag.code)
        with file.lock:
            file.seek(tag.valueoffset)
            value = file.read(tag.valuebytecount)
        if len(value) != tag.valuebytecount:
            continue
        count = tag.count
        if tag.code == PHOTOSHOP and count == len(value):
            value = without_thumbnails(value)
            count = len(value)
        if count:
            yield RawTag(tag.code, int(tag.dtype), count, value)
