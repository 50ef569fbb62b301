"""Non-local means as OpenCV has it, on 16-bit integers."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.baselines.method import SigmaEstimate, as_planes, require, scalar_sigma

__all__ = ["denoise"]

_PATCH, _WINDOW = 5, 15
_STRENGTH = 1.0
_WHITE = 65535


def denoise(
    image: ArrayLike, sigma: ArrayLike | None = None, *, estimate: SigmaEstimate | None = None
) -> NDArray[np.float32]:
    """Denoise by OpenCV's `fastNlMeansDenoising`; see `vdn.baselines.Denoise`.

    The range of the image, not [0, 1], is spread over 16 bits, so that nothing is clipped; at that
    depth OpenCV compares patches by absolute differences only. Channels are denoised one by one.
    A map of sigmas counts as its root mean square.

    Raises
    ------
    MissingExtraError
        Without OpenCV.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (32, 32))
    >>> bool(denoise(noisy, 0.1).std() < 0.03)
    True
    """
    cv2 = require("cv2", "bench")
    planes = as_planes(image)
    level = scalar_sigma(planes, sigma, estimate)
    low, span = float(planes.min()), float(np.ptp(planes))
    if level == 0 or span == 0:
        return np.array(image, dtype=np.float32)
    integers = np.rint((planes - low) * (_WHITE / span)).astype(np.uint16)
    strength = _STRENGTH * level * _WHITE / span
    restored = np.stack(
        [
            cv2.fastNlMeansDenoising(
                np.ascontiguousarray(integers[..., c]),
                h=[strength],
                templateWindowSize=_PATCH,
                searchWindowSize=_WINDOW,
                normType=cv2.NORM_L1,
            )
            for c in range(planes.shape[2])
        ],
        axis=-1,
    )
    return (restored * np.float32(span / _WHITE) + np.float32(low)).reshape(np.shape(image))
