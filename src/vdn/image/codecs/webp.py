"""WebP, still and animated; lossless where it came lossless."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vdn.image.codecs.pillow_files import (
    frame_durations,
    open_frames,
    pillow_metadata,
    save_options,
)
from vdn.image.encoding import Encoder, EncodeRequest
from vdn.image.picture import Picture

__all__ = ["encode", "open_file"]

_QUALITY = 90  # of lossy files, which do not say at what quality they were written
_NESTED = 16  # bytes of an animation frame before the chunks in it


def open_file(path: Path, limit: int) -> Picture:
    """Open a WebP file."""
    from PIL.WebPImagePlugin import WebPImageFile

    with WebPImageFile(path) as image:
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        count = image.n_frames
        frames, close = open_frames(lambda: WebPImageFile(path), count, mode, limit)
        metadata = pillow_metadata(image)
        animation: dict[str, Any] = {"duration": frame_durations(image, count)}
        for key in ("loop", "background"):
            if key in image.info:
                animation[key] = image.info[key]
    encoding = {
        "lossless": any(kind == b"VP8L" for kind in _chunks(path)),
        "animation": animation,
    }
    return Picture(frames, metadata, "webp", path, encoding, close=close)


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write a WebP file: lossless as the source, else at the quality asked for, or at 90."""
    from PIL import Image

    quality = request.options.quality
    lossless = quality is None and request.encoding.get("lossless", not request.encoding)
    options: dict[str, Any] = {"lossless": True} if lossless else {"quality": quality or _QUALITY}
    metadata = request.metadata
    options |= save_options(metadata, metadata.exif_with(request.options.provenance))
    first, *others = map(Image.fromarray, (yield from request.receive_all()))
    if others:
        options |= {"save_all": True, "append_images": others, "minimize_size": False}
        options |= request.encoding.get("animation", {})
    first.save(path, "WEBP", exact=True, method=4, **options)


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the kinds of the chunks of a RIFF file and of its animation frames."""
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            kind, length = head[:4], int.from_bytes(head[4:], "little")
            yield kind
            file.seek(_NESTED if kind == b"ANMF" else length + length % 2, 1)
