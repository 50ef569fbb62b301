"""JPEG, 8 bit, gray and colour; written again at the quality it came with."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.frame import FrameSpec, lazy_frames
from vdn.image.job import Job
from vdn.image.limits import check_piece
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture

__all__ = ["encode", "open_file"]

_EXIF_LIMIT = 2**16 - 9  # bytes in a segment, less its length and the name
_NEW = {"quality": 95, "subsampling": "4:4:4"}  # for pictures that were no JPEG before


def open_file(path: Path, limit: int) -> Picture:
    """Open a JPEG file; of several pictures in one (a thumbnail, a gain map) the first."""
    from PIL.JpegImagePlugin import JpegImageFile, get_sampling

    with JpegImageFile(path) as image:
        if image.mode not in ("L", "RGB"):
            raise FileError(f"is a {image.mode} JPEG; convert it to RGB first")
        width, height = image.size
        colour = image.mode == "RGB"
        spec = FrameSpec(
            shape=(height, width, 3) if colour else (height, width),
            dtype=np.dtype(np.uint8),
            channels="colour" if colour else "gray",
        )
        check_piece(spec.nbytes, limit)
        metadata = Metadata(
            exif=image.info.get("exif", b"").removeprefix(b"Exif\0\0"),
            icc=image.info.get("icc_profile") or b"",
            xmp=image.info.get("xmp", b""),
            dpi=image.info.get("dpi"),
        )
        encoding = {
            "qtables": image.quantization,
            "subsampling": get_sampling(image),
            "progressive": "progressive" in image.info,
            "comment": image.info.get("comment", b""),
        }

    def decode(_: int) -> NDArray[Any]:
        with JpegImageFile(path) as image:
            return np.array(image)

    return Picture(lazy_frames([spec], decode), metadata, "jpeg", path, encoding)


def encode(path: Path, job: Job) -> None:
    """Write a JPEG file: with the source's tables, at the quality asked for, or at 95 in 4:4:4."""
    from PIL import Image

    (frame,) = job.frames
    encoding = dict(job.encoding) or dict(_NEW)
    if job.options.quality is not None:
        encoding.pop("qtables", None)
        encoding["quality"] = job.options.quality
    metadata = job.metadata
    exif = metadata.exif_with(job.options.provenance)
    if len(exif) > _EXIF_LIMIT:
        exif = metadata.exif
    Image.fromarray(job.frame_pixels(frame)).save(
        path,
        "JPEG",
        exif=b"Exif\0\0" + exif if exif else b"",
        icc_profile=metadata.icc,
        xmp=metadata.xmp,
        dpi=metadata.dpi or (0, 0),
        **encoding,
    )
