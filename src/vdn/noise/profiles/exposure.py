"""What a file says about how its picture was taken: the camera and its ISO."""

from dataclasses import dataclass
from typing import Any

from vdn.image.picture import Picture
from vdn.noise.profiles.camera_profile import camera_name

__all__ = ["Exposure", "read_exposure"]

_MAKE, _MODEL, _EXIF = 271, 272, 0x8769
_SENSITIVITY, _STANDARD_OUTPUT, _RECOMMENDED, _SPEED = 0x8827, 0x8831, 0x8832, 0x8833
_TOO_LARGE = 65535  # what the 16 bits of the old tag hold where the ISO is more: see the others


@dataclass(frozen=True)
class Exposure:
    """Camera and ISO; empty and None where the file does not say.

    Examples
    --------
    >>> Exposure("SONY", "ILCE-7M3", 800).camera
    'SONY ILCE-7M3'
    """

    make: str = ""
    model: str = ""
    iso: float | None = None

    @property
    def camera(self) -> str:
        """Make and model in one."""
        return camera_name(self.make, self.model)


def read_exposure(picture: Picture) -> Exposure:
    """Return how a picture was taken, as its EXIF says, or the header of a FITS file."""
    if picture.format == "fits":
        header = picture.encoding.get("header", {})
        return Exposure("", _text(header.get("INSTRUME")), _number(header.get("ISOSPEED")))
    tags = picture.metadata.exif_tags()
    below = picture.metadata.exif_directories().get(_EXIF, {})
    iso = _number(below.get(_SENSITIVITY, tags.get(_SENSITIVITY)))
    if iso is None or iso >= _TOO_LARGE:
        others = [_number(below.get(tag)) for tag in (_SPEED, _RECOMMENDED, _STANDARD_OUTPUT)]
        iso = next((each for each in others if each is not None), None)
    return Exposure(_text(tags.get(_MAKE)), _text(tags.get(_MODEL)), iso)


def _text(value: Any) -> str:
    return value.strip(" \0") if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    """Return a positive number; cameras that name several settings name the one used first."""
    first = value[0] if isinstance(value, tuple | list) and value else value
    try:
        number = float(first)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
