"""The noise models, each one definition for arrays and tensors; `vdn.noise.registry` names them.

A model is called with clean images, float32 (N, C, H, W) with white at 1, and a source of random
numbers (`vdn.noise.arrays.Generator`). It returns the noisy images and the standard deviation of
their noise, of a shape that broadcasts to theirs. Nothing is clipped where it is not said, and
every image gets noise of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from vdn.errors import InputError
from vdn.noise.arrays import (
    Generator,
    host_generator,
    like,
    namespace,
    per_image,
    poisson,
    standard_normal,
)
from vdn.noise.camera import CameraRanges, sample_camera
from vdn.noise.fields import bump
from vdn.noise.level_map import photograph_with_sigma
from vdn.noise.smoothing import blur, stack_kernels

__all__ = [
    "Bump",
    "CameraNoise",
    "Clean",
    "Correlated",
    "Gaussian",
    "Map",
    "NoiseModel",
    "OwnFunction",
    "Photons",
    "Poisson",
    "Span",
]

Noisy = tuple[Any, Any]
_LEAST_GAIN = 1e-9  # of white; below, a photon is worth nothing


class NoiseModel(Protocol):
    """What every noise model is."""

    @property
    def normal(self) -> bool:
        """Whether every value is normal with the standard deviation stated."""

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        """Return noisy images and the standard deviation of their noise."""


@dataclass(frozen=True)
class Span:
    """A parameter: one number, or two ends between which every image draws its own.

    Examples
    --------
    >>> Span(25).draw(2, np.random.default_rng(0))
    array([25., 25.])
    >>> bool(Span(5, 10).draw(1, np.random.default_rng(0)) >= 5)
    True
    """

    low: float
    high: float | None = None

    def draw(self, count: int, generator: Generator) -> np.ndarray:
        """Return a value for each of `count` images; a single number draws nothing."""
        if self.high is None:
            return np.full(count, float(self.low))
        return np.asarray(generator.uniform(self.low, self.high, size=count))

    def level(self, images: Any, generator: Generator) -> Any:
        """Return a standard deviation for each image, (N, 1, 1, 1) with white at 1."""
        return per_image(self.draw(len(images), generator) / 255, images)


@dataclass(frozen=True)
class Clean:
    """No noise."""

    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        return clean, per_image(np.zeros(len(clean)), clean)


@dataclass(frozen=True)
class Gaussian:
    r"""White Gaussian noise: :math:`y = x + \sigma n` with :math:`n \sim N(0, 1)` a value.

    `sigma` is in 255ths of white.

    Examples
    --------
    >>> clean = np.zeros((1, 3, 100, 100), np.float32)
    >>> noisy, sigma = Gaussian(Span(51))(clean, np.random.default_rng(0))
    >>> round(float(noisy.std()), 2), round(sigma.item(), 2)
    (0.2, 0.2)
    """

    sigma: Span
    normal: ClassVar[bool] = True

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        sigma = self.sigma.level(clean, generator)
        return clean + sigma * standard_normal(clean, generator), sigma


@dataclass(frozen=True)
class Map:
    """White Gaussian noise whose standard deviation is a fixed function of the place.

    `field` gives it for a size (H, W), for white at 1.
    """

    field: Callable[[tuple[int, int]], np.ndarray]
    normal: ClassVar[bool] = True

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        sigma = like(self.field(tuple(clean.shape[2:]))[None, None], clean)
        return clean + sigma * standard_normal(clean, generator), sigma


@dataclass(frozen=True)
class Bump:
    """White Gaussian noise with the paper's training maps; see `vdn.noise.fields.bump`.

    `sigma` is what the two ends of a map are drawn from, in 255ths of white.
    """

    sigma: Span = Span(0, 75)
    normal: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.sigma.high is None:
            raise InputError(f"maps have two ends; give LOW..HIGH, not {self.sigma.low:g}")

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        host, shape = host_generator(generator), tuple(clean.shape[2:])
        low, high = self.sigma.low, self.sigma.high
        assert high is not None
        maps = [bump(shape, host, low=low / 255, high=high / 255) for _ in clean]
        sigma = like(np.stack(maps)[:, None], clean)
        return clean + sigma * standard_normal(clean, generator), sigma


@dataclass(frozen=True)
class Poisson:
    r"""Counted photons, read out with Gaussian noise: :math:`y = g\,\text{Poisson}(x / g) + r n`.

    The mean stays x and the variance is :math:`g x + r^2`. No light comes from below zero: there
    is only read-out noise there. `photons` is how many white has (1 / g), `read` the standard
    deviation r of the read-out in 255ths of white.

    Examples
    --------
    >>> clean = np.full((1, 1, 99, 99), 0.5, np.float32)
    >>> noisy, sigma = Poisson(Span(100))(clean, np.random.default_rng(0))
    >>> round(float(noisy.mean()), 2), round(float(noisy.std()), 2), round(float(sigma.max()), 2)
    (0.5, 0.07, 0.07)
    """

    photons: Span
    read: Span = Span(0)
    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        gain = 1 / self.photons.draw(len(clean), generator)
        return _counted(clean, gain, self.read.draw(len(clean), generator) / 255, generator)


@dataclass(frozen=True)
class Photons:
    """Counted photons and read-out noise in any proportion.

    `sigma` is the standard deviation at white, in 255ths of it. Half of the detectors cut off
    what is below zero.
    """

    sigma: Span
    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        at_white = self.sigma.draw(len(clean), generator) / 255
        read = at_white * np.sqrt(generator.uniform(size=len(clean)))
        noisy, sigma = _counted(clean, at_white**2 - read**2, read, generator)
        cut = np.where(generator.random(len(clean)) < 0.5, 0, -np.inf)
        return namespace(clean).maximum(noisy, per_image(cut, clean)), sigma


def _counted(clean: Any, gain: np.ndarray, read: np.ndarray, generator: Generator) -> Noisy:
    xp = namespace(clean)
    photon = per_image(np.maximum(gain, _LEAST_GAIN), clean)
    light = xp.clip(clean, 0, None)
    shot = photon * poisson(light / photon, generator) - light
    noise = per_image(read, clean) * standard_normal(clean, generator)
    return clean + shot + noise, xp.sqrt(photon * light + per_image(read**2, clean))


@dataclass(frozen=True)
class Correlated:
    """Gaussian noise that a Gaussian of `blur` pixels has smoothed; `sigma` is what is left of it.

    `sigma` is in 255ths of white.
    """

    sigma: Span
    blur: Span = Span(1)
    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        sigma = self.sigma.draw(len(clean), generator) / 255
        kernels = stack_kernels(self.blur.draw(len(clean), generator))
        left = np.square(kernels).sum(1)  # of a deviation of 1, along both axes together
        smooth = blur(standard_normal(clean, generator), kernels)
        return clean + per_image(sigma / left, clean) * smooth, per_image(sigma, clean)


@dataclass(frozen=True)
class CameraNoise:
    """A random camera for every image; see `vdn.noise.camera.sample_camera`.

    The noisy image is of 8 bits, and the standard deviation is predicted from the parts of the
    camera. Gray images are the luma of gray scenes. `level` is the standard deviation in mid grey,
    in 255ths of white, drawn log-uniformly; by default 1 to 40, with some cameras nearly noiseless.
    """

    level: Span | None = None
    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        if clean.shape[1] not in (1, 3):
            raise InputError(f"camera noise takes 1 or 3 channels, these are {clean.shape[1]}")
        host, ranges = host_generator(generator), None
        if self.level is not None:
            low, high = self.level.low, self.level.high or self.level.low
            ranges = CameraRanges(level=(low / 255, high / 255), faint_share=0)
        cameras = [sample_camera(host, ranges) for _ in clean]
        return photograph_with_sigma(cameras, clean, generator)


@dataclass(frozen=True)
class OwnFunction:
    """A function of the user's: ``(clean, generator) -> (noisy, sigma)``, one image at a time.

    `clean` is float32 (H, W, C), white at 1, `generator` a `numpy.random.Generator`, `sigma` a
    number, a map (H, W) or one (H, W, C).
    """

    path: Path
    function: Callable[[np.ndarray, np.random.Generator], Any]
    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        host = host_generator(generator)
        images = clean if isinstance(clean, np.ndarray) else clean.cpu().numpy()
        found = [self._one(image.transpose(1, 2, 0), host) for image in images]
        noisy, sigma = (like(np.stack(side), clean) for side in zip(*found, strict=True))
        return noisy, sigma

    def _one(self, image: np.ndarray, generator: np.random.Generator) -> Noisy:
        try:
            noisy, sigma = self.function(image.copy(), generator)
            noisy = np.asarray(noisy, np.float32).reshape(image.shape)
            sigma = np.asarray(sigma, np.float32)
            sigma = np.broadcast_to(sigma[..., None] if sigma.ndim == 2 else sigma, image.shape)
        except Exception as error:
            raise InputError(
                f"{self.path}: its noise of an image {image.shape} fails ({error}); it has to "
                "return the noisy image and its standard deviation"
            ) from error
        if not (np.isfinite(noisy).all() and np.isfinite(sigma).all() and (sigma >= 0).all()):
            raise InputError(f"{self.path}: returns values that are not finite, or a sigma below 0")
        return noisy.transpose(2, 0, 1), sigma.transpose(2, 0, 1)
