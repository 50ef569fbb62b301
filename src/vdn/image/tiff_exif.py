"""The EXIF and GPS directories of a TIFF file, which tifffile neither parses whole nor writes."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["append_directories", "read_directories"]

_POINTERS = (34665, 34853)  # EXIF, GPS
_LONG = 4
_ENTRY = 12  # bytes of a tag in a directory: code, type, count, value or offset


def read_directories(path: Path) -> dict[int, dict[int, Any]]:
    """Return the tags of the directories of a classic TIFF file, by the tag that points there."""
    from PIL import Image

    exif = Image.Exif()
    with path.open("rb") as file:
        exif.load_from_fp(file)
        found = {code: dict(exif.get_ifd(code)) for code in _POINTERS}
    return {code: tags for code, tags in found.items() if tags}


def append_directories(path: Path, directories: Mapping[int, Mapping[int, Any]]) -> None:
    """Add directories to a classic TIFF file of one page.

    They go behind the pixels, with a new main directory that has the old one's tags and those that
    point to them; the file's header then points to the new one.
    """
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    with path.open("r+b") as file:
        header = file.read(8)
        order = ">" if header.startswith(b"MM") else "<"
        file.seek(struct.unpack(order + "I", header[4:])[0])
        (count,) = struct.unpack(order + "H", file.read(2))
        entries = [file.read(_ENTRY) for _ in range(count)]
        for code, tags in directories.items():
            directory = ImageFileDirectory_v2(header, group=code)
            for tag, value in tags.items():
                directory[tag] = value
            offset = _even_end(file)
            file.write(directory.tobytes(offset))
            entries.append(struct.pack(order + "HHII", code, _LONG, 1, offset))
        entries.sort(key=lambda entry: struct.unpack(order + "H", entry[:2]))
        main = _even_end(file)
        file.write(struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4))
        file.seek(4)
        file.write(struct.pack(order + "I", main))


def _even_end(file: Any) -> int:
    """Go to the end of the file, which is made to be at an even number of bytes."""
    end: int = file.seek(0, 2)
    padding = bytes(end % 2)
    file.write(padding)
    return end + len(padding)
