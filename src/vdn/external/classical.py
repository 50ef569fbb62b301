"""Classical denoisers of well-known packages, by name.

Each takes planes (H, W, C) with black at 0 and white nominally at 1, and one noise level;
`Classical` puts the common call around it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.errors import InputError
from vdn.external.method import SigmaEstimate, as_planes, require, scalar_sigma

__all__ = ["CLASSICAL", "NOTICE", "Classical"]

logger = logging.getLogger(__name__)

NOTICE = "bm3d is its authors' own package and free for non-commercial use only"
_BLOCK = 8  # pixels a side that BM3D needs at least
_LEAST_SIDE = 8  # smaller images are mirrored to that size before a wavelet transform
_WHITE = 65535
_ROUNDS, _TOLERANCE = 6, 0.01  # of Chambolle's rule
# Luminance and two colour differences, orthonormal: white noise keeps its level in each of them.
_OPPONENT = np.array(
    [[1 / 3**0.5] * 3, [1 / 2**0.5, 0, -1 / 2**0.5], [1 / 6**0.5, -2 / 6**0.5, 1 / 6**0.5]],
    dtype=np.float32,
)

_Planes = NDArray[np.float32]


def nlm(planes: _Planes, level: float) -> NDArray[Any]:
    """Non-local means in the fast form of scikit-image (https://doi.org/10.1109/CVPR.2005.38).

    5 × 5 patches in a window of 13 × 13; the expected noise is taken off the patch distances.
    """
    return require("skimage.restoration", "bench").denoise_nl_means(
        planes,
        patch_size=5,
        patch_distance=6,
        h=0.6 * level,  # what scikit-image advises for its fast form
        sigma=level,
        fast_mode=True,
        preserve_range=True,
        channel_axis=-1,
    )


def nlm_opencv(planes: _Planes, level: float) -> NDArray[Any]:
    """Non-local means of OpenCV, channel by channel.

    The range of the image, not [0, 1], is spread over 16 bits, so that nothing is clipped; at that
    depth OpenCV compares patches by absolute differences only.
    """
    cv2 = require("cv2", "bench")
    low, span = float(planes.min()), float(np.ptp(planes))
    if span == 0:
        return planes
    integers = np.rint((planes - low) * (_WHITE / span)).astype(np.uint16)
    options = {"h": [level * _WHITE / span], "templateWindowSize": 5, "searchWindowSize": 15}
    channels = [
        cv2.fastNlMeansDenoising(np.ascontiguousarray(channel), normType=cv2.NORM_L1, **options)
        for channel in np.moveaxis(integers, -1, 0)
    ]
    return np.stack(channels, axis=-1) * np.float32(span / _WHITE) + np.float32(low)


def tv(planes: _Planes, level: float) -> NDArray[Any]:
    r"""Total variation (Rudin, Osher, Fatemi 1992) by Chambolle's projection, from scikit-image.

    The weight of the penalty is found by his rule, :math:`\lambda \leftarrow \lambda \, \sigma
    \sqrt{N} / \|y - x_\lambda\|` until the residual is as strong as the noise
    (https://doi.org/10.1023/B:JMIV.0000011325.36760.1e).
    """
    restoration = require("skimage.restoration", "bench")
    weight, restored = level, planes
    for _ in range(_ROUNDS):
        restored = restoration.denoise_tv_chambolle(planes, weight=weight, channel_axis=-1)
        residual = float(np.sqrt(np.mean(np.square(planes - restored))))
        if abs(residual / level - 1) < _TOLERANCE or residual == 0:
            break
        weight *= level / residual
    return restored


def wavelet(planes: _Planes, level: float) -> NDArray[Any]:
    """Soft thresholds that BayesShrink chooses per sub-band, of scikit-image.

    The transform is shifted over 4 × 4 positions and averaged (cycle spinning); colours are
    thresholded as luminance and two differences (https://doi.org/10.1109/83.862633).
    """
    denoise_wavelet = require("skimage.restoration", "bench").denoise_wavelet
    colour = planes.shape[2] == 3
    height, width = planes.shape[:2]
    missing = [(0, max(_LEAST_SIDE - side, 0)) for side in (height, width)]
    padded = np.pad(planes @ _OPPONENT.T if colour else planes, [*missing, (0, 0)], "symmetric")
    total = np.zeros(padded.shape)
    for channel, summed in zip(np.moveaxis(padded, -1, 0), np.moveaxis(total, -1, 0), strict=True):
        for shift in np.ndindex(4, 4):
            moved = np.roll(channel, shift, axis=(0, 1))
            restored = denoise_wavelet(
                moved, sigma=level, wavelet="db2", method="BayesShrink", mode="soft"
            )
            summed += np.roll(restored, (-shift[0], -shift[1]), axis=(0, 1))
    restored = total[:height, :width] / 16
    return restored @ _OPPONENT if colour else restored


def bm3d(planes: _Planes, level: float) -> NDArray[Any]:
    """BM3D, three channels by CBM3D, of the package of the method's authors.

    That is **for non-commercial use only**: it comes with the extra `bm3d` alone, and the first use
    in a process logs that notice (https://doi.org/10.1109/TIP.2007.901238,
    https://doi.org/10.1109/TIP.2020.3014721).
    """
    package = _bm3d()
    if min(planes.shape[:2]) < _BLOCK:
        raise InputError(f"image has shape {planes.shape}: smaller than BM3D's block of {_BLOCK}")
    if planes.shape[2] == 3:
        return package.bm3d_rgb(planes, level)
    return package.bm3d(planes[..., 0], level)


@cache
def _bm3d() -> Any:
    package = require("bm3d", "bm3d")
    logger.warning(NOTICE)
    return package


@dataclass(frozen=True)
class Classical:
    """A denoiser that knows one noise level, behind the call of `vdn.external.Denoise`.

    Attributes
    ----------
    run
        Denoises planes (H, W, C) with a noise level.
    package, extra
        What it needs, and what installs that.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (32, 32))
    >>> bool(CLASSICAL["nlm"](noisy, 0.1).std() < 0.03)
    True
    """

    run: Callable[[_Planes, float], NDArray[Any]]
    package: str
    extra: str = "bench"

    def __call__(
        self,
        image: ArrayLike,
        sigma: ArrayLike | None = None,
        *,
        estimate: SigmaEstimate | None = None,
    ) -> NDArray[np.float32]:
        """Denoise; a map of sigmas counts as its root mean square."""
        planes = as_planes(image)
        level = scalar_sigma(planes, sigma, estimate)
        restored = self.run(planes, level) if level else planes
        return np.array(restored, dtype=np.float32).reshape(np.shape(image))


CLASSICAL: Mapping[str, Classical] = MappingProxyType(
    {
        "nlm": Classical(nlm, "skimage"),
        "nlm_opencv": Classical(nlm_opencv, "cv2"),
        "wavelet": Classical(wavelet, "pywt"),
        "tv": Classical(tv, "skimage"),
        "bm3d": Classical(bm3d, "bm3d", "bm3d"),
    }
)
"""The methods by name."""
