"""Small changes of an EXIF block that leave every other byte where it is.

Notes of camera makers hold offsets into the block: written anew by a library, they point nowhere.
"""

import struct
from collections.abc import Iterator

__all__ = ["find_tags", "with_note", "with_orientation", "without_thumbnail"]

_PROCESSING_SOFTWARE, _ORIENTATION = 0x000B, 0x0112
_THUMBNAIL, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_EXIF = 0x8769  # the tag that points to the directory of that name
_NO_DIRECTORY = bytes(4)
_ASCII = 2
_ENTRY = 12  # bytes of a tag in a directory: code, type, count, value or offset
_EMPTY = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"  # a header and a directory without tags


def with_note(block: bytes, note: str) -> bytes:
    """Return an EXIF block whose tag ProcessingSoftware also says `note`.

    The main directory is repeated, with the tag, behind everything else. A block without a
    directory that can be read is returned as it is.

    Examples
    --------
    >>> from vdn.image.metadata import Metadata
    >>> Metadata(exif=with_note(b"", "vdn 1")).exif_tags()
    {11: 'vdn 1'}
    """
    block = block or _EMPTY
    found = _directory(block)
    if found is None:
        return block
    order, start, end = found
    following = block[end : end + 4]
    entries = [block[at : at + _ENTRY] for at in range(start + 2, end, _ENTRY)]
    codes = [struct.unpack_from(order + "H", entry)[0] for entry in entries]
    before = ""
    if _PROCESSING_SOFTWARE in codes:
        before = _text(block, entries.pop(codes.index(_PROCESSING_SOFTWARE)), order)
    text = f"{before}; {note}" if before else note
    content = text.encode("ascii", "replace") + b"\0"
    block += bytes(len(block) % 2)
    at = len(block)
    value = content.ljust(4, b"\0") if len(content) <= 4 else struct.pack(order + "I", at)
    entries.append(struct.pack(order + "HHI", _PROCESSING_SOFTWARE, _ASCII, len(content)) + value)
    entries.sort(key=lambda entry: struct.unpack_from(order + "H", entry))
    content += bytes(len(content) % 2)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries)
    header = block[:4] + struct.pack(order + "I", at + len(content))
    return header + block[8:] + content + directory + following


def with_orientation(block: bytes, orientation: int) -> bytes:
    """Return an EXIF block with another orientation, if it has one.

    Examples
    --------
    >>> with_orientation(b"", 1)
    b''
    """
    found = _directory(block)
    if found is None:
        return block
    order, start, end = found
    for at in range(start + 2, end, _ENTRY):
        if struct.unpack_from(order + "H", block, at)[0] == _ORIENTATION:
            return block[: at + 8] + struct.pack(order + "H", orientation) + block[at + 10 :]
    return block


def without_thumbnail(block: bytes) -> bytes:
    """Return an EXIF block without the directory of a thumbnail, and zeros for its JPEG file.

    Examples
    --------
    >>> without_thumbnail(b"")
    b''
    """
    found = _directory(block)
    if found is None:
        return block
    order, _, end = found
    if block[end : end + 4] == _NO_DIRECTORY:
        return block
    second = _directory(block[:4] + block[end : end + 4] + block[8:])
    plain = block[:end] + _NO_DIRECTORY + block[end + 4 :]
    if second is None:
        return plain
    values = {}
    for at in range(second[1] + 2, second[2], _ENTRY):
        values[struct.unpack_from(order + "H", block, at)[0]] = at + 8
    if not {_THUMBNAIL, _THUMBNAIL_LENGTH} <= values.keys():
        return plain
    start, length = (
        struct.unpack_from(order + "I", block, values[code])[0]
        for code in (_THUMBNAIL, _THUMBNAIL_LENGTH)
    )
    stop = min(start + length, len(block))
    if block[start : start + 2] != b"\xff\xd8":
        return plain
    return plain[:start] + (bytes(stop - start) + plain[stop:] if stop < len(block) else b"")


def find_tags(block: bytes) -> Iterator[tuple[int, int, int, str]]:
    """Yield the tags of the main directory and of the one of EXIF.

    Each with its type, the position of its entry of 12 bytes, and the byte order for `struct`.

    Examples
    --------
    >>> [code for code, *_ in find_tags(with_note(b"", "vdn 1"))]
    [11]
    """
    directories = [_directory(block)]
    for depth in range(2):
        for order, start, end in filter(None, directories[depth:]):
            for at in range(start + 2, end, _ENTRY):
                code, kind = struct.unpack_from(order + "HH", block, at)
                if code == _EXIF and depth == 0:
                    pointer = block[at + 8 : at + 12]
                    directories.append(_directory(block[:4] + pointer + block[8:]))
                yield code, kind, at, order


def _directory(block: bytes) -> tuple[str, int, int] | None:
    """Return byte order, start and end of the main directory, or None where there is none."""
    order = {b"MM": ">", b"II": "<"}.get(block[:2])
    if order is None or len(block) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", block, 4)
    if start + 2 > len(block):
        return None
    (count,) = struct.unpack_from(order + "H", block, start)
    end = start + 2 + count * _ENTRY
    return (order, start, end) if end + 4 <= len(block) else None


def _text(block: bytes, entry: bytes, order: str) -> str:
    _, kind, count = struct.unpack_from(order + "HHI", entry)
    at = struct.unpack_from(order + "I", entry, 8)[0]
    content = entry[8 : 8 + count] if count <= 4 else block[at : at + count]
    return content.rstrip(b"\0 ").decode("ascii", "replace") if kind == _ASCII else ""
