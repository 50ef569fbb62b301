"""Noise for one image in an array."""

import numpy as np

from vdn.errors import InputError
from vdn.noise.registry import parse_noise

__all__ = ["simulate"]


def simulate(
    image: np.ndarray, noise: str, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Make a clean image noisy.

    Parameters
    ----------
    image : numpy.ndarray
        The clean image, float (H, W) or (H, W, C), white at 1.
    noise : str
        As `vdn.noise.registry` describes it: ``gaussian:25``, ``poisson:100,2``, ``camera``.
    generator : numpy.random.Generator
        The source of the noise.

    Returns
    -------
    noisy, sigma : numpy.ndarray
        float32, both of the shape of `image`: the noisy image, not clipped unless the noise says
        so, and the true standard deviation of every value.

    Raises
    ------
    InputError
        If `noise` is not known, or `image` not an image it takes.

    Examples
    --------
    >>> import numpy as np
    >>> noisy, sigma = simulate(np.zeros((32, 32, 3)), "gaussian:25", np.random.default_rng(0))
    >>> noisy.shape, round(float(sigma.mean()) * 255)
    ((32, 32, 3), 25)
    """
    if image.ndim not in (2, 3) or image.size == 0:
        raise InputError(f"the image has shape {image.shape}; give (H, W) or (H, W, C)")
    model = parse_noise(noise)
    planes = image.reshape(*image.shape[:2], -1).astype(np.float32).transpose(2, 0, 1)[None]
    noisy, sigma = (np.broadcast_to(side, planes.shape) for side in model(planes, generator))
    both = (np.ascontiguousarray(side[0].transpose(1, 2, 0), np.float32) for side in (noisy, sigma))
    noisy, sigma = (side.reshape(image.shape) for side in both)
    return noisy, sigma
