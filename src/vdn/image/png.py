"""PNG: 8 and 16 bit, gray and colour, with and without alpha; palettes become colour."""

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture, check_size

__all__ = ["decode", "encode"]

_HEADER = 33  # bytes of the signature and the first chunk, IHDR; metadata goes after it
_BIT_DEPTH = 24
_METRE = 0.0254  # in inches
_COMPRESSION = 4
_XMP = b"XML:com.adobe.xmp"
_PASSED_ON = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"tEXt", b"zTXt", b"iTXt")


def decode(path: Path) -> Picture:
    """Read a PNG file."""
    from PIL.PngImagePlugin import PngImageFile

    with path.open("rb") as file:
        deep = file.read(_BIT_DEPTH + 1)[-1] == 16
    with PngImageFile(path) as image:
        check_size(*image.size)
        if image.is_animated:
            raise FileError(f"is an animated PNG ({image.n_frames} frames); give single pictures")
        image.load()  # reads the metadata behind the pixels too
        pixels = _decode_deep(path) if deep else np.array(image.convert(_mode(image)))
        metadata = Metadata(
            exif=image.info.get("exif", b"").removeprefix(b"Exif\0\0"),
            icc=image.info.get("icc_profile") or b"",
            xmp=image.info.get("xmp", b""),
            dpi=image.info.get("dpi"),
        )
    return Picture(pixels, metadata, "png", path, {"chunks": list(_chunks_passed_on(path))})


def encode(
    path: Path, pixels: NDArray[Any], metadata: Metadata, encoding: Mapping[str, Any]
) -> None:
    """Write a PNG file, with the chunks about colour and the texts of `encoding`."""
    import imagecodecs

    data = imagecodecs.png_encode(np.ascontiguousarray(pixels), level=_COMPRESSION)
    contents = [*encoding.get("chunks", ()), *_metadata_chunks(metadata)]
    chunks = b"".join(_chunk(kind, content) for kind, content in contents)
    with path.open("wb") as file:
        for part in (data[:_HEADER], chunks, data[_HEADER:]):
            file.write(part)


def _decode_deep(path: Path) -> NDArray[np.uint16]:
    """Decode 16 bits a channel, which Pillow cuts down to 8 in colour."""
    import imagecodecs

    pixels = imagecodecs.png_decode(path.read_bytes())
    return pixels[..., 0] if pixels.shape[-1] == 1 and pixels.ndim == 3 else pixels


def _mode(image: Any) -> str:
    """Return the Pillow mode that holds the picture without loss."""
    colour = image.mode not in ("1", "L", "LA", "I;16", "I")
    alpha = image.has_transparency_data
    return {(False, False): "L", (False, True): "LA", (True, False): "RGB", (True, True): "RGBA"}[
        colour, alpha
    ]


def _chunks_passed_on(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield what a PNG file says about colour and in texts, as it stands there."""
    with path.open("rb") as file:
        file.seek(_HEADER)
        while len(start := file.read(8)) == 8:
            length, kind = int.from_bytes(start[:4]), start[4:]
            if kind not in _PASSED_ON:
                file.seek(length + 4, 1)
                continue
            content = file.read(length)
            file.seek(4, 1)  # the checksum
            if not content.startswith(_XMP):
                yield kind, content


def _metadata_chunks(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    if metadata.icc:
        yield b"iCCP", b"ICC\0\0" + zlib.compress(metadata.icc)
    if metadata.dpi:
        x, y = (min(round(value / _METRE), 2**31 - 1) for value in metadata.dpi)
        yield b"pHYs", x.to_bytes(4) + y.to_bytes(4) + b"\1"
    if metadata.exif:
        yield b"eXIf", metadata.exif
    if metadata.xmp:
        yield b"iTXt", _XMP + b"\0\0\0\0\0" + metadata.xmp


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return len(content).to_bytes(4) + kind + content + checksum.to_bytes(4)
