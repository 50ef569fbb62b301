"""Spots, threads and clouds on a dark ground: what fluorescence and the sky show, without noise."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

__all__ = ["render_spots"]


def render_spots(generator: np.random.Generator, size: int = 512) -> NDArray[np.uint8]:
    """Return a picture of a star field or of cells in fluorescence, uint8 (size, size).

    Points of light have Gaussian profiles of 0.6 to 5 pixels and brightnesses that follow a power
    law, as stars do; beside them there are threads and clouds, on a ground that is dark and hardly
    varies. The brightest points of some pictures are clipped at white.

    Examples
    --------
    >>> picture = render_spots(np.random.default_rng(0), 64)
    >>> picture.shape, bool(np.median(picture) < 128 < picture.max())
    ((64, 64), True)
    """
    light = np.zeros((size, size))
    for _ in range(int(generator.integers(1, 4))):
        light += generator.uniform(0.2, 1) * _unit(_points(generator, size))
    if generator.random() < 0.4:
        light += generator.uniform(0.2, 1.5) * _unit(_threads(generator, size))
    if generator.random() < 0.5:
        light += generator.uniform(0.05, 1) * _unit(_clouds(generator, size))
    white = np.quantile(light, 1 - 10 ** generator.uniform(-5, -2))
    ground = 10 ** generator.uniform(-2.5, -0.5)
    light = ground + (1 - ground) * np.minimum(_unit(light, white), 1)
    return np.rint(255 * light).astype(np.uint8)


def _unit(light: NDArray[np.float64], white: float | None = None) -> NDArray[np.float64]:
    """Return it with its brightest pixel, or `white`, at 1."""
    return light / max(light.max() if white is None else white, 1e-12)


def _points(generator: np.random.Generator, size: int) -> NDArray[np.float64]:
    count = max(round(size**2 * 10 ** generator.uniform(-4, -1.8)), 3)
    light = np.zeros((size, size))
    rows, columns = generator.integers(0, size, (2, count))
    np.add.at(light, (rows, columns), generator.pareto(generator.uniform(0.7, 2.5), count) + 0.2)
    return gaussian_filter(light, 10 ** generator.uniform(-0.2, 0.7))


def _threads(generator: np.random.Generator, size: int) -> NDArray[np.float64]:
    image = Image.new("L", (size, size))
    draw = ImageDraw.Draw(image)
    for _ in range(int(generator.integers(3, 60))):
        steps = np.cumsum(generator.normal(0, 0.2, 80)) + generator.uniform(0, 2 * np.pi)
        ways = np.stack([np.cos(steps), np.sin(steps)]).cumsum(axis=1) * size / 60
        places = generator.uniform(0, size, (2, 1)) + ways
        brightness = int(generator.integers(60, 256))
        draw.line([tuple(map(float, place)) for place in places.T], brightness)
    return gaussian_filter(np.asarray(image, np.float64), generator.uniform(0.5, 1.5))


def _clouds(generator: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Return blobs of one brightness with soft edges, in part grainy."""
    wide = gaussian_filter(generator.normal(size=(size, size)), size / generator.uniform(12, 40))
    inside = np.clip(wide / wide.std() - generator.uniform(0, 1), 0, generator.uniform(0.1, 2))
    fine = gaussian_filter(generator.normal(size=(size, size)), generator.uniform(1.5, 6))
    return inside * (1 + generator.uniform(0, 0.5) * np.clip(fine / fine.std(), -2, 2))
