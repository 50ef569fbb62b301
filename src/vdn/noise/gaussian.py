"""Noise with a known standard deviation: Gaussian, and the Poisson-Gaussian of a photon counter.

Images are float (H, W) or (H, W, C) with white at 1; nothing is clipped.
"""

import numpy as np

from vdn.errors import InputError

__all__ = ["add_gaussian", "add_poisson_gaussian", "poisson_gaussian_sigma"]


def add_gaussian(
    image: np.ndarray, sigma: float | np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    r"""Add Gaussian noise: :math:`y = x + \sigma n`, with :math:`n \sim N(0, 1)` a value.

    Parameters
    ----------
    image : numpy.ndarray
        The clean image x, (H, W) or (H, W, C).
    sigma : float or numpy.ndarray
        The standard deviation, in the units of the image: one number, a map (H, W) shared by the
        channels, or a map (H, W, C).
    generator : numpy.random.Generator
        The source of the noise, independent in every channel.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `image`, not clipped.

    Raises
    ------
    InputError
        If `image` is not (H, W) or (H, W, C), or `sigma` is negative or of another size.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = add_gaussian(np.zeros((100, 100, 3)), 0.1, np.random.default_rng(0))
    >>> round(float(noisy.std()), 2)
    0.1
    """
    _check_image(image)
    scale = np.asarray(sigma, dtype=np.float32)
    if scale.ndim == 2 and image.ndim == 3:
        scale = scale[:, :, None]
    if scale.shape not in ((), image.shape, (*image.shape[:2], 1)):
        raise InputError(
            f"sigma has shape {np.shape(sigma)} and the image {image.shape}; give a number, "
            "a map (H, W) or a map (H, W, C)"
        )
    if not np.all(scale >= 0):
        raise InputError(f"sigma goes down to {scale.min()}; a standard deviation is 0 or more")
    noise = generator.standard_normal(image.shape, dtype=np.float32)
    return image.astype(np.float32) + scale * noise


def add_poisson_gaussian(
    image: np.ndarray, gain: float, read_sigma: float, generator: np.random.Generator
) -> np.ndarray:
    r"""Count photons and read them out: :math:`y = g\,\text{Poisson}(x / g) + r\,n`.

    The mean stays x and the variance is :math:`g x + r^2`: see `poisson_gaussian_sigma`.

    Parameters
    ----------
    image : numpy.ndarray
        The clean image x, (H, W) or (H, W, C). No light comes from below zero: there is only
        read-out noise there.
    gain : float
        Value of one photon in the units of the image: 1/100 if white is 100 photons; 0 for none
        of this noise.
    read_sigma : float
        Standard deviation r of the read-out.
    generator : numpy.random.Generator
        The source of the noise.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `image`, not clipped.

    Raises
    ------
    InputError
        If `gain` or `read_sigma` is negative, or `image` is not (H, W) or (H, W, C).

    Examples
    --------
    >>> import numpy as np
    >>> noisy = add_poisson_gaussian(np.full((99, 99), 0.5), 0.01, 0, np.random.default_rng(0))
    >>> round(float(noisy.mean()), 2), round(float(noisy.std()), 2)
    (0.5, 0.07)
    """
    _check_counter(image, gain, read_sigma)
    light = np.maximum(image, 0)
    shot = gain * generator.poisson(light / gain) - light if gain > 0 else np.zeros_like(light)
    return add_gaussian(image + shot, read_sigma, generator)


def poisson_gaussian_sigma(image: np.ndarray, gain: float, read_sigma: float) -> np.ndarray:
    r"""Return the true standard deviation of `add_poisson_gaussian`: :math:`\sqrt{g x + r^2}`.

    Same parameters; float32, the shape of `image`.

    Examples
    --------
    >>> import numpy as np
    >>> poisson_gaussian_sigma(np.array([[0.0, 0.5]]), gain=0.02, read_sigma=0.0).round(3)
    array([[0. , 0.1]], dtype=float32)
    """
    _check_counter(image, gain, read_sigma)
    return np.sqrt(gain * np.maximum(image, 0) + read_sigma**2).astype(np.float32)


def _check_counter(image: np.ndarray, gain: float, read_sigma: float) -> None:
    _check_image(image)
    if not (gain >= 0 and read_sigma >= 0):
        raise InputError(f"gain={gain}, read_sigma={read_sigma}: neither can be below 0")


def _check_image(image: np.ndarray) -> None:
    if image.ndim not in (2, 3):
        raise InputError(f"the image has shape {image.shape}; give (H, W) or (H, W, C)")
