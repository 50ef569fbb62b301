"""What HEIF and AVIF files, boxes of the ISO base media format, hold beside the picture.

Source: ISO/IEC 23008-12 (HEIF) and ISO/IEC 23091-2 (CICP, the numbers of colour spaces).
"""

import re
from pathlib import Path

__all__ = ["color_label", "other_pictures", "with_color_label"]

_HEAD = 2**20  # bytes in which the boxes stand that say what is in the file
_LABEL = re.compile(rb"colrnclx(.{4})", re.DOTALL)
_UNSPECIFIED = bytes([0, 2, 0, 2])
_OTHERS = {
    re.compile(rb"tmap|hdrgainmap"): "the gain map",
    re.compile(rb"auxiliary:depth|hevc:2015:auxid:2"): "the depth map",
    re.compile(rb"urn:com:apple:photo:20\d\d:aux:(?!hdrgainmap)"): "mattes of a camera",
    re.compile(rb"\0\0\0.thmb"): "the thumbnail",
    re.compile(rb"mpvd"): "the video behind the picture",
}


def _boxes(path: Path) -> bytes:
    """Return the beginning of a file up to the coded pictures."""
    with path.open("rb") as file:
        return file.read(_HEAD).partition(b"mdat")[0]


def other_pictures(path: Path) -> list[str]:
    """Return in words what is in a file beside its pictures."""
    head = _boxes(path)
    return [words for pattern, words in _OTHERS.items() if pattern.search(head)]


def color_label(path: Path) -> bytes:
    """Return primaries and transfer curve as they stand in a file, 2 bytes each, or nothing."""
    found = _LABEL.search(_boxes(path))
    return found[1] if found and found[1] != _UNSPECIFIED else b""


def with_color_label(data: bytes, label: bytes) -> bytes:
    """Return a file that says these primaries and this transfer curve of the same length."""
    head, mdat, rest = data.partition(b"mdat")
    return _LABEL.sub(lambda _: b"colrnclx" + label, head) + mdat + rest
