"""Noise with a structure: film grain, rows, hot pixels, speckle, noise of another resolution.

The models are called as those of `vdn.noise.models`; standard deviations are in 255ths of white.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from vdn.noise.arrays import (
    Generator,
    like,
    namespace,
    per_image,
    standard_normal,
    take,
    uniform,
)
from vdn.noise.camera import LUMA
from vdn.noise.models import Noisy, Span

__all__ = ["Common", "Grain", "HotPixels", "PerChannel", "Resized", "Rows", "Speckle"]

_MEMORY, _COLOUR, _FACTOR = Span(0.1, 0.7), Span(0, 0.5), Span(0.5, 2)
_KNOTS = 5  # of the curve of grain over luma
_REACH = 8  # pixels over which grain is alike, at most


@dataclass(frozen=True)
class Speckle:
    r"""Multiplicative noise, as of radar and ultrasound: :math:`y = x (1 + \sigma n)`.

    `sigma` is that at white.
    """

    sigma: Span
    normal: ClassVar[bool] = True

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        sigma = self.sigma.level(clean, generator) * namespace(clean).clip(clean, 0, None)
        return clean + sigma * standard_normal(clean, generator), sigma


@dataclass(frozen=True)
class Common:
    """White Gaussian noise that is the same in all channels, as gray pictures in colour have it."""

    sigma: Span
    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        sigma = self.sigma.level(clean, generator)
        return clean + sigma * standard_normal(clean[:, :1], generator), sigma


@dataclass(frozen=True)
class PerChannel:
    """White Gaussian noise whose standard deviation every channel draws for itself."""

    sigma: Span
    normal: ClassVar[bool] = True

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        count, channels = clean.shape[:2]
        levels = self.sigma.draw(count * channels, generator).reshape(count, channels, 1, 1)
        sigma = like(levels / 255, clean)
        return clean + sigma * standard_normal(clean, generator), sigma


@dataclass(frozen=True)
class Grain:
    r"""Film grain: auto-regressive noise whose strength depends on the luma.

    Along rows and columns a value is `memory` times its neighbour and something new, so that the
    correlation at (d, e) is :math:`m^{|d| + |e|}`. A random curve over luma, linear between five
    knots and 1 at its highest, scales it, as film grain is synthesised in the AV1 format; `colour`
    is the share of the variance that each channel has for itself.

    References
    ----------
    Norkin and Birkbeck, Film grain synthesis for AV1 video codec, DCC 2018,
    https://doi.org/10.1109/DCC.2018.00008
    """

    sigma: Span
    memory: Span = _MEMORY
    colour: Span = _COLOUR
    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        count, xp = len(clean), namespace(clean)
        sigma = self.sigma.draw(count, generator) / 255
        memory, own = self.memory.draw(count, generator), self.colour.draw(count, generator)
        curves = np.asarray(generator.uniform(0.2, 1, size=(count, _KNOTS)))
        curves /= curves.max(1, keepdims=True)
        grain = standard_normal(clean[:, :1], generator)
        if clean.shape[1] > 1:
            grain = per_image(np.sqrt(1 - own), clean) * grain
            grain = grain + per_image(np.sqrt(own), clean) * standard_normal(clean, generator)
        kernels = memory[:, None] ** np.arange(_REACH + 1) * np.sqrt(1 - memory[:, None] ** 2)
        for axis in (2, 3):
            grain = _remembering(grain, kernels, axis)
        weights = LUMA if clean.shape[1] == 3 else np.full(clean.shape[1], 1 / clean.shape[1])
        luma = (clean * like(weights.reshape(1, -1, 1, 1), clean)).sum(1)[:, None]
        place = xp.clip(luma, 0, 1) * (_KNOTS - 1)
        strength = sum(
            per_image(curves[:, knot], clean) * xp.clip(1 - xp.abs(place - knot), 0, None)
            for knot in range(_KNOTS)
        )
        deviation = per_image(sigma, clean) * strength
        return clean + deviation * grain, deviation


@dataclass(frozen=True)
class Rows:
    """One value for each row of the sensor, the same in all channels."""

    sigma: Span
    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        sigma = self.sigma.level(clean, generator)
        return clean + sigma * standard_normal(clean[:, :1, :, :1], generator), sigma


@dataclass(frozen=True)
class HotPixels:
    """Pixels that are brighter than they should be, `share` of a thousand.

    In one channel each, by up to white. They are not noise of a variance: the standard deviation
    is stated as 0.
    """

    share: Span
    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        share = per_image(self.share.draw(len(clean), generator) / 1000, clean)
        hit = uniform(clean, generator) < share
        noisy = clean + hit * uniform(clean, generator) * namespace(clean).clip(1 - clean, 0, None)
        return noisy, per_image(np.zeros(len(clean)), clean)


@dataclass(frozen=True)
class Resized:
    """White Gaussian noise of a picture that was `factor` times smaller, enlarged bilinearly.

    Or larger, with a factor below 1, and reduced without smoothing. `sigma` is that before. Only
    the noise is resized: what the clean picture loses is not noise.
    """

    sigma: Span
    factor: Span = _FACTOR
    normal: ClassVar[bool] = False

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        sigma = self.sigma.draw(len(clean), generator) / 255
        factors = self.factor.draw(len(clean), generator)
        noise, variances = [], []
        for which, factor in enumerate(factors):
            image = clean[which : which + 1]
            rows, columns = (_weights(size, factor) for size in image.shape[2:])
            white = standard_normal(image, generator, (rows.shape[1], columns.shape[1]))
            noise.append(like(rows, image) @ white @ like(columns.T, image))
            variances.append(np.outer(np.square(rows).sum(1), np.square(columns).sum(1)))
        deviation = per_image(sigma, clean) * like(np.sqrt(np.stack(variances))[:, None], clean)
        xp = namespace(clean)
        return clean + per_image(sigma, clean) * xp.concatenate(noise, 0), deviation


def _weights(size: int, factor: float) -> np.ndarray:
    """Return the matrix (size, smaller or larger size) of bilinear interpolation."""
    source = max(2, round(size / factor) + 1)
    place = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0, source - 1)
    before = np.minimum(place.astype(int), source - 2)
    weights = np.zeros((size, source))
    weights[np.arange(size), before] = 1 - (place - before)
    weights[np.arange(size), before + 1] = place - before
    return weights


def _remembering(planes: Any, kernels: np.ndarray, axis: int) -> Any:
    """Return planes (N, ...) to which what lies before along an axis is added, by weights (N, k).

    What lies before the beginning is the end.
    """
    size, reach = planes.shape[axis], kernels.shape[1] - 1
    longer = take(planes, np.arange(-reach, size) % size, axis)
    before = (slice(None),) * axis
    return sum(
        per_image(kernels[:, back], planes)
        * longer[(*before, slice(reach - back, reach - back + size))]
        for back in range(reach + 1)
    )
