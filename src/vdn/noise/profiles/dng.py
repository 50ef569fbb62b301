"""The tag NoiseProfile of DNG: variance = S x + O for linear light x between black 0 and white 1.

The law is that of raw values, black taken off. What is written is a linear DNG without a scene, to
copy the tag from: `exiftool -TagsFromFile profile.dng -NoiseProfile photo.dng`.

Adobe, Digital Negative Specification 1.7.1, tag 51041.
"""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from vdn.errors import FileError, InputError
from vdn.noise.profiles.camera_profile import CameraProfile, ChannelLaw, Setting
from vdn.noise.profiles.linear import check_linear, only_setting

__all__ = ["SUFFIXES", "encode", "read"]

SUFFIXES = (".dng", ".tif", ".tiff")

_NOISE_PROFILE, _DNG_VERSION, _BACKWARD, _UNIQUE_MODEL = 51041, 50706, 50707, 50708
_MAKE, _MODEL, _EXIF, _SENSITIVITY = 271, 272, 34665, 34855
_LINEAR_RAW = 34892
_SIDE = 16  # pixels


def read(path: Path) -> CameraProfile:
    """Read the profile in a DNG or TIFF file.

    Raises
    ------
    FileError
        When it is no TIFF, or has no such tag.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            pages = [page.aspage() for page in file.pages]
            pages += [below.aspage() for page in pages for below in page.pages or ()]
            values = next((p.tags[_NOISE_PROFILE].value for p in pages if _has(p)), None)
            first = pages[0].tags
            make, model = (_text(first.valueof(code)) for code in (_MAKE, _MODEL))
            iso = first.valueof(_SENSITIVITY)
            exif = first.valueof(_EXIF)
            if isinstance(exif, dict):
                iso = exif.get("ISOSpeedRatings", exif.get("PhotographicSensitivity", iso))
    except (tifffile.TiffFileError, OSError, ValueError, KeyError, IndexError) as error:
        raise FileError(f"{path}: is no DNG or TIFF file ({error})") from error
    if values is None:
        raise FileError(f"{path}: has no noise profile (tag {_NOISE_PROFILE}, NoiseProfile)")
    numbers = [float(value) for value in np.ravel(values)]
    if not numbers or len(numbers) % 2 or not all(map(math.isfinite, numbers)):
        raise FileError(f"{path}: has a damaged noise profile ({len(numbers)} numbers)")
    laws = zip(numbers[::2], numbers[1::2], strict=True)
    channels = tuple(ChannelLaw(a, b, span=(0.0, 1.0)) for a, b in laws)
    iso = float(np.ravel(iso)[0]) if iso is not None else None
    return CameraProfile((Setting(iso, channels),), make, model, white=1.0, source="DNG")


def encode(profile: CameraProfile) -> bytes:
    """Return the bytes of a file that holds the profile of one setting."""
    import tifffile

    check_linear(profile, "DNG")
    setting = only_setting(profile, "DNG")
    if profile.white is None:
        raise InputError("DNG counts from black 0 to white 1, and the profile has no white")
    laws = setting.scaled(1 / profile.white).channels
    if len(laws) not in (1, 3):
        raise InputError(f"DNG has one law or three, the profile {len(laws)}")
    numbers = [number for law in laws for number in (law.a, law.b)]
    name = profile.camera or "unknown"
    tags: list[tuple[int, Any, int, Any, bool]] = [
        (_NOISE_PROFILE, "d", len(numbers), tuple(numbers), True),
        (_DNG_VERSION, "B", 4, (1, 4, 0, 0), True),
        (_BACKWARD, "B", 4, (1, 3, 0, 0), True),
        (_UNIQUE_MODEL, "s", 0, name, True),
    ]
    tags += [
        (code, "s", 0, text, True)
        for code, text in ((_MAKE, profile.make), (_MODEL, profile.model))
        if text
    ]
    if setting.iso is not None:
        tags.append((_SENSITIVITY, "H", 1, min(round(setting.iso), 65535), True))
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        np.zeros((_SIDE, _SIDE, 3), np.uint16),  # one pair of numbers is for all planes
        photometric=_LINEAR_RAW,
        planarconfig="contig",
        extratags=tags,
        metadata=None,
        software=False,
    )
    return stream.getvalue()


def _has(page: Any) -> bool:
    return _NOISE_PROFILE in page.tags


def _text(value: Any) -> str:
    return value.strip(" \0") if isinstance(value, str) else ""
