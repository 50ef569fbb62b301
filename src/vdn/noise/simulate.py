"""Noise by name: a clean image and a specification in, a noisy image and its true map out."""

import math

import numpy as np

from vdn.errors import InputError
from vdn.noise.camera import sample_camera
from vdn.noise.fields import TEST_MAPS, bump
from vdn.noise.gaussian import add_gaussian, add_poisson_gaussian, poisson_gaussian_sigma
from vdn.noise.level_map import measured_sigma

__all__ = ["SPECIFICATIONS", "simulate"]

SPECIFICATIONS = (
    "case1, case2, case3, bump, gaussian:SIGMA, poisson:PHOTONS, poisson:PHOTONS,READ, camera"
)
CAMERA_DRAWS = 32


def simulate(
    image: np.ndarray, noise: str, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Make a clean image noisy.

    Parameters
    ----------
    image : numpy.ndarray
        The clean image, float (H, W) or (H, W, C), white at 1.
    noise : str
        ``case1``, ``case2``, ``case3``: the test maps *peaks*, *sincos* and *Gaussian mixture*;
        ``bump``: a random training map;
        ``gaussian:25``: one standard deviation, in 255ths of white;
        ``poisson:100`` or ``poisson:100,2``: photons at white, and the standard deviation of the
        read-out in 255ths of white;
        ``camera``: a random camera (gray or RGB only), with its tone curve, rounding and JPEG.
    generator : numpy.random.Generator
        The source of everything random.

    Returns
    -------
    noisy : numpy.ndarray
        float32, the shape of `image`; not clipped, but for ``camera``, which clips itself.
    sigma : numpy.ndarray
        float32, the shape of `image`: the true standard deviation of every value; for
        ``camera`` measured over 32 photographs.

    Raises
    ------
    InputError
        If `noise` is not one of these, or `image` not an image of that kind.

    Examples
    --------
    >>> import numpy as np
    >>> noisy, sigma = simulate(np.zeros((32, 32, 3)), "gaussian:25", np.random.default_rng(0))
    >>> noisy.shape, round(float(sigma.mean()) * 255)
    ((32, 32, 3), 25)
    """
    if image.ndim not in (2, 3) or image.size == 0:
        raise InputError(f"the image has shape {image.shape}; give (H, W) or (H, W, C)")
    kind, _, argument = noise.partition(":")
    match kind:
        case "gaussian":
            (sigma,) = _numbers(noise, argument, most=1)
            return _with_map(image, np.full(image.shape[:2], sigma / 255), generator)
        case "poisson":
            photons, *rest = _numbers(noise, argument, most=2)
            if photons == 0:
                raise InputError(f"noise is {noise!r}: white needs more than 0 photons")
            read = rest[0] / 255 if rest else 0.0
            noisy = add_poisson_gaussian(image, 1 / photons, read, generator)
            return noisy, poisson_gaussian_sigma(image, 1 / photons, read)
        case "bump" | "camera" | "case1" | "case2" | "case3" if ":" in noise:
            raise InputError(f"noise is {noise!r}: {kind} takes no number; write {kind!r}")
        case "bump":
            return _with_map(image, bump(image.shape[:2], generator), generator)
        case "camera":
            camera = sample_camera(generator)
            noisy = camera.apply(image, generator)
            return noisy, measured_sigma(camera, image, generator, CAMERA_DRAWS)
        case _ if kind in TEST_MAPS:
            return _with_map(image, TEST_MAPS[kind](image.shape[:2]), generator)
        case _:
            raise InputError(f"noise is {noise!r}; known are {SPECIFICATIONS}")


def _numbers(noise: str, argument: str, most: int) -> list[float]:
    """Read up to `most` numbers of 0 or more, separated by commas."""
    try:
        numbers = [float(word) for word in argument.split(",")]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= most or not all(math.isfinite(n) and n >= 0 for n in numbers):
        count = "one number" if most == 1 else f"one to {most} numbers with commas"
        raise InputError(
            f"noise is {noise!r}: after the colon comes {count}, 0 or more; "
            f"known are {SPECIFICATIONS}"
        )
    return numbers


def _with_map(
    image: np.ndarray, sigma: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Add Gaussian noise of a map (H, W); return the map once for every channel."""
    noisy = add_gaussian(image, sigma, generator)
    each = sigma if image.ndim == 2 else np.repeat(sigma[:, :, None], image.shape[2], axis=2)
    return noisy, each.astype(np.float32)
