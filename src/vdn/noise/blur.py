"""Blur kernels: what a lens, defocus or a movement leaves of a point."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vdn.errors import InputError
from vdn.noise.arrays import Generator
from vdn.noise.models import Span

__all__ = [
    "AnisotropicBlur",
    "Blur",
    "BlurChain",
    "Defocus",
    "GaussianBlur",
    "Identity",
    "Kernels",
    "Motion",
    "convolved",
    "gaussian_weights",
]

Kernels = tuple[np.ndarray, np.ndarray]
"""Weights (N, K, K) of sum 1 each, K odd, and covariances (N, 2, 2) in pixels, of x and y."""

_WIDEST = 32  # pixels; beyond, nobody restores anything
_ANY = Span(0, 180)  # degrees
_SUBPIXELS = 8  # a side, over which discs and lines are averaged


class Blur(Protocol):
    """What every blur is."""

    def __call__(self, count: int, generator: Generator) -> Kernels:
        """Draw kernels."""


@dataclass(frozen=True)
class Identity:
    """No blur."""

    def __call__(self, count: int, generator: Generator) -> Kernels:
        return np.ones((count, 1, 1)), np.zeros((count, 2, 2))


@dataclass(frozen=True)
class GaussianBlur:
    """A Gaussian of `sigma` pixels, alike in all directions.

    Examples
    --------
    >>> kernels, covariances = GaussianBlur(Span(2))(1, np.random.default_rng(0))
    >>> kernels.shape, covariances.tolist()
    ((1, 15, 15), [[[4.0, 0.0], [0.0, 4.0]]])
    """

    sigma: Span

    def __post_init__(self) -> None:
        _check("sigma", self.sigma)

    def __call__(self, count: int, generator: Generator) -> Kernels:
        variance = self.sigma.draw(count, generator) ** 2
        return _gaussians(variance[:, None, None] * np.eye(2))


@dataclass(frozen=True)
class AnisotropicBlur:
    """A Gaussian with two widths of `sigma` pixels, turned by an `angle` in degrees.

    The second width is `across`, drawn like the first one if it is not given. At angle 0 the first
    width lies along x; the angle turns it towards y, which points down.

    Examples
    --------
    >>> _, covariances = AnisotropicBlur(Span(2), Span(1), Span(90))(1, np.random.default_rng(0))
    >>> covariances.round(6).tolist()
    [[[1.0, 0.0], [0.0, 4.0]]]
    """

    sigma: Span
    across: Span | None = None
    angle: Span = _ANY

    def __post_init__(self) -> None:
        _check("sigma", self.sigma)
        _check("across", self.across or self.sigma)

    def __call__(self, count: int, generator: Generator) -> Kernels:
        widths = self.sigma, self.across or self.sigma
        variances = np.stack([width.draw(count, generator) for width in widths], 1) ** 2
        angle = np.deg2rad(self.angle.draw(count, generator))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turn = turn.transpose(2, 0, 1)
        return _gaussians(turn * variances[:, None, :] @ turn.transpose(0, 2, 1))


@dataclass(frozen=True)
class Defocus:
    """An even disc of `diameter` pixels, as of a lens out of focus.

    Examples
    --------
    >>> kernels, _ = Defocus(Span(3))(1, np.random.default_rng(0))
    >>> kernels.shape
    (1, 3, 3)
    """

    diameter: Span

    def __post_init__(self) -> None:
        _check("diameter", self.diameter)

    def __call__(self, count: int, generator: Generator) -> Kernels:
        radius = np.asarray(self.diameter.draw(count, generator))[:, None, None] / 2
        side = _odd(2 * float(radius.max()))
        x, y = _subpixels(side)
        return _measured(_averaged(x**2 + y**2 <= radius**2))


@dataclass(frozen=True)
class Motion:
    """A straight, even line of `length` pixels and of the width of a pixel, at an `angle`.

    The angle is in degrees, from x towards y, which points down.
    """

    length: Span
    angle: Span = _ANY

    def __post_init__(self) -> None:
        _check("length", self.length)

    def __call__(self, count: int, generator: Generator) -> Kernels:
        half = np.asarray(self.length.draw(count, generator))[:, None, None] / 2
        angle = np.deg2rad(self.angle.draw(count, generator))[:, None, None]
        x, y = _subpixels(_odd(2 * float(half.max()) + 1))
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        return _measured(_averaged((np.abs(along) <= half) & (np.abs(across) <= 0.5)))


@dataclass(frozen=True)
class BlurChain:
    """One blur after the other: kernels are convolved, covariances add up."""

    blurs: tuple[Blur, ...]

    def __call__(self, count: int, generator: Generator) -> Kernels:
        weights, covariances = self.blurs[0](count, generator)
        for blur in self.blurs[1:]:
            more, further = blur(count, generator)
            weights, covariances = convolved(weights, more), covariances + further
        return weights, covariances


def _gaussians(covariances: np.ndarray) -> Kernels:
    return gaussian_weights(covariances), covariances


def gaussian_weights(covariances: np.ndarray) -> np.ndarray:
    """Return Gaussians of covariances (N, 2, 2) in pixels, of x and y, as weights (N, K, K).

    The grid ends at three and a half standard deviations of the widest; each sums to 1.

    Examples
    --------
    >>> gaussian_weights(np.eye(2)[None]).shape
    (1, 9, 9)
    """
    widest = np.sqrt(covariances[:, [0, 1], [0, 1]].max(initial=0))
    reach = int(np.ceil(3.5 * widest))
    offsets = np.arange(-reach, reach + 1)
    places = np.stack(np.meshgrid(offsets, offsets), -1).astype(float)  # x, then y
    precision = np.linalg.inv(covariances + 1e-6 * np.eye(2))
    square = np.einsum("hwi,nij,hwj->nhw", places, precision, places)
    weights = np.exp(-0.5 * square)
    return weights / weights.sum((1, 2), keepdims=True)


def _odd(size: float) -> int:
    """Return the smallest odd number of pixels that holds a size."""
    return 2 * int(np.ceil((size - 1) / 2)) + 1 if size > 1 else 1


def _subpixels(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y, from the centre, of the parts of the pixels of a square."""
    places = (np.arange(side * _SUBPIXELS) + 0.5) / _SUBPIXELS - side / 2
    return places[None, None, :], places[None, :, None]


def _averaged(inside: np.ndarray) -> np.ndarray:
    count, side = len(inside), inside.shape[1] // _SUBPIXELS
    weights = inside.reshape(count, side, _SUBPIXELS, side, _SUBPIXELS).mean((2, 4))
    weights = weights.astype(float)
    return weights / weights.sum((1, 2), keepdims=True)


def _measured(weights: np.ndarray) -> Kernels:
    """Return centred kernels with the covariances that they have."""
    side = weights.shape[1]
    offsets = np.arange(side) - side // 2
    places = np.stack(np.meshgrid(offsets, offsets), -1)
    return weights, np.einsum("nhw,hwi,hwj->nij", weights, places, places)


def convolved(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return each kernel convolved with its partner, large enough for both."""
    if first.shape[1] < second.shape[1]:
        first, second = second, first
    count, small = len(second), second.shape[1]
    side = first.shape[1] + small - 1
    total = np.zeros((count, side, side))
    for row in range(small):
        for column in range(small):
            here = slice(row, row + first.shape[1]), slice(column, column + first.shape[2])
            total[:, *here] += second[:, row, column, None, None] * first
    return total


def _check(name: str, span: Span) -> None:
    widest = span.low if span.high is None else span.high
    if widest > _WIDEST:
        raise InputError(f"{name} is {widest:g}; give at most {_WIDEST} pixels")
