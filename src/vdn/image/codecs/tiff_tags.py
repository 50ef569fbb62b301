"""The tags of a TIFF page that pass from file to file as they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vdn.image.codecs.photoshop import without_thumbnails

__all__ = ["DESCRIPTION", "LAYERS", "PHOTOSHOP", "SOFTWARE", "RawTag", "passing_tags"]

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
