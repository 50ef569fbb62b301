"""`noiseprofiles.json` of darktable: not the variance of pixels, but what one Haar band holds.

darktable measures the diagonal band of one level of a lifted Haar transform, whose two steps both
halve: (p - q - r + s) / 4 of four neighbours. Of noise that is independent from pixel to pixel this
band has a quarter of the variance, so a and b are a quarter of ours. darktable's own files were
measured on developed, demosaiced pictures, where neighbours share their noise and the band holds
less: of those the variance cannot be told.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError, InputError
from vdn.noise.profiles.camera_profile import CameraProfile, ChannelLaw, Setting, camera_name
from vdn.noise.profiles.linear import check_linear

__all__ = ["KEPT", "decode", "encode", "haar_band", "measure"]

_WEIGHTS = np.array([[1.0, -1.0], [-1.0, 1.0]]) / 4

KEPT = float(np.square(_WEIGHTS).sum())
"""The share of the variance of independent noise that the band holds."""

_VERSION = 0
_BINS = 300  # of brightness from 0 to 1
_MEDIAN = 0.6745  # of the absolute value of a standard normal variable
_LEAST = 10  # values in a bin, to count


def haar_band(plane: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the brightness and the diagonal coefficient of every 2 x 2 pixels, (h, w) each."""
    height, width = (side // 2 * 2 for side in plane.shape)
    cells = plane[:height, :width].astype(np.float64)
    cells = cells.reshape(height // 2, 2, width // 2, 2)
    return cells.mean((1, 3)), np.einsum("iajb,ab->ij", cells, _WEIGHTS)


def measure(plane: NDArray[np.floating]) -> tuple[float, float]:
    """Measure a and b of one channel as darktable does.

    Parameters
    ----------
    plane
        (H, W), linear, black 0 and white 1; what is below 0 counts as 0.

    Returns
    -------
    tuple
        a and b of the band: for independent noise `KEPT` times those of the pixels.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> clean = np.tile(np.linspace(0.05, 0.9, 1024), (1024, 1))
    >>> a, b = measure(clean + np.sqrt(1e-3 * clean + 1e-4) * rng.standard_normal(clean.shape))
    >>> round(a / KEPT / 1e-3, 1), round(b / KEPT / 1e-4, 1)
    (1.0, 1.0)
    """
    brightness, band = (values.ravel() for values in haar_band(np.maximum(plane, 0)))
    bins = np.clip((brightness * _BINS).astype(int), 0, _BINS - 1)
    order = np.argsort(bins, kind="stable")
    edges = np.flatnonzero(np.diff(bins[order])) + 1
    x, v, count = [], [], []
    for part in np.split(order, edges):
        if len(part) >= _LEAST:
            x.append(brightness[part].mean())
            v.append((np.median(np.abs(band[part])) / _MEDIAN) ** 2)
            count.append(len(part))
    if len(x) < 2:
        raise InputError("the picture has too few brightnesses to measure a and b")
    relative = np.sqrt(count) / np.maximum(v, 1e-12)  # the error of a variance goes with it
    a, b = np.polyfit(x, v, 1, w=relative)
    return float(a), float(b)


def encode(profile: CameraProfile) -> str:
    """Return the text of a file with the laws of all settings."""
    check_linear(profile, "darktable")
    if profile.white is None or not profile.model:
        raise InputError("darktable needs the white and the camera's name; the profile lacks one")
    entries = []
    for setting in profile.settings:
        if setting.iso is None:
            raise InputError("darktable needs the ISO of each setting; the profile has none")
        if len(setting.channels) not in (1, 3):
            raise InputError(f"darktable has 3 channels, the profile {len(setting.channels)}")
        laws = setting.scaled(1 / profile.white).channels * (3 // len(setting.channels))
        entries.append(
            {
                "name": f"{profile.camera} iso {setting.iso:g}",
                "iso": round(setting.iso),
                "a": [KEPT * law.a for law in laws],
                "b": [KEPT * law.b for law in laws],
            }
        )
    models = [{"model": profile.model, "profiles": entries}]
    makers = [{"maker": profile.make, "models": models}]
    return json.dumps({"version": _VERSION, "noiseprofiles": makers}, indent=2) + "\n"


def decode(record: Any, path: Path, camera: str = "") -> CameraProfile:
    """Return the profile of a camera in the content of a file.

    Its laws are those of independent noise with that band; see above.

    Raises
    ------
    FileError
        When the camera is not in the file, or there are several and none is named.
    """
    try:
        if record["version"] != _VERSION:
            raise FileError(f"{path}: is of version {record['version']}; darktable's has 0")
        found = {
            camera_name(maker["maker"], model["model"]): (maker["maker"], model)
            for maker in record["noiseprofiles"]
            for model in maker["models"]
        }
        if camera not in found and (camera or len(found) != 1):
            what = f"has no camera {camera!r}" if camera else f"has {len(found)} cameras; name one"
            near = f", such as {next(iter(found))!r}" if found else ""
            raise FileError(f"{path}: {what}{near}")
        make, model = found[camera] if camera else next(iter(found.values()))
        settings = {float(each["iso"]): _setting(each) for each in model["profiles"]}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileError(f"{path}: is a damaged file of noise profiles ({error!r})") from error
    ordered = tuple(settings[iso] for iso in sorted(settings))
    return CameraProfile(ordered, make, model["model"], white=1.0, source="darktable")


def _setting(record: Any) -> Setting:
    numbers = [[float(value) / KEPT for value in record[name]] for name in ("a", "b")]
    if not all(math.isfinite(value) for row in numbers for value in row):
        raise ValueError("values that are not finite")
    laws = tuple(ChannelLaw(a, b, span=(0.0, 1.0)) for a, b in zip(*numbers, strict=True))
    return Setting(float(record["iso"]), laws)
