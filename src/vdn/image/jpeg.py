"""JPEG, 8 bit, gray and colour; written again at the quality it came with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture, check_size

__all__ = ["decode", "encode"]

_NEW = {"quality": 95, "subsampling": "4:4:4"}  # for pictures that were no JPEG before


def decode(path: Path) -> Picture:
    """Read a JPEG file; of several pictures in one (a thumbnail, a gain map) the first."""
    from PIL.JpegImagePlugin import JpegImageFile, get_sampling

    with JpegImageFile(path) as image:
        check_size(*image.size)
        if image.mode not in ("L", "RGB"):
            raise FileError(f"is a {image.mode} JPEG; convert it to RGB first")
        pixels = np.array(image)
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
    return Picture(pixels, metadata, "jpeg", path, encoding)


def encode(
    path: Path, pixels: NDArray[Any], metadata: Metadata, encoding: Mapping[str, Any]
) -> None:
    """Write a JPEG file with the tables of `encoding`, or at quality 95 in 4:4:4."""
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(pixels)).save(
        path,
        "JPEG",
        exif=b"Exif\0\0" + metadata.exif if metadata.exif else b"",
        icc_profile=metadata.icc,
        xmp=metadata.xmp,
        dpi=metadata.dpi or (0, 0),
        **(encoding or _NEW),
    )
