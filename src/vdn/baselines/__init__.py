"""Other people's denoisers and noise estimates behind one call, to be compared with.

>>> import vdn.baselines
>>> sorted(vdn.baselines.METHODS)
['bm3d', 'mog', 'nlm', 'nlm_opencv', 'tv', 'wavelet', 'wnnm']
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module

from vdn.baselines.chen import estimate_sigma_chen
from vdn.baselines.mad import estimate_sigma_mad
from vdn.baselines.method import Denoise, SigmaEstimate, require
from vdn.baselines.signal_dependent import estimate_sigma_signal_dependent
from vdn.errors import InputError

__all__ = [
    "METHODS",
    "NOISE_ESTIMATES",
    "Denoise",
    "SigmaEstimate",
    "estimate_sigma_chen",
    "estimate_sigma_mad",
    "estimate_sigma_signal_dependent",
    "load_method",
]


def _load(name: str, package: str = "", extra: str = "") -> Denoise:
    if package:
        require(package, extra)
    return import_module(f"vdn.baselines.{name}").denoise


METHODS: dict[str, Callable[[], Denoise]] = {
    "nlm": partial(_load, "nlm", "skimage", "bench"),
    "nlm_opencv": partial(_load, "nlm_opencv", "cv2", "bench"),
    "wavelet": partial(_load, "wavelet", "pywt", "bench"),
    "tv": partial(_load, "tv", "skimage", "bench"),
    "bm3d": partial(_load, "bm3d", "bm3d", "bm3d"),
    "wnnm": partial(_load, "wnnm", "threadpoolctl", "bench"),
    "mog": partial(_load, "mog", "threadpoolctl", "bench"),
}
"""Loaders by name: each returns the method's `Denoise`, or raises `MissingExtraError`."""

NOISE_ESTIMATES: dict[str, SigmaEstimate] = {
    "chen": estimate_sigma_chen,
    "mad": estimate_sigma_mad,
    "signal_dependent": estimate_sigma_signal_dependent,
}
"""Estimates of the noise level by name: numbers, or a map where the level follows brightness."""


def load_method(name: str) -> Denoise:
    """The method of a name, or the network in a file (``.pth``, ``.safetensors`` …).

    Raises
    ------
    InputError
        For a name that is neither.
    MissingExtraError
        If the packages of the method are not installed; the text names the extra.

    Examples
    --------
    >>> load_method("wnnm").__module__
    'vdn.baselines.wnnm'
    """
    from vdn.baselines.network_file import SUFFIXES, NetworkFile

    if name in METHODS:
        return METHODS[name]()
    if name.lower().endswith(SUFFIXES):
        return NetworkFile(name)
    if name in NOISE_ESTIMATES:
        raise InputError(
            f"method {name!r} estimates the noise and does not denoise; "
            f"call NOISE_ESTIMATES[{name!r}](image), or pass it as estimate= to a method"
        )
    raise InputError(
        f"method {name!r} is unknown: one of {', '.join(sorted(METHODS))}, "
        f"or a network file ({', '.join(SUFFIXES)})"
    )
