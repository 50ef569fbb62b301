"""Total variation (Rudin, Osher, Fatemi 1992) by Chambolle's projection, from scikit-image."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.baselines.method import SigmaEstimate, as_planes, require, scalar_sigma

__all__ = ["denoise"]

_ROUNDS, _TOLERANCE = 6, 0.01


def denoise(
    image: ArrayLike, sigma: ArrayLike | None = None, *, estimate: SigmaEstimate | None = None
) -> NDArray[np.float32]:
    r"""Minimise the total variation among the images at the noise's distance; see `Denoise`.

    The weight :math:`\lambda` of the penalty is found as in Chambolle's paper: repeat
    :math:`\lambda \leftarrow \lambda \, \sigma \sqrt{N} / \|y - x_\lambda\|` until the residual is
    as strong as the noise. A map of sigmas counts as its root mean square.

    Raises
    ------
    MissingExtraError
        Without scikit-image.

    References
    ----------
    https://doi.org/10.1023/B:JMIV.0000011325.36760.1e

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (32, 32))
    >>> bool(denoise(noisy, 0.1).std() < 0.05)
    True
    """
    restoration = require("skimage.restoration", "bench")
    planes = as_planes(image)
    level = scalar_sigma(planes, sigma, estimate)
    if level == 0:
        return np.array(image, dtype=np.float32)
    weight, restored = level, planes
    for _ in range(_ROUNDS):
        restored = restoration.denoise_tv_chambolle(planes, weight=weight, channel_axis=-1)
        residual = float(np.sqrt(np.mean(np.square(planes - restored))))
        if abs(residual / level - 1) < _TOLERANCE or residual == 0:
            break
        weight *= level / residual
    return restored.astype(np.float32).reshape(np.shape(image))
