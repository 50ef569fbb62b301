"""A scale of colours along which equal steps look equal."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["scale_colours"]

_FROM_OKLAB = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@cache
def scale_colours() -> NDArray[np.uint8]:
    """Return 256 colours in sRGB, (256, 3), from dark violet to light yellow.

    Lightness rises in equal steps of OKLab, and the hue turns by equal angles, so that the scale
    reads the same for people who see colours otherwise, and in print.

    References
    ----------
    .. [1] Ottosson, "A perceptual color space for image processing", 2020,
       https://bottosson.github.io/posts/oklab/

    Examples
    --------
    >>> colours = scale_colours().astype(int)
    >>> bool((np.diff(colours @ [2, 7, 1]) >= 0).all())
    True
    """
    along = np.linspace(0, 1, 256)
    lightness = 0.18 + 0.76 * along
    hue = np.deg2rad(310 - 205 * along)
    chroma = 0.05 + 0.045 * np.sin(np.pi * along) + 0.04 * along
    oklab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    linear = np.clip((oklab @ _FROM_OKLAB.T) ** 3 @ _TO_LINEAR.T, 0, 1)
    encoded = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return np.rint(255 * encoded).astype(np.uint8)
