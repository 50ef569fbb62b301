"""The keywords of FITS that say gain (electrons per ADU) and read-out noise (electrons).

At x ADU above the bias the variance is x / gain + (read-out noise / gain)², in ADU².
"""

import io
from pathlib import Path
from typing import Any

import numpy as np

from vdn.errors import FileError, InputError
from vdn.extras import needs_extra
from vdn.noise.profiles.camera_profile import CameraProfile, ChannelLaw, Setting
from vdn.noise.profiles.linear import check_linear, only_setting

__all__ = ["SUFFIXES", "encode", "read"]

SUFFIXES = (".fits", ".fit", ".fts")

# EGAIN comes first: where both are there, GAIN is the setting of an amplifier
_GAIN = ("EGAIN", "GAIN", "CCDGAIN", "ATODGAIN", "ESO DET OUT1 CONAD")
_READ_OUT = ("RDNOISE", "READNOIS", "READNOISE", "RON", "ENOISE", "ESO DET OUT1 RON")
_LARGEST_GAIN = 100.0  # electrons per ADU of a detector


def read(path: Path) -> CameraProfile:
    """Read the profile in the header of a FITS file.

    Raises
    ------
    FileError
        When it is no FITS file, or does not say both.
    """
    with needs_extra("astro"):
        from astropy.io import fits

    try:
        with fits.open(path, mode="readonly", lazy_load_hdus=False) as units:
            header: dict[str, Any] = {}
            for unit in reversed(units):
                header.update(unit.header)
    except Exception as error:  # astropy raises nearly anything when a file is damaged
        raise FileError(f"{path}: is no FITS file ({error})") from error
    law = _law(header, path)
    model = header.get("INSTRUME")
    return CameraProfile(
        (Setting(None, (law,)),),
        model=model.strip() if isinstance(model, str) else "",
        source="FITS",
    )


def _law(header: Any, path: Path) -> ChannelLaw:
    gain, read_out = (_value(header, names) for names in (_GAIN, _READ_OUT))
    if gain is None or read_out is None:
        missing = "gain" if gain is None else "read-out noise"
        names = ", ".join(_GAIN if gain is None else _READ_OUT)
        raise FileError(f"{path}: its header does not say the {missing} ({names})")
    if not 0 < gain <= _LARGEST_GAIN or read_out < 0:
        raise FileError(
            f"{path}: a gain of {gain:g} and a read-out noise of {read_out:g} are not electrons "
            "per ADU and electrons; write the gain of the detector into EGAIN"
        )
    return ChannelLaw(1 / gain, (read_out / gain) ** 2)


def encode(profile: CameraProfile) -> bytes:
    """Return the bytes of a file without an image whose header says the law of one setting."""
    with needs_extra("astro"):
        from astropy.io import fits

    check_linear(profile, "FITS")
    setting = only_setting(profile, "FITS")
    if len(setting.channels) != 1:
        raise InputError(f"FITS says one gain, the profile has {len(setting.channels)} channels")
    (law,) = setting.channels
    if law.a <= 0 or law.b < 0:
        raise InputError(
            f"variance {law.a:.3g} x brightness + {law.b:.3g} is no gain and read-out noise; "
            "take off the bias before measuring"
        )
    header = fits.Header()
    gain = 1 / law.a
    header["GAIN"] = gain, "electrons per ADU"
    header["EGAIN"] = gain, "electrons per ADU"
    header["RDNOISE"] = float(np.sqrt(law.b)) * gain, "read-out noise, electrons"
    if profile.model:
        header["INSTRUME"] = profile.camera
    if setting.iso is not None:
        header["ISOSPEED"] = setting.iso
    stream = io.BytesIO()
    fits.PrimaryHDU(header=header).writeto(stream)
    return stream.getvalue()


def _value(header: Any, names: tuple[str, ...]) -> float | None:
    for name in names:
        value = header.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
            return float(value)
    return None
