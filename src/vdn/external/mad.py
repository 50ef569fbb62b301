"""Noise level from the median of the finest wavelet details (Donoho, Johnstone 1994)."""

import numpy as np
from numpy.typing import ArrayLike

from vdn.external.method import as_planes, require

__all__ = ["estimate_sigma_mad"]


def estimate_sigma_mad(image: ArrayLike) -> float:
    """Estimate the standard deviation of white Gaussian noise, as scikit-image does.

    Image structure counts as noise: the estimate is too high for little noise.

    Parameters
    ----------
    image
        (H, W) or (H, W, C), any linear units.

    Returns
    -------
    float
        Root mean square over the channels, in the units of the image.

    Raises
    ------
    MissingExtraError
        Without scikit-image and PyWavelets.

    References
    ----------
    https://doi.org/10.1093/biomet/81.3.425

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (128, 128))
    >>> round(estimate_sigma_mad(noise), 2)
    0.1
    """
    require("pywt", "bench")
    restoration = require("skimage.restoration", "bench")
    channels = restoration.estimate_sigma(as_planes(image), channel_axis=-1)
    return float(np.sqrt(np.mean(np.square(channels))))
