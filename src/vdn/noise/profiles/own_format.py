"""Our own format: JSON that people can read and other programs too.

Version 1: see `docs/noise-profiles.md`.
"""

import json
import math
from pathlib import Path
from typing import Any

from vdn.errors import FileError
from vdn.noise.profiles.camera_profile import CameraProfile, ChannelLaw, Setting

__all__ = ["NAME", "VERSION", "decode", "describe", "encode"]

NAME, VERSION = "vdn noise profile", 1
_ABOUT = (
    "Variance of the noise = a * brightness + b, in the values of the pictures; where 'white' is a "
    "number it is their white. Intervals hold with 90 %. 'brightness' is what was measured."
)
_PAIRS = {"a_interval": "a_interval", "b_interval": "b_interval", "span": "brightness"}


def encode(profile: CameraProfile) -> str:
    """Return the text of a file."""
    return json.dumps(describe(profile), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def describe(profile: CameraProfile) -> dict[str, Any]:
    """Return the content of a file as plain containers."""
    return {
        "format": NAME,
        "version": VERSION,
        "about": _ABOUT,
        "make": profile.make,
        "model": profile.model,
        "white": profile.white,
        "source": profile.source,
        "settings": [
            {
                "iso": setting.iso,
                "pictures": setting.pictures,
                "channels": [_encode_law(law) for law in setting.channels],
            }
            for setting in profile.settings
        ],
    }


def decode(record: Any, path: Path) -> CameraProfile:
    """Return the profile in the content of a file.

    Raises
    ------
    FileError
        When the content is none, or of a later version.
    """
    version = record.get("version")
    if version != VERSION:
        raise FileError(
            f"{path}: is a noise profile of version {version}; this vdn reads version {VERSION}"
        )
    try:
        settings = tuple(
            Setting(
                None if each["iso"] is None else _number(each["iso"]),
                tuple(_decode_law(law) for law in each["channels"]),
                int(each["pictures"]),
            )
            for each in record["settings"]
        )
        if not all(setting.channels for setting in settings):
            raise ValueError("a setting without channels")
        white = record["white"]
        return CameraProfile(
            settings,
            str(record["make"]),
            str(record["model"]),
            None if white is None else _number(white),
            str(record["source"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise FileError(f"{path}: is a damaged noise profile ({reason})") from error


def _encode_law(law: ChannelLaw) -> dict[str, Any]:
    record: dict[str, Any] = {"a": _short(law.a), "b": _short(law.b)}
    for name, key in _PAIRS.items():
        ends = getattr(law, name)
        record[key] = None if ends is None else [_short(end) for end in ends]
    together = law.error_correlation
    return {**record, "error_correlation": None if together is None else _short(together)}


def _decode_law(record: Any) -> ChannelLaw:
    pairs: dict[str, Any] = {}
    for name, key in _PAIRS.items():
        ends = record.get(key)
        pairs[name] = None if ends is None else (_number(ends[0]), _number(ends[1]))
    together = record.get("error_correlation")
    return ChannelLaw(
        _number(record["a"]),
        _number(record["b"]),
        **pairs,
        error_correlation=None if together is None else _number(together),
    )


def _short(value: float) -> float:
    """Return a number without digits that nobody measured."""
    return float(f"{value:.7g}")


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is no number")
    return number
