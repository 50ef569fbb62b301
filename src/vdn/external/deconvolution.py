"""Deconvolution of scikit-image with a kernel that is known, behind one call.

Each takes an image (H, W) or (H, W, C) with black at 0 and white nominally at 1, the kernel that
blurred it, and the standard deviation of the noise that came after.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.errors import InputError
from vdn.external.method import as_planes, require, scalar_sigma

__all__ = ["DECONVOLUTIONS", "Deconvolution", "richardson_lucy", "wiener"]

Deconvolution = Callable[[ArrayLike, ArrayLike, ArrayLike], NDArray[np.float32]]
"""``(image, kernel, sigma) -> image``, float32, of the same shape."""

_ROUNDING = 12**-0.5 / 255  # standard deviation of what rounding to 8 bits does
_ROUGHNESS = 1 / 100  # variance of the Laplacian of pictures, white at 1
_ITERATIONS = 5, 10, 20, 40, 80


def wiener(image: ArrayLike, kernel: ArrayLike, sigma: ArrayLike) -> NDArray[np.float32]:
    r"""Deconvolve with the Wiener-Hunt filter of scikit-image.

    .. math:: \min_x \|y - k \otimes x\|^2 + \frac{\sigma^2}{v} \|\nabla^2 x\|^2

    with v = 0.01 the variance of the Laplacian of pictures. Sigma counts as the rounding to 8 bits
    at least. Borders mirror.

    Parameters
    ----------
    image
        (H, W) or (H, W, C).
    kernel
        (K, K), K odd; a value of `image` was the sum of it times the pixels about it.
    sigma
        A number or a map, which counts as its root mean square.

    References
    ----------
    Hunt, The application of constrained least squares estimation to image restoration by digital
    computer, IEEE Transactions on Computers 22(9), 1973, https://doi.org/10.1109/TC.1973.5009169

    Examples
    --------
    >>> wiener(np.full((8, 8), 0.5), np.full((3, 3), 1 / 9), 0.01).mean().round(3)
    np.float32(0.5)
    """
    filtered = require("skimage.restoration", "bench").wiener

    def one(plane: NDArray[Any], psf: NDArray[Any], level: float) -> NDArray[Any]:
        rows, columns = plane.shape
        whole = np.pad(plane, [(0, rows), (0, columns)], "symmetric")  # goes on beyond its ends
        return filtered(whole, psf, level**2 / _ROUGHNESS, clip=False)[:rows, :columns]

    return _by_plane(one, image, kernel, sigma)


def richardson_lucy(image: ArrayLike, kernel: ArrayLike, sigma: ArrayLike) -> NDArray[np.float32]:
    """Deconvolve by the iteration of Richardson and Lucy, of scikit-image.

    It is stopped, after 5, 10, 20, 40 or 80 steps, when what it leaves of the image is no more than
    the noise: beyond, it only amplifies that. Parameters are those of `wiener`.

    References
    ----------
    Richardson, Bayesian-based iterative method of image restoration, JOSA 62(1), 1972,
    https://doi.org/10.1364/JOSA.62.000055; Morozov, On the solution of functional equations by the
    method of regularization, 1966, for where it stops

    Examples
    --------
    >>> richardson_lucy(np.full((8, 8), 0.5), np.full((3, 3), 1 / 9), 0.01).mean().round(1)
    np.float32(0.5)
    """
    iterated = require("skimage.restoration", "bench").richardson_lucy
    convolved = require("scipy.signal", "bench").fftconvolve

    def one(plane: NDArray[Any], psf: NDArray[Any], level: float) -> NDArray[Any]:
        reach = 3 * len(psf)  # beyond what is made up the iteration takes for black
        whole = np.pad(plane, reach, "symmetric")
        inside = (slice(reach, -reach),) * 2
        for count in _ITERATIONS:
            restored = iterated(whole, psf, count, clip=False)
            left = (convolved(restored, psf, "same") - whole)[inside]
            if np.sqrt(np.mean(left**2)) <= level:
                break
        return restored[inside]

    return _by_plane(one, image, kernel, sigma)


def _by_plane(
    one: Callable[..., NDArray[Any]], image: ArrayLike, kernel: ArrayLike, sigma: ArrayLike
) -> NDArray[np.float32]:
    """Deconvolve each channel by itself."""
    planes, weights = as_planes(image), np.asarray(kernel, np.float64)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1] or len(weights) % 2 == 0:
        raise InputError(f"kernel has shape {weights.shape}; give a square of an odd side")
    level = max(scalar_sigma(planes, sigma), _ROUNDING)
    if weights.size == 1:
        return planes.reshape(np.shape(image)).copy()
    restored = [
        one(plane.astype(np.float64), weights[::-1, ::-1], level)
        for plane in np.moveaxis(planes, 2, 0)
    ]
    return np.stack(restored, -1).astype(np.float32).reshape(np.shape(image))


DECONVOLUTIONS: Mapping[str, Deconvolution] = MappingProxyType(
    {"wiener": wiener, "richardson_lucy": richardson_lucy}
)
"""The methods by name."""
