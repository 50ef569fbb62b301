"""The noise model of PN2V and CAREamics: a mixture of Gaussians, here of one, as `.npz`.

With t = (signal - min_signal) / (max_signal - min_signal) its variance is
max(exp(w10) + exp(w11) t, min_sigma), w being `trained_weight` (3, 2): a line that does not fall.
Despite its name `min_sigma` bounds the variance.

Prakash et al., Fully unsupervised probabilistic Noise2Void, ISBI 2020,
https://arxiv.org/abs/1911.12291
"""

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from vdn.errors import FileError, InputError
from vdn.noise.profiles.camera_profile import CameraProfile, ChannelLaw, Setting
from vdn.noise.profiles.linear import only_setting

__all__ = ["encode", "read"]

_NAMES = ("trained_weight", "min_signal", "max_signal", "min_sigma")
_LEAST = 0.1  # of the variance at the dark end: there is no less
_LEVEL = 1e-9  # of it: the slope of noise that does not depend on the signal


def read(path: Path) -> CameraProfile:
    """Read a noise model of one Gaussian.

    Raises
    ------
    FileError
        When the file is none, or its variance is no line.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            weight, *ends = (np.asarray(file[name], np.float64) for name in _NAMES)
        low, high, least = (float(end.reshape(-1)[0]) for end in ends)
    except (OSError, EOFError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise FileError(f"{path}: is no noise model of PN2V or CAREamics ({error})") from error
    if weight.shape != (3, 2):
        raise FileError(
            f"{path}: has weights of shape {weight.shape}; the variance of one Gaussian is a line, "
            "(3, 2), and that of others is not"
        )
    with np.errstate(over="ignore"):
        dark, slope = np.exp(weight[1])
    if not (low < high and np.isfinite([low, high, least, dark, slope]).all()):
        raise FileError(f"{path}: is a damaged noise model")
    a = float(slope) / (high - low)
    law = ChannelLaw(a, float(dark) - a * low, span=(low, high))
    return CameraProfile((Setting(None, (law,)),), source="PN2V")


def encode(profile: CameraProfile) -> bytes:
    """Return the bytes of a noise model for the law of one setting and channel."""
    setting = only_setting(profile, "a noise model of PN2V")
    if len(setting.channels) != 1:
        raise InputError(
            f"a noise model of PN2V is of one channel, the profile has {len(setting.channels)}"
        )
    (law,) = setting.channels
    low, high = law.span or (0.0, profile.white or 65535.0)
    dark = law.a * low + law.b
    if dark <= 0 or law.a < 0:
        raise InputError(
            f"the variance {law.a:.3g} x brightness + {law.b:.3g} is not above 0 and growing from "
            f"{low:.3g} on, as a noise model of PN2V is"
        )
    slope = max(law.a * (high - low), _LEVEL * dark)
    weight = np.array([[0, 0], [math.log(dark), math.log(slope)], [0, 0]], np.float32)
    stream = io.BytesIO()
    np.savez(
        stream,
        trained_weight=weight,
        min_signal=np.array([low], np.float32),
        max_signal=np.array([high], np.float32),
        min_sigma=np.float32(_LEAST * dark),
    )
    return stream.getvalue()
