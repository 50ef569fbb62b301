"""BMP, 8 bit; palettes become colour."""

from pathlib import Path

from vdn.errors import FileError
from vdn.image.codecs.pillow_files import open_frames, pillow_metadata
from vdn.image.encoding import Encoder, EncodeRequest
from vdn.image.picture import Picture

__all__ = ["encode", "open_file"]

_GRAY = ("1", "L")
_HEADER = 34  # bytes of the file's header and of the picture's, up to the compression
_CORE = 12  # bytes of the oldest header of a picture, which says less
_RUN_LENGTH = (1, 2)


def open_file(path: Path, limit: int) -> Picture:
    """Open a BMP file."""
    from PIL.BmpImagePlugin import BmpImageFile

    _check_header(path)
    try:
        image = BmpImageFile(path)
    except OSError as error:
        if "bitfields" not in str(error):
            raise
        raise FileError(
            "is a BMP whose colours have unusual numbers of bits; convert it to PNG first"
        ) from error
    with image:
        mode = "L" if image.mode in _GRAY else "RGBA" if image.mode == "RGBA" else "RGB"
        metadata = pillow_metadata(image)
    frames, close = open_frames(lambda: BmpImageFile(path), 1, mode, limit)
    return Picture(frames, metadata, "bmp", path, close=close)


def _check_header(path: Path) -> None:
    """Refuse what Pillow does not look at."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if int.from_bytes(header[14:18], "little") <= _CORE or len(header) < _HEADER:
        return
    height = int.from_bytes(header[22:26], "little", signed=True)
    planes, depth = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    compression = int.from_bytes(header[30:34], "little")
    if planes != 1:
        raise FileError(f"is damaged (a BMP of {planes} planes)")
    if height < 0 and compression in _RUN_LENGTH:
        raise FileError("is damaged (a BMP that is compressed and upside down)")
    if depth == 2:
        raise FileError("is a BMP of 2 bits a pixel; convert it to PNG first")


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write a BMP file, which has no place for metadata but the dots per inch."""
    from PIL import Image

    (pixels,) = yield from request.receive_all()
    options = {"dpi": request.metadata.dpi} if request.metadata.dpi else {}
    Image.fromarray(pixels).save(path, "BMP", **options)
