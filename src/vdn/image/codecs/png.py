"""PNG: 8 and 16 bit, gray and colour, with and without alpha; palettes become colour."""

import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.codecs.pillow_files import frame_durations, open_frames
from vdn.image.encoding import Encoder, EncodeRequest
from vdn.image.frame import lazy_frames
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture
from vdn.image.provenance import Provenance

__all__ = ["encode", "open_file"]

_HEADER = 33  # bytes of the signature and the first chunk, IHDR; metadata goes after it
_BIT_DEPTH, _COLOUR_TYPE = 24, 25
_PALETTE = 3  # of the types of colour
_PADDING = b"\0\r\n"
_METRE = 0.0254  # in inches
_COMPRESSION = 4
_XMP = b"XML:com.adobe.xmp\0"
_SOFTWARE = b"Software\0"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_COLOUR = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI")
_ABOUT_SAMPLES = (b"sBIT", b"bKGD", b"pCAL")
_KEPT = (*_COLOUR, *_TEXTS, *_ABOUT_SAMPLES, b"iCCP", b"eXIf", b"pHYs", b"oFFs", b"sCAL", b"sTER")
_PIXELS = (b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"iDOT")
_SAFE_TO_COPY = 0x20  # the bit of the fourth letter: whatever becomes of the pixels
_PIECE = 2**20
_CHUNK_LIMIT = 64 * 2**20  # bytes of metadata in one piece


def open_file(path: Path, limit: int) -> Picture:
    """Open a PNG file, still or animated."""
    from PIL.PngImagePlugin import PngImageFile

    with path.open("rb") as file:
        header = file.read(_HEADER)
    deep = header[_BIT_DEPTH : _BIT_DEPTH + 1] == b"\x10"
    with PngImageFile(path) as image:
        mode = _mode(header[_COLOUR_TYPE], image.has_transparency_data)
        count = image.n_frames
        if count > 1 and deep:
            raise FileError("is an animated PNG of 16 bits; give its frames as single pictures")
        frames, close = open_frames(lambda: PngImageFile(path), count, mode, limit, 1 + deep)
        dpi = image.info.get("dpi")
        animation = {key: image.info[key] for key in ("loop",) if key in image.info}
        if count > 1:
            animation["duration"] = frame_durations(image, count)
            animation["default_image"] = bool(image.default_image)
    if deep:
        frames = lazy_frames([frames[0].spec(dtype=np.dtype(np.uint16))], lambda _: _deep(path))

    chunks, left_out, palette = _chunks(path)
    exif, icc, xmp, passed_on = b"", b"", b"", []
    for kind, content in chunks:
        if kind == b"eXIf":
            exif = content.removeprefix(b"Exif\0\0")
        elif kind == b"iCCP":
            icc = _inflate(content.partition(b"\0")[2][1:])
        elif content.startswith(_XMP):
            xmp = _itxt_text(content)
        elif kind == b"pHYs" and content[-1:] == b"\1":
            continue  # of a metre: `dpi`
        elif kind not in _ABOUT_SAMPLES:
            passed_on.append((kind, content))
        elif adapted := _adapted(kind, content, header, palette, mode):
            passed_on.append((kind, adapted))
        else:
            left_out.append(f"the chunk {kind.decode()}")
    return Picture(
        frames,
        Metadata(exif, icc, xmp, dpi),
        "png",
        path,
        {"chunks": passed_on, "animation": animation},
        left_out=tuple(dict.fromkeys(left_out)),
        specific=tuple(dict.fromkeys(_in_words(kind) for kind, _ in passed_on if kind != b"sRGB")),
        close=close,
    )


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write a PNG file, with the chunks about colour and the texts of the source."""
    frames = yield from request.receive_all()
    data = _animated(frames, request) if len(frames) > 1 else _still(frames[0])
    contents = [
        (kind, content)
        for kind, content in request.encoding.get("chunks", ())
        if _fits(kind, content, request.frames[0].channels)
    ]
    contents += _metadata_chunks(request.metadata)
    if request.options.provenance:
        contents = _with_note(contents, request.options.provenance)
    with path.open("wb") as file:
        file.write(data[:_HEADER])
        for kind, content in contents:
            file.write(_chunk(kind, content))
        file.write(memoryview(data)[_HEADER:])


def _fits(kind: bytes, content: bytes, channels: str) -> bool:
    """Tell whether a chunk may stand before samples of these channels."""
    colour = channels.startswith("colour")
    if kind == b"sBIT":
        return len(content) == (3 if colour else 1) + channels.endswith("alpha")
    return kind != b"bKGD" or len(content) == (6 if colour else 2)


def _still(pixels: NDArray[Any]) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.png_encode(pixels, level=_COMPRESSION))


def _animated(frames: Sequence[NDArray[Any]], request: EncodeRequest) -> bytes:
    from PIL import Image

    images = [Image.fromarray(pixels) for pixels in frames]
    buffer = io.BytesIO()
    options = {
        "save_all": True,
        "append_images": images[1:],
        **request.encoding.get("animation", {}),
    }
    images[0].save(buffer, "PNG", compress_level=_COMPRESSION, **options)
    return buffer.getvalue()


def _deep(path: Path) -> NDArray[Any]:
    """Decode 16 bits a channel, which Pillow cuts down to 8 in colour."""
    import imagecodecs

    pixels: NDArray[Any] = imagecodecs.png_decode(path.read_bytes())
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels


def _mode(colour_type: int, transparent: bool) -> str:
    """Return the Pillow mode that holds the picture without loss."""
    alpha = transparent or bool(colour_type & 4)
    return ("RGBA" if alpha else "RGB") if colour_type & 2 else ("LA" if alpha else "L")


def _chunks(path: Path) -> tuple[list[tuple[bytes, bytes]], list[str], bytes]:
    """Return the chunks to pass on, what is left out in words, and the palette."""
    found, left_out, palette = [], [], b""
    with path.open("rb") as file:
        file.seek(_HEADER)
        while len(start := file.read(8)) == 8:
            length, kind = int.from_bytes(start[:4]), start[4:]
            kept = kind in _KEPT or kind == b"PLTE" or _is_safe_to_copy(kind)
            if kept and length > _CHUNK_LIMIT:
                raise FileError(f"is damaged (a {kind.decode()} chunk of {length:,} bytes)")
            content, checksum = b"", zlib.crc32(kind)
            for piece in _pieces(file, length):
                content += piece if kept else b""
                checksum = zlib.crc32(piece, checksum)
            if file.read(4) != checksum.to_bytes(4):
                raise FileError(
                    f"is damaged or cut short (the checksum of its chunk {kind.decode('latin-1')})"
                )
            if kind == b"PLTE":
                palette = content
            elif kept:
                found.append((kind, content))
            elif kind not in _PIXELS:
                left_out.append(f"the chunk {kind.decode('latin-1')}")
            if kind == b"IEND":
                if trailer := len(file.read(_CHUNK_LIMIT).strip(_PADDING)):
                    left_out.append(f"{trailer:,} bytes behind the picture")
                break
    return found, left_out, palette


def _pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (piece := file.read(min(length, _PIECE))):
        yield piece
        length -= len(piece)


def _is_safe_to_copy(kind: bytes) -> bool:
    return kind.isalpha() and bool(kind[3] & _SAFE_TO_COPY) and kind not in _PIXELS


def _in_words(kind: bytes) -> str:
    if kind in _TEXTS:
        return "texts"
    return "the pixel aspect" if kind == b"pHYs" else f"the chunk {kind.decode()}"


def _adapted(kind: bytes, content: bytes, header: bytes, palette: bytes, mode: str) -> bytes:
    """Return a chunk about samples as it is for the mode they are decoded in, or nothing."""
    depth, colour_type = header[_BIT_DEPTH], header[_COLOUR_TYPE]
    if kind == b"sBIT":
        added = len(mode) - len(content)
        return content + bytes([max(depth, 8)]) * added if added in (0, 1) else b""
    if kind == b"pCAL":
        return content if depth >= 8 and colour_type != _PALETTE else b""
    if colour_type == _PALETTE:
        colour = palette[3 * content[0] :][:3] if content else b""
        return b"".join(bytes([0, value]) for value in colour) if len(colour) == 3 else b""
    if depth < 8:
        content = (int.from_bytes(content) * 255 // (2**depth - 1)).to_bytes(2)
    return content if len(content) == (6 if mode.startswith("RGB") else 2) else b""


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


def _with_note(contents: list[tuple[bytes, bytes]], note: Provenance) -> list[tuple[bytes, bytes]]:
    """Return chunks with a text Software that tells of the programs before too."""
    others, before = [], b""
    for kind, content in contents:
        if kind == b"tEXt" and content.startswith(_SOFTWARE):
            before = content.removeprefix(_SOFTWARE)
        else:
            others.append((kind, content))
    text = note.after(before.decode("latin-1")).encode("latin-1")
    return [*others, (b"tEXt", _SOFTWARE + text)]


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return len(content).to_bytes(4) + kind + content + checksum.to_bytes(4)
