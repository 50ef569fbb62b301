"""Noise that goes through several stages: one noise on another, and what a file does to it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vdn.noise.arrays import Generator, namespace, per_image, take
from vdn.noise.camera import random_origin
from vdn.noise.jpeg import BLOCK, Jpeg, compress
from vdn.noise.models import NoiseModel, Noisy, Span

__all__ = ["Chain", "Compressed", "EightBit", "Stage"]


class Stage:
    """What is done to a noisy image, as files do it."""

    def __call__(self, clean: Any, noisy: Any, sigma: Any, generator: Generator) -> Noisy:
        """Return what becomes of noisy images, and of the standard deviation of their noise."""
        raise NotImplementedError


@dataclass(frozen=True)
class EightBit(Stage):
    """Clipped and rounded to 8 bits; the standard deviation stays that before."""

    def __call__(self, clean: Any, noisy: Any, sigma: Any, generator: Generator) -> Noisy:
        xp = namespace(noisy)
        return xp.round(xp.clip(noisy, 0, 1) * 255) / 255, sigma


@dataclass(frozen=True)
class Compressed(Stage):
    """Saved as JPEG of a `quality` of 1 to 100, in half of the images with colours halved.

    Where a block begins is random, so that a second compression is on another grid, unless a
    `shift` says how many pixels to the right and down the first whole block begins. Everything in
    which the file differs from the clean image is its noise, and its root mean square in each
    channel is that of the standard deviation returned, whose shape over the image stays.
    """

    quality: Span
    shift: Span | None = None

    def __call__(self, clean: Any, noisy: Any, sigma: Any, generator: Generator) -> Noisy:
        xp, count = namespace(clean), len(clean)
        gray = clean.shape[1] == 1
        whole = xp.round(xp.clip(noisy, 0, 1) * 255)
        whole = xp.concatenate((whole,) * 3, 1) if gray else whole
        halved = np.asarray(generator.random(count)) < 0.5
        qualities = np.rint(np.clip(self.quality.draw(count, generator), 1, 100)).astype(int)
        groups = [np.flatnonzero(halved == each) for each in (False, True)]
        stored = []
        for group in groups:
            if len(group):
                settings = [Jpeg(int(qualities[i]), bool(halved[i])) for i in group]
                stored.append(compress(settings, take(whole, group, 0), self._origin(generator)))
        order = np.argsort(np.concatenate(groups))
        noisy = take(xp.concatenate(stored, 0), order, 0)[:, : clean.shape[1]] / 255
        sigma = sigma + xp.zeros_like(clean)
        before = xp.square(sigma).mean((2, 3))[:, :, None, None]
        after = xp.square(noisy - clean).mean((2, 3))[:, :, None, None]
        flat = sigma * 0 + xp.sqrt(after)
        scaled = sigma * xp.sqrt(after / xp.clip(before, 1e-12, None))
        return noisy, xp.where(before > 1e-10, scaled, flat)

    def _origin(self, generator: Generator) -> tuple[int, int]:
        """Return the row and column of the first pixel in its block."""
        if self.shift is None:
            return random_origin(generator)
        place = -round(float(self.shift.draw(1, generator)[0])) % BLOCK
        return place, place


@dataclass(frozen=True)
class Chain:
    """A noise, and then other noise or stages, one on the other; variances add up."""

    steps: tuple[NoiseModel | Stage, ...]

    @property
    def normal(self) -> bool:
        """Whether every value is normal, but for clipping and rounding."""
        return all(isinstance(s, EightBit) or getattr(s, "normal", False) for s in self.steps)

    def __call__(self, clean: Any, generator: Generator) -> Noisy:
        xp = namespace(clean)
        noisy, sigma = clean, per_image(np.zeros(len(clean)), clean)
        for step in self.steps:
            if isinstance(step, Stage):
                noisy, sigma = step(clean, noisy, sigma, generator)
            else:
                noisy, more = step(noisy, generator)
                sigma = xp.sqrt(xp.square(sigma) + xp.square(more))
        return noisy, sigma
