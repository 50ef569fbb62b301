"""A small PNG of an image of any dtype, for people to look at."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.ranges import range_of

__all__ = ["preview_png", "to_screen"]

_SIDE = 1024  # pixels at most


def to_screen(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an image as 8 bits, without alpha: black and white as `range_of` finds them.

    Examples
    --------
    >>> to_screen(np.array([[0, 65535]], np.uint16)).tolist()
    [[0, 255]]
    """
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = pixels[..., :-1]
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    found = range_of(pixels)
    unit = (pixels.astype(np.float64) - found.offset) / found.scale
    return np.rint(255 * np.clip(np.nan_to_num(unit), 0, 1)).astype(np.uint8)


def preview_png(image: NDArray[Any]) -> bytes:
    """Return a PNG of at most 1024 pixels a side."""
    from PIL import Image

    picture = Image.fromarray(to_screen(image))
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
