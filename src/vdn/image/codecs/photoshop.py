"""Image resources of Photoshop: IPTC, paths, and thumbnails that show the noise.

Source: Adobe Photoshop file formats specification, "Image Resource Blocks".
"""

from collections.abc import Iterator

__all__ = ["without_thumbnails"]

_SIGNATURE = b"8BIM"
_THUMBNAILS = (1033, 1036)
_HEAD = 6  # bytes of signature and number


def without_thumbnails(resources: bytes) -> bytes:
    """Return resource blocks without those of thumbnails; what is no whole block stays.

    Examples
    --------
    >>> blocks = b"8BIM" + (1036).to_bytes(2) + bytes(2) + (3).to_bytes(4) + b"abc" + bytes(1)
    >>> without_thumbnails(blocks + b"rest")
    b'rest'
    """
    return b"".join(block for number, block in _blocks(resources) if number not in _THUMBNAILS)


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while data[at : at + 4] == _SIGNATURE and at + _HEAD < len(data):
        name = data[at + _HEAD] + 1
        size_at = at + _HEAD + name + name % 2
        size = int.from_bytes(data[size_at : size_at + 4])
        end = size_at + 4 + size
        if end > len(data):
            break
        end += size % 2
        yield int.from_bytes(data[at + 4 : at + _HEAD]), data[at:end]
        at = end
    yield -1, data[at:]
