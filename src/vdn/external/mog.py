"""Low-rank patches under noise that is a mixture of Gaussians: the model-driven line of work.

The noise model is that of Meng and De la Torre (ICCV 2013), the low-rank part that of WNNM. The two
meet in one majorisation step: weighted least squares with weights w <= W between the image y and
its estimate x is plain least squares at the pulled image x + (w / W) (y - x) of noise level
1 / sqrt(W). So the pixels that a wide component explains follow their similar patches.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.external.method import SigmaEstimate, as_planes, require, scalar_sigma
from vdn.external.mixture import Mixture, fit_mixture
from vdn.external.wnnm import denoise_channel, settings_for

__all__ = ["denoise"]

_COMPONENTS = 3
_SHORT_ROUNDS, _ITERATIONS = 4, 2  # they find the mixture, before the full last round
_BLUR = 1.0  # pixels; of the weighted mean that stands in for outliers in the short rounds


def denoise(
    image: ArrayLike, sigma: ArrayLike | None = None, *, estimate: SigmaEstimate | None = None
) -> NDArray[np.float32]:
    """Denoise under an unknown mixture of Gaussians; see `vdn.external.Denoise`.

    Sigma is the standard deviation of the whole noise; its mixture of three Gaussians is inferred.
    Under Gaussian noise this is WNNM; under noise with outliers it is what WNNM is not: robust.
    Channels are denoised one by one; a map of sigmas counts as its root mean square.

    Raises
    ------
    MissingExtraError
        Without SciPy or threadpoolctl.

    References
    ----------
    https://doi.org/10.1109/ICCV.2013.169, https://doi.org/10.1007/s11263-016-0930-5
    """
    planes = as_planes(image)
    level = scalar_sigma(planes, sigma, estimate)
    if level == 0:
        return np.array(image, dtype=np.float32)
    channels = [
        _denoise(np.ascontiguousarray(planes[..., c]), level) for c in range(planes.shape[2])
    ]
    return np.stack(channels, axis=-1).reshape(np.shape(image))


def _denoise(noisy: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    restored = denoise_channel(noisy, sigma, replace(settings_for(sigma), iterations=_ITERATIONS))
    for _ in range(_SHORT_ROUNDS):
        trust, level = _trust(noisy - restored, sigma)
        # The first estimates still hold traces of outliers: their neighbours know better.
        anchor = _weighted_blur(noisy, trust)
        pulled = anchor + trust * (noisy - anchor)
        settings = replace(settings_for(level), iterations=_ITERATIONS)
        restored = denoise_channel(pulled, level, settings)
    trust, level = _trust(noisy - restored, sigma)
    return denoise_channel(restored + trust * (noisy - restored), level, settings_for(level))


def _trust(residual: NDArray[np.float32], sigma: float) -> tuple[NDArray[np.float32], float]:
    """Weight of every pixel, at most 1, and the noise level of weight 1.

    The bound W is the median weight: a component narrower than the noise of most pixels, which an
    estimate close to the noisy image makes up, then changes nothing.
    """
    mixture = fit_mixture(residual, _COMPONENTS)
    # An estimate keeps some of the noise, so its residual is too quiet.
    widened = Mixture(mixture.shares, mixture.sigmas * (sigma / mixture.sigma))
    weights = widened.weights(residual)
    bound = float(np.median(weights))
    return np.minimum(weights / bound, 1).astype(np.float32), float(1 / np.sqrt(bound))


def _weighted_blur(image: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    blur = require("scipy.ndimage", "bench").gaussian_filter
    return blur(weights * image, _BLUR) / blur(weights, _BLUR)
