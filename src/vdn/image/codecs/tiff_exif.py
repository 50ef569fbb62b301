"""The EXIF and GPS directories of a TIFF file, which tifffile neither parses whole nor writes.

Those of big-endian BigTIFF files are not kept: Pillow, which does the parsing, does not know them.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from vdn.image.quiet import without_warnings

__all__ = ["append_directories", "read_directories"]

_POINTERS = (34665, 34853)  # EXIF, GPS
_LONG, _LONG8 = 4, 16
_ORDERS: dict[str, Literal["little", "big"]] = {"<": "little", ">": "big"}


def read_directories(page: Any) -> dict[int, dict[int, Any]]:
    """Return the tags of the directories of a `tifffile.TiffPage`, by the tag that points there."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    found: dict[int, dict[int, Any]] = {}
    if page.parent.is_bigtiff and page.parent.byteorder == ">":
        return found
    file = page.parent.filehandle
    for tag in page.tags:
        if tag.code not in _POINTERS:
            continue
        with file.lock, without_warnings():  # damaged tags are left out
            file.seek(0)
            big = page.parent.is_bigtiff
            directory = ImageFileDirectory_v2(file.read(16 if big else 8), group=tag.code)
            file.seek(tag.offset + (12 if big else 8))
            file.seek(int.from_bytes(file.read(8 if big else 4), _ORDERS[page.parent.byteorder]))
            directory.load(file)
            if tags := {code: _single(value) for code, value in directory.items()}:
                found[tag.code] = tags
    return found


def append_directories(path: Path, directories: Mapping[int, Mapping[int, Any]]) -> None:
    """Add directories to the first page of a TIFF file.

    They go behind the pixels, with a new main directory that has the old one's tags and those that
    point to them; the file's header then points to the new one.
    """
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    with path.open("r+b") as file:
        header = file.read(16)
        big = header[2:4] in (b"+\0", b"\0+")
        order = ">" if header.startswith(b"MM") else "<"
        if big and order == ">":
            return
        header, pointer = (header, order + "Q") if big else (header[:8], order + "I")
        size = struct.calcsize(pointer)
        count_format, entry_size = order + ("Q" if big else "H"), 20 if big else 12
        file.seek(struct.unpack(pointer, header[-size:])[0])
        (count,) = struct.unpack(count_format, file.read(struct.calcsize(count_format)))
        entries = [file.read(entry_size) for _ in range(count)]
        following = file.read(size)
        for code, tags in directories.items():
            directory = ImageFileDirectory_v2(header, group=code)
            for tag, value in tags.items():
                directory[tag] = value
            offset = _even_end(file)
            file.write(directory.tobytes(offset))
            kind = struct.pack(order + "HH", code, _LONG8 if big else _LONG)
            entries.append(kind + struct.pack(pointer, 1) + struct.pack(pointer, offset))
        entries.sort(key=lambda entry: struct.unpack(order + "H", entry[:2]))
        main = _even_end(file)
        file.write(struct.pack(count_format, len(entries)) + b"".join(entries) + following)
        file.seek(len(header) - size)
        file.write(struct.pack(pointer, main))


def _even_end(file: Any) -> int:
    """Go to the end of the file, which is made to be at an even number of bytes."""
    end: int = file.seek(0, 2)
    padding = bytes(end % 2)
    file.write(padding)
    return end + len(padding)


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value
