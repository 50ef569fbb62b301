"""HEIF and HEIC of 8, 10 and 12 bits, through pillow-heif (extra `heif`)."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.codecs.extras import missing_extra
from vdn.image.codecs.iso_media import other_pictures
from vdn.image.encoding import Encoder, EncodeRequest, receive
from vdn.image.exif_note import with_orientation
from vdn.image.frame import CHANNELS, FrameSpec, lazy_frames
from vdn.image.limits import check_piece
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture

__all__ = ["encode", "open_file"]

_QUALITY = 90  # HEIF does not say at what quality it was written
_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:="|>))[0-9]')
_HEADER = b"Exif\0\0"


def open_file(path: Path, limit: int) -> Picture:
    """Open a HEIF file; the decoder turns the pixels upright, and the metadata says so.

    Thumbnails, depth and gain maps are left out.
    """
    file = _open(path)
    images = [file[index] for index in range(len(file))]
    modes = [image.mode.partition(";")[0].replace("I", "L") for image in images]
    specs = [
        FrameSpec(
            shape=image.size[::-1] if mode == "L" else (*image.size[::-1], len(mode)),
            dtype=np.dtype(np.uint16 if ";" in image.mode else np.uint8),
            channels=CHANNELS[len(mode) - 1],
            name=f"image {index + 1}" if len(images) > 1 else "",
        )
        for index, (image, mode) in enumerate(zip(images, modes, strict=True))
    ]
    for spec in specs:
        check_piece(spec.nbytes, limit)
    info = images[0].info
    exif = (info.get("exif") or b"").removeprefix(_HEADER)
    metadata = Metadata(
        exif=with_orientation(exif, 1),
        icc=info.get("icc_profile") or b"",
        xmp=_XMP_ORIENTATION.sub(rb"\g<1>1", info.get("xmp") or b""),
    )
    encoding = {
        "chroma": info.get("chroma"),
        "bits": info.get("bit_depth", 8),
        "nclx": info.get("nclx_profile"),
    }

    def decode(index: int) -> NDArray[Any]:
        return np.array(_open(path)[index]).reshape(specs[index].shape)

    return Picture(
        lazy_frames(specs, decode),
        metadata,
        "heif",
        path,
        encoding,
        left_out=tuple(other_pictures(path)),
        specific=("the colour label (CICP)",) if encoding["nclx"] and not metadata.icc else (),
    )


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write a HEIF file at the quality asked for, or at 90, with the source's depth and chroma."""
    with missing_extra("HEIF", "heif"):
        import pillow_heif

    metadata, encoding = request.metadata, request.encoding
    exif = metadata.exif_with(request.options.provenance)
    file = pillow_heif.HeifFile()
    for frame in request.frames:
        mode = {"gray": "L", "colour": "RGB", "colour+alpha": "RGBA"}[frame.channels]
        bits = encoding.get("bits", 16) if frame.dtype == np.uint16 else 8
        size = frame.shape[1], frame.shape[0]
        data = np.minimum((yield from receive(frame)), 2**bits - 1)
        mode = mode if bits == 8 else f"{'I' if mode == 'L' else mode};{bits}"
        added = file.add_frombytes(mode, size, data.tobytes())
        added.info["nclx_profile"] = encoding.get("nclx")
    options: dict[str, Any] = {
        "exif": _HEADER + exif if exif else None,
        "xmp": metadata.xmp or None,
    }
    if metadata.icc:
        file[0].info["icc_profile"] = metadata.icc
        file[0].info["icc_profile_type"] = "prof"
    quality = request.options.quality or _QUALITY
    chroma = encoding.get("chroma") or 444
    file.save(path, quality=quality, chroma=chroma, **options)


def _open(path: Path) -> Any:
    with missing_extra("HEIF", "heif"):
        import pillow_heif

    return pillow_heif.open_heif(path, convert_hdr_to_8bit=False, hdr_to_16bit=False)
