"""Low-rank patches under noise that is a mixture of Gaussians: the model-driven line of work.

The noise model is that of Meng and De la Torre (ICCV 2013), the low-rank part that of WNNM. The two
meet in one majorisation step: weighted least squares with weights w between the image y and its
estimate x is plain least squares at the pulled image x + (w / max w) (y - x), whose noise level is
that of the largest weight. Pixels that a wide component explains follow their similar patches.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.baselines.method import SigmaEstimate, as_planes, scalar_sigma
from vdn.baselines.mixture import Mixture, fit_mixture
from vdn.baselines.wnnm import denoise_channel, settings_for

__all__ = ["denoise"]

_COMPONENTS = 3
_ROUNDS, _ITERATIONS = 3, 3  # short rounds that find the mixture, before the full last one


def denoise(
    image: ArrayLike, sigma: ArrayLike | None = None, *, estimate: SigmaEstimate | None = None
) -> NDArray[np.float32]:
    """Denoise under an unknown mixture of Gaussians; see `vdn.baselines.Denoise`.

    Sigma is the standard deviation of the whole noise; its mixture of three Gaussians is inferred.
    Under Gaussian noise this is WNNM; under noise with outliers it is what WNNM is not: robust.
    Channels are denoised one by one; a map of sigmas counts as its root mean square.

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
    short = replace(settings_for(sigma), iterations=_ITERATIONS)
    restored = denoise_channel(noisy, sigma, short)
    for last in [False] * (_ROUNDS - 1) + [True]:
        pulled, level = _pull(noisy, restored, _scaled_mixture(noisy - restored, sigma))
        settings = settings_for(level)
        if not last:
            settings = replace(settings, iterations=_ITERATIONS)
        restored = denoise_channel(pulled, level, settings)
    return restored


def _scaled_mixture(residual: NDArray[np.float32], sigma: float) -> Mixture:
    """The mixture of a residual, widened to the noise level: estimates keep some of the noise."""
    mixture = fit_mixture(residual, _COMPONENTS, iterations=30)
    return Mixture(mixture.shares, mixture.sigmas * (sigma / mixture.sigma))


def _pull(
    noisy: NDArray[np.float32], restored: NDArray[np.float32], noise: Mixture
) -> tuple[NDArray[np.float32], float]:
    weights = noise.weights(noisy - restored)
    largest = weights.max()
    pulled = restored + (weights / largest).astype(np.float32) * (noisy - restored)
    return pulled, float(1 / np.sqrt(largest))
