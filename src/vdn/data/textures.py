"""Leaves with fur and cloth on them: fine texture that ends at an edge, where noise would not."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, rotate

__all__ = ["render_textures"]


def render_textures(generator: np.random.Generator, size: int = 384) -> NDArray[np.uint8]:
    """Return a picture of leaves that hide one another, uint8 (size, size, 3), without noise.

    A dead-leaves picture [1]_: ellipses whose sizes follow a power law, each of one colour. Three
    in four have a texture: streaks of one direction, from hairs as fine as pixels to broad smears,
    of a standard deviation of 3 to 50, nearly alike in the three channels.

    References
    ----------
    .. [1] Achddou, Gousseau, Ladjal, "Fully synthetic training for image restoration tasks",
       Computer Vision and Image Understanding 233, 2023

    Examples
    --------
    >>> picture = render_textures(np.random.default_rng(0), 64)
    >>> picture.shape, bool(picture.std() > 5)
    ((64, 64, 3), True)
    """
    textures = [_streaks(generator, size) for _ in range(6)]
    picture = np.empty((size, size, 3))
    rows, columns = np.indices((size, size))
    _paint(picture, np.ones((size, size), bool), textures, generator)
    for _ in range(int(generator.integers(20, 200))):
        length = size * 10 ** generator.uniform(-1.7, -0.3)
        width = length / generator.uniform(1, 3)
        middle, angle = generator.uniform(0, size, 2), generator.uniform(0, np.pi)
        down, across = rows - middle[0], columns - middle[1]
        along = np.cos(angle) * across + np.sin(angle) * down
        beside = np.cos(angle) * down - np.sin(angle) * across
        inside = (along / length) ** 2 + (beside / width) ** 2 < 1
        _paint(picture, inside, textures, generator)
    soft = generator.uniform(0.2, 0.6)  # edges as a lens draws them
    return np.rint(np.clip(gaussian_filter(picture, (soft, soft, 0)), 0, 255)).astype(np.uint8)


def _paint(
    picture: NDArray[np.float64],
    inside: NDArray[np.bool_],
    textures: list[NDArray[np.float64]],
    generator: np.random.Generator,
) -> None:
    """Give the pixels of a leaf its colour and texture."""
    gray = generator.uniform(0, 255)
    picture[inside] = np.clip(gray + generator.normal(0, 40, 3), 0, 255)
    if generator.random() < 0.75:
        texture = textures[int(generator.integers(len(textures)))]
        contrast = 10 ** generator.uniform(0.5, 1.7) * generator.normal(1, 0.1, 3)
        picture[inside] += contrast * texture[inside][:, None]


def _streaks(generator: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Return streaks of one direction with a mean of 0 and a standard deviation of 1."""
    wide = int(np.ceil(1.5 * size))
    fine = 10 ** generator.uniform(-1, 0.2)
    field = gaussian_filter(
        generator.normal(size=(wide, wide)), (fine, fine * generator.uniform(1, 8))
    )
    turned = rotate(field, generator.uniform(0, 180), reshape=False, order=3)
    start = (wide - size) // 2
    inner = turned[start : start + size, start : start + size]
    return (inner - inner.mean()) / inner.std()
