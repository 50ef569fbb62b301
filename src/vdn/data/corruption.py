"""From a clean patch to a training sample: which noise, of which level."""

from collections.abc import Callable, Mapping

import numpy as np

from vdn.errors import ConfigError
from vdn.noise.fields import bump
from vdn.noise.gaussian import add_gaussian

__all__ = ["CORRUPTIONS", "choose_corruption", "corrupt"]

Corruption = Callable[
    [np.ndarray, float, np.random.Generator], tuple[np.ndarray, np.ndarray | None]
]


def _gaussian(clean: np.ndarray, sigma_max: float, generator: np.random.Generator):
    sigma = np.full((*clean.shape[:2], 1), generator.uniform(0, sigma_max), np.float32)
    return add_gaussian(clean, sigma, generator), np.broadcast_to(sigma, clean.shape)


def _bump(clean: np.ndarray, sigma_max: float, generator: np.random.Generator):
    sigma = bump(clean.shape[:2], generator, high=sigma_max)[..., None]
    return add_gaussian(clean, sigma, generator), np.broadcast_to(sigma, clean.shape)


def _camera(clean: np.ndarray, sigma_max: float, generator: np.random.Generator):
    from vdn.noise.camera import sample_camera

    return sample_camera(generator).apply(clean, generator), None


CORRUPTIONS: dict[str, Corruption] = {"gaussian": _gaussian, "bump": _bump, "camera": _camera}
"""``(clean (H, W, C), sigma_max, generator) -> (noisy, sigma (H, W, C) or None if unknown)``."""


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
) -> tuple[np.ndarray, np.ndarray | None]:
    """A noisy version of a clean (H, W, C) patch in [0, 1], and its map of true sigmas if known.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> noisy, sigma = corrupt(np.zeros((8, 8, 3), np.float32), {"gaussian": 1}, 0.3, generator)
    >>> noisy.shape, float(np.ptp(sigma))
    ((8, 8, 3), 0.0)
    """
    return choose_corruption(shares, generator)(clean, sigma_max, generator)
