"""Blind image denoising and restoration that tells you the noise.

>>> import vdn
>>> [name for name in sorted(vdn.__all__) if name.islower()]
['denoise', 'denoise_file', 'estimate_noise', 'list_models', 'read_profile', 'restore',
 'write_profile']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vdn.errors import (
    ConfigError,
    FileError,
    InputError,
    MissingExtraError,
    PredictionError,
    TooLargeError,
    VdnError,
)

if TYPE_CHECKING:
    from vdn.blur_kernel import BlurKernel
    from vdn.denoiser import Denoiser, denoise, denoise_file, estimate_noise
    from vdn.noise.profiles import CameraProfile, read_profile, write_profile
    from vdn.restorer import NoiseEstimate, Restored, Restorer, restore
    from vdn.runtime.cards import list_models

__all__ = [
    "BlurKernel",
    "CameraProfile",
    "ConfigError",
    "Denoiser",
    "FileError",
    "InputError",
    "MissingExtraError",
    "NoiseEstimate",
    "PredictionError",
    "Restored",
    "Restorer",
    "TooLargeError",
    "VdnError",
    "denoise",
    "denoise_file",
    "estimate_noise",
    "list_models",
    "read_profile",
    "restore",
    "write_profile",
]
__version__ = "0.1.0"


_HOMES = {
    "BlurKernel": "vdn.blur_kernel",
    **dict.fromkeys(("CameraProfile", "read_profile", "write_profile"), "vdn.noise.profiles"),
    "list_models": "vdn.runtime.cards",
    **dict.fromkeys(("Denoiser", "denoise", "denoise_file", "estimate_noise"), "vdn.denoiser"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'vdn' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "vdn.restorer")), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
