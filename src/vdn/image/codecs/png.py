"""PNG: 8 and 16 bit, gray and colour, with and without alpha; palettes become colour."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.frame import CHANNELS, FrameSpec, lazy_frames
from vdn.image.job import Job
from vdn.image.limits import check_piece
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture

__all__ = ["encode", "open_file"]

_HEADER = 33  # bytes of the signature and the first chunk, IHDR; metadata goes after it
_BIT_DEPTH, _COLOUR_TYPE = 24, 25
_METRE = 0.0254  # in inches
_COMPRESSION = 4
_XMP = b"XML:com.adobe.xmp\0"
_SOFTWARE = b"Software\0"
_COLOUR = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI")
_KEPT = (*_COLOUR, b"iCCP", b"eXIf", b"tEXt", b"zTXt", b"iTXt")
_CHUNK_LIMIT = 64 * 2**20  # bytes of metadata in one piece


def open_file(path: Path, limit: int) -> Picture:
    """Open a PNG file."""
    from PIL.PngImagePlugin import PngImageFile

    with path.open("rb") as file:
        header = file.read(_HEADER)
    deep = header[_BIT_DEPTH : _BIT_DEPTH + 1] == b"\x10"
    with PngImageFile(path) as image:
        if image.is_animated:
            raise FileError(f"is an animated PNG ({image.n_frames} frames); give single pictures")
        mode = _mode(header[_COLOUR_TYPE], image.has_transparency_data)
        width, height = image.size
        spec = FrameSpec(
            shape=(height, width, len(mode)) if len(mode) > 1 else (height, width),
            dtype=np.dtype(np.uint16 if deep else np.uint8),
            channels=CHANNELS[len(mode) - 1],
        )
        check_piece(spec.nbytes, limit)
        dpi = image.info.get("dpi")

    def decode(_: int) -> NDArray[Any]:
        if deep:
            return _decode_deep(path)
        with PngImageFile(path) as image:
            return np.array(image.convert(mode))

    exif, icc, xmp, passed_on = b"", b"", b"", []
    for kind, content in _chunks(path):
        if kind == b"eXIf":
            exif = content.removeprefix(b"Exif\0\0")
        elif kind == b"iCCP":
            icc = _inflate(content.partition(b"\0")[2][1:])
        elif content.startswith(_XMP):
            xmp = _itxt_text(content)
        else:
            passed_on.append((kind, content))
    metadata = Metadata(exif, icc, xmp, dpi)
    return Picture(lazy_frames([spec], decode), metadata, "png", path, {"chunks": passed_on})


def encode(path: Path, job: Job) -> None:
    """Write a PNG file, with the chunks about colour and the texts of the source."""
    import imagecodecs

    (frame,) = job.frames
    data = imagecodecs.png_encode(job.frame_pixels(frame), level=_COMPRESSION)
    contents = [*job.encoding.get("chunks", ()), *_metadata_chunks(job.metadata)]
    if job.options.provenance:
        note = _SOFTWARE + job.options.provenance.text.encode()
        contents.append((b"tEXt", note))
    with path.open("wb") as file:
        file.write(data[:_HEADER])
        for kind, content in contents:
            file.write(_chunk(kind, content))
        file.write(memoryview(data)[_HEADER:])


def _decode_deep(path: Path) -> NDArray[np.uint16]:
    """Decode 16 bits a channel, which Pillow cuts down to 8 in colour."""
    import imagecodecs

    pixels = imagecodecs.png_decode(path.read_bytes())
    return pixels[..., 0] if pixels.shape[-1] == 1 and pixels.ndim == 3 else pixels


def _mode(colour_type: int, transparent: bool) -> str:
    """Return the Pillow mode that holds the picture without loss."""
    alpha = transparent or bool(colour_type & 4)
    return ("RGBA" if alpha else "RGB") if colour_type & 2 else ("LA" if alpha else "L")


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks with metadata, about colour, and with texts, as they stand in the file."""
    with path.open("rb") as file:
        file.seek(_HEADER)
        while len(start := file.read(8)) == 8:
            length, kind = int.from_bytes(start[:4]), start[4:]
            if kind not in _KEPT:
                file.seek(length + 4, 1)
                continue
            if length > _CHUNK_LIMIT:
                raise FileError(f"is damaged (a {kind.decode()} chunk of {length:,} bytes)")
            yield kind, file.read(length)
            file.seek(4, 1)  # the checksum


def _itxt_text(content: bytes) -> bytes:
    """Return the text of an iTXt chunk: keyword, NUL, flag, method, language, NUL, title, NUL."""
    rest = content.partition(b"\0")[2]
    text = rest[2:].split(b"\0", 2)[-1]
    return _inflate(text) if rest[:1] == b"\1" else text


def _inflate(data: bytes) -> bytes:
    """Decompress, but not a bomb."""
    inflated = zlib.decompressobj().decompress(data, _CHUNK_LIMIT + 1)
    if len(inflated) > _CHUNK_LIMIT:
        raise FileError("is damaged (its metadata inflates without end)")
    return inflated


def _metadata_chunks(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    if metadata.icc:
        yield b"iCCP", b"ICC\0\0" + zlib.compress(metadata.icc)
    if metadata.dpi:
        x, y = (min(round(value / _METRE), 2**31 - 1) for value in metadata.dpi)
        yield b"pHYs", x.to_bytes(4) + y.to_bytes(4) + b"\1"
    if metadata.exif:
        yield b"eXIf", metadata.exif
    if metadata.xmp:
        yield b"iTXt", _XMP + b"\0\0\0\0" + metadata.xmp


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return len(content).to_bytes(4) + kind + content + checksum.to_bytes(4)
