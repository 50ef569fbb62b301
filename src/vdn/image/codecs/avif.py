"""AVIF of 8 bits a channel, still and animated."""

from pathlib import Path
from typing import Any

from vdn.errors import FileError
from vdn.image.codecs.iso_media import color_label, other_pictures, with_color_label
from vdn.image.codecs.pillow_files import (
    frame_durations,
    open_frames,
    pillow_metadata,
    save_options,
)
from vdn.image.encoding import Encoder, EncodeRequest
from vdn.image.picture import Picture

__all__ = ["encode", "open_file"]

_QUALITY = 90  # AVIF does not say at what quality it was written
_HEAD = 2**16  # bytes in which the properties of the picture stand
_USUAL = (b"", b"\0\1\0\x0d")  # sRGB
_DEEP, _MONOCHROME = 0x40, 0x10  # bits of the codec's configuration


def open_file(path: Path, limit: int) -> Picture:
    """Open an AVIF file; how to turn it is in the metadata."""
    from PIL.AvifImagePlugin import AvifImageFile

    with path.open("rb") as file:
        configuration = file.read(_HEAD).partition(b"av1C")[2]
    flags = configuration[2] if len(configuration) > 2 else 0
    if flags & _DEEP:
        raise FileError("is an AVIF of more than 8 bits; convert it to PNG or TIFF of 16 bits")
    with AvifImageFile(path) as image:
        mode = "RGBA" if "A" in image.mode else "L" if flags & _MONOCHROME else "RGB"
        count = image.n_frames
        frames, close = open_frames(lambda: AvifImageFile(path), count, mode, limit)
        metadata = pillow_metadata(image)
        encoding = {"duration": frame_durations(image, count), "label": color_label(path)}
    return Picture(
        frames,
        metadata,
        "avif",
        path,
        encoding,
        left_out=tuple(other_pictures(path)),
        specific=("the colour label (CICP)",) if encoding["label"] not in _USUAL else (),
        close=close,
    )


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write an AVIF file at the quality asked for, or at 90."""
    from PIL import Image

    metadata = request.metadata
    options: dict[str, Any] = save_options(metadata, metadata.exif_with(request.options.provenance))
    first, *others = map(Image.fromarray, (yield from request.receive_all()))
    if others:
        options |= {"save_all": True, "append_images": others}
        options["duration"] = request.encoding.get("duration", 0)
    quality = request.options.quality or _QUALITY
    if first.mode != "L":
        options["subsampling"] = "4:4:4"
    first.save(path, "AVIF", quality=quality, **options)
    if label := request.encoding.get("label"):
        path.write_bytes(with_color_label(path.read_bytes(), label))
