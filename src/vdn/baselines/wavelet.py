"""Wavelet thresholding with BayesShrink (Chang, Yu, Vetterli, TIP 2000), from scikit-image."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.baselines.method import SigmaEstimate, as_planes, require, scalar_sigma

__all__ = ["denoise"]

_WAVELET, _LEAST_SIDE = "db2", 8  # smaller images are mirrored to that size
# Luminance and two colour differences, orthonormal: white noise keeps its level in each of them.
_OPPONENT = np.array(
    [[1 / 3**0.5] * 3, [1 / 2**0.5, 0, -1 / 2**0.5], [1 / 6**0.5, -2 / 6**0.5, 1 / 6**0.5]],
    dtype=np.float32,
)


def denoise(
    image: ArrayLike, sigma: ArrayLike | None = None, *, estimate: SigmaEstimate | None = None
) -> NDArray[np.float32]:
    """Denoise by soft thresholds that BayesShrink chooses per sub-band; see `Denoise`.

    The transform is shifted over 4 × 4 positions and averaged (cycle spinning). Colours are
    thresholded as luminance and two differences. A map of sigmas counts as its root mean square.

    Raises
    ------
    MissingExtraError
        Without scikit-image and PyWavelets.

    References
    ----------
    https://doi.org/10.1109/83.862633

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (32, 32))
    >>> bool(denoise(noisy, 0.1).std() < 0.05)
    True
    """
    require("pywt", "bench")
    restoration = require("skimage.restoration", "bench")
    planes = as_planes(image)
    level = scalar_sigma(planes, sigma, estimate)
    if level == 0:
        return np.array(image, dtype=np.float32)
    if planes.shape[2] == 3:
        planes = planes @ _OPPONENT.T
    restored = np.stack(
        [_spin(np.ascontiguousarray(planes[..., c]), level, restoration)
         for c in range(planes.shape[2])], axis=-1)  # fmt: skip
    if planes.shape[2] == 3:
        restored = restored @ _OPPONENT
    return restored.astype(np.float32).reshape(np.shape(image))


def _spin(channel: NDArray[np.float32], level: float, restoration: Any) -> NDArray[np.float64]:
    height, width = channel.shape
    missing = [(0, max(_LEAST_SIDE - side, 0)) for side in channel.shape]
    channel = np.pad(channel, missing, mode="symmetric")
    total = np.zeros(channel.shape)
    for down in range(4):
        for across in range(4):
            moved = np.roll(channel, (down, across), axis=(0, 1))
            restored = restoration.denoise_wavelet(
                moved, sigma=level, wavelet=_WAVELET, method="BayesShrink", mode="soft"
            )
            total += np.roll(restored, (-down, -across), axis=(0, 1))
    return total[:height, :width] / 16
