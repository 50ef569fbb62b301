"""What a file is, by its content."""

from pathlib import Path

from vdn.errors import FileError, NoPictureError
from vdn.image.formats import FORMATS, Format

__all__ = [
    "check_found",
    "format_by_content",
    "read_start",
    "recognise",
    "recognise_start",
]

_START = 64
_NOT_READ = {  # what else people have, to be told by its name
    b"GIF8": "is a GIF, whose 256 colours cannot hold a denoised picture; convert it to PNG first",
    b"\0\0\0\x0cjP  ": "is JPEG 2000; convert it to TIFF or PNG first",
    b"\xff\x0a": "is JPEG XL; convert it to TIFF or PNG first",
    b"\0\0\0\x0cJXL ": "is JPEG XL; convert it to TIFF or PNG first",
    b"8BPS": "is a Photoshop document; export it as TIFF first",
    b"%PDF": "is a PDF; extract its pictures first",
    b"\x89HDF": "is HDF5; convert its arrays to TIFF or .npy first",
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
}


def check_found(path: Path, start: bytes | None = None) -> None:
    """Raise `NoPictureError` for a file that neither its name nor its first bytes call a picture.

    `start` are those bytes, where the file is not on a disk.
    """
    if any(path.suffix.lower() in known.suffixes for known in FORMATS):
        return
    if not (recognise(path) if start is None else recognise_start(start, path)):
        raise NoPictureError(f"{path}: is not a picture")


def recognise(path: Path) -> str | None:
    """Return the name of the format of a file, or None; only its first bytes are read.

    Raises
    ------
    FileError
        When it cannot be opened.
    """
    try:
        start = read_start(path)
    except FileError as error:
        raise FileError(f"{path}: {error}") from error
    return recognise_start(start, path)


def recognise_start(start: bytes, path: Path) -> str | None:
    """Return the name of the format of a file that begins with `start`, or None."""
    found = _recognise(start, path)
    return found.name if found else None


def read_start(path: Path) -> bytes:
    """Return the bytes by which a format is recognised; none of a folder.

    Raises
    ------
    FileError
        When the file cannot be opened.
    """
    if path.is_dir():
        return b""
    try:
        with path.open("rb") as file:
            return file.read(_START)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"cannot be opened ({reason})") from error


def format_by_content(start: bytes, path: Path) -> Format:
    """Return the format of a file that begins with `start`, whatever its name says.

    Raises
    ------
    FileError
        When it is none of them.
    """
    if (found := _recognise(start, path)) is not None:
        return found
    if not start:
        raise FileError("is a folder" if path.is_dir() else "is empty (0 bytes)")
    for signature, reason in _NOT_READ.items():
        if start.startswith(signature):
            raise FileError(reason)
    names = ", ".join(known.name.upper() for known in FORMATS)
    raise FileError(f"is not a picture that vdn reads ({names})")


def _recognise(start: bytes, path: Path) -> Format | None:
    return next((known for known in FORMATS if known.recognise(start, path)), None)
