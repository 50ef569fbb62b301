"""From a clean patch to a training sample: which noise, of which level."""

from collections.abc import Callable, Mapping

import numpy as np

from vdn.errors import ConfigError
from vdn.noise.camera import sample_camera
from vdn.noise.fields import bump
from vdn.noise.gaussian import add_gaussian, add_poisson_gaussian, poisson_gaussian_sigma
from vdn.noise.level_map import predicted_sigma

__all__ = ["CORRUPTIONS", "ROUNDING", "choose_corruption", "corrupt"]

ROUNDING = 0.25 / 255
"""The least standard deviation of an 8-bit picture: about what rounding leaves."""

Noisy = tuple[np.ndarray, np.ndarray]
Corruption = Callable[[np.ndarray, float, np.random.Generator], Noisy]


def _clean(clean: np.ndarray, sigma_max: float, generator: np.random.Generator) -> Noisy:
    return clean, np.full_like(clean, ROUNDING)


def _gaussian(clean: np.ndarray, sigma_max: float, generator: np.random.Generator) -> Noisy:
    sigma = np.full((*clean.shape[:2], 1), generator.uniform(0, sigma_max), np.float32)
    return add_gaussian(clean, sigma, generator), np.broadcast_to(sigma, clean.shape)


def _bump(clean: np.ndarray, sigma_max: float, generator: np.random.Generator) -> Noisy:
    sigma = bump(clean.shape[:2], generator, high=sigma_max)[..., None]
    return add_gaussian(clean, sigma, generator), np.broadcast_to(sigma, clean.shape)


def _camera(clean: np.ndarray, sigma_max: float, generator: np.random.Generator) -> Noisy:
    camera = sample_camera(generator)
    sigma = predicted_sigma(camera, clean, generator)
    return camera.apply(clean, generator), np.maximum(sigma, ROUNDING)


def _photons(clean: np.ndarray, sigma_max: float, generator: np.random.Generator) -> Noisy:
    """Shot and read noise in any proportion; half of the detectors cut off what is below 0."""
    at_white = generator.uniform(0, sigma_max)
    read = at_white * np.sqrt(generator.uniform(0, 1))
    photon = float(at_white**2 - read**2)
    noisy = add_poisson_gaussian(clean, photon, read, generator)
    if generator.random() < 0.5:
        noisy = np.maximum(noisy, 0)
    return noisy, poisson_gaussian_sigma(clean, photon, read)


CORRUPTIONS: dict[str, Corruption] = {
    "clean": _clean,
    "gaussian": _gaussian,
    "bump": _bump,
    "photons": _photons,
    "camera": _camera,
}
"""``(clean (H, W, C), sigma_max, generator) -> (noisy, sigma)``, each (H, W, C)."""


def choose_corruption(shares: Mapping[str, float], generator: np.random.Generator) -> Corruption:
    """Draw one of `CORRUPTIONS` by its share; an unknown name raises `ConfigError`."""
    unknown = sorted(set(shares) - set(CORRUPTIONS))
    if unknown or not shares:
        raise ConfigError(
            f"data.noise names {unknown or 'nothing'}; known: {', '.join(CORRUPTIONS)}"
        )
    weights = np.array(list(shares.values()), float)
    return CORRUPTIONS[list(shares)[generator.choice(len(weights), p=weights / weights.sum())]]


def corrupt(
    clean: np.ndarray,
    shares: Mapping[str, float],
    sigma_max: float,
    generator: np.random.Generator,
) -> Noisy:
    """A noisy version of a clean (H, W, C) patch in [0, 1], and its map of true sigmas.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> noisy, sigma = corrupt(np.zeros((8, 8, 3), np.float32), {"gaussian": 1}, 0.3, generator)
    >>> noisy.shape, float(np.ptp(sigma))
    ((8, 8, 3), 0.0)
    """
    return choose_corruption(shares, generator)(clean, sigma_max, generator)
