"""What saving as JPEG does to a picture, computed on arrays: no file is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vdn.noise.arrays import like, namespace, take

__all__ = ["BLOCK", "DCT", "Jpeg", "compress"]

BLOCK = 16

_LUMA_TABLE = """
16 11 10 16  24  40  51  61   12 12 14 19  26  58  60  55
14 13 16 24  40  57  69  56   14 17 22 29  51  87  80  62
18 22 37 56  68 109 103  77   24 35 55 64  81 104 113  92
49 64 78 87 103 121 120 101   72 92 95 98 112 100 103  99
"""
_COLOUR_TABLE = """
17 18 24 47 99 99 99 99   18 21 26 66 99 99 99 99
24 26 56 99 99 99 99 99   47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99
99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99
"""
_STEPS = np.array([table.split() for table in (_LUMA_TABLE, _COLOUR_TABLE)], float)
_STEPS = _STEPS.reshape(2, 8, 8)  # vertical frequency, then horizontal

_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]]
)
_TO_RGB = np.linalg.inv(_TO_YCC)
DCT = np.cos((2 * np.arange(8) + 1) * np.arange(8)[:, None] * np.pi / 16) / 2
DCT[0] /= np.sqrt(2)
"""The orthonormal cosine transform of 8 values, a row each frequency."""


@dataclass(frozen=True)
class Jpeg:
    """JPEG compression of one quality, with the colours at full or at half resolution.

    Parameters
    ----------
    quality : int
        1 to 100, the scale of libjpeg.
    halved_colour : bool
        Whether the colour differences are stored at half resolution (4:2:0) or not (4:4:4).

    References
    ----------
    ITU-T T.81 (1992), annexes A and K; the scale of the quality is that of libjpeg.
    """

    quality: int
    halved_colour: bool = False

    def apply(self, picture: np.ndarray, origin: tuple[int, int] = (0, 0)) -> np.ndarray:
        """Return a uint8 (H, W, 3) picture after compression.

        `origin` is the row and column, 0 to 15, at which the picture begins in its first block: a
        crop of a photograph does not begin where a block begins.

        Examples
        --------
        >>> import numpy as np
        >>> grey = np.full((20, 30, 3), 128, dtype=np.uint8)
        >>> Jpeg(90).apply(grey, (3, 5)).shape
        (20, 30, 3)
        """
        values = picture.transpose(2, 0, 1)[None].astype(np.float32)
        stored = compress([self], values, origin)[0]
        return stored.transpose(1, 2, 0).astype(np.uint8)

    def steps(self) -> np.ndarray:
        """Return the steps of the coefficients of brightness and colour, (2, 8, 8)."""
        scale = 5000 / self.quality if self.quality < 50 else 200 - 2 * self.quality
        return np.clip((_STEPS * int(scale) + 50) // 100, 1, 255)


def compress(settings: Sequence[Jpeg], pictures: Any, origin: tuple[int, int]) -> Any:
    """Return pictures after compression, each with its own quality.

    Parameters
    ----------
    settings : sequence of Jpeg
        One a picture; all must have `halved_colour` alike.
    pictures : array or tensor
        (N, 3, H, W), whole numbers from 0 to 255, as floats.
    origin : tuple of int
        Row and column, 0 to 15, at which the pictures begin in their first block.

    Returns
    -------
    array or tensor
        Like `pictures`.
    """
    xp = namespace(pictures)
    count, _, height, width = pictures.shape
    padded = _padded(pictures, origin)
    steps = like(np.stack([jpeg.steps() for jpeg in settings])[:, :, None, :, None, :], pictures)
    colours = _colours(_TO_YCC, padded)
    colours[:, 0] -= 128
    colours = xp.round(colours)
    if settings[0].halved_colour:
        rows, columns = colours.shape[2] // 2, colours.shape[3] // 2
        halved = colours[:, 1:].reshape(count, 2, rows, 2, columns, 2).mean((3, 5))
        halved = xp.round(_quantised(xp.round(halved), steps[:, 1:]))
        chroma = xp.swapaxes(_doubled(xp.swapaxes(_doubled(halved), 2, 3)), 2, 3)
        colours = xp.concatenate((_quantised(colours[:, :1], steps[:, :1]), chroma), 1)
    else:
        colours = _quantised(colours, steps[:, [0, 1, 1]])
    colours = xp.round(xp.clip(colours, -128, 127))
    colours[:, 0] += 128
    values = xp.clip(xp.round(_colours(_TO_RGB, colours)), 0, 255)
    top, left = origin
    return values[:, :, top : top + height, left : left + width]


def _colours(matrix: np.ndarray, planes: Any) -> Any:
    """Return planes (N, 3, H, W) whose colours, as columns, are multiplied by a matrix."""
    return (like(matrix, planes) @ planes.reshape(len(planes), 3, -1)).reshape(planes.shape)


def _padded(pictures: Any, origin: tuple[int, int]) -> Any:
    """Return pictures as parts of whole blocks: reflected before them, repeated after."""
    for axis, before in zip((2, 3), origin, strict=True):
        size = pictures.shape[axis]
        whole = -(-(size + before) // BLOCK) * BLOCK
        offset = np.minimum(np.arange(whole) - before, size - 1) % (2 * size)
        pictures = take(pictures, np.minimum(offset, 2 * size - 1 - offset), axis)
    return pictures


def _quantised(planes: Any, steps: Any) -> Any:
    """Return planes (N, C, H, W) after the quantisation of their 8 x 8 cosine coefficients."""
    xp = namespace(planes)
    count, channels, height, width = planes.shape
    forward = like(DCT, planes)
    lines = planes.reshape(count, channels, height // 8, 8, width)
    columns = (forward @ lines).reshape(count, channels, height // 8, 8, width // 8, 8)
    coefficients = columns @ like(DCT.T, planes)
    kept = xp.round(coefficients / steps) * steps
    rows = (kept @ forward).reshape(count, channels, height // 8, 8, width)
    return (like(DCT.T, planes) @ rows).reshape(planes.shape)


def _doubled(planes: Any) -> Any:
    """Return planes of twice as many rows: each 3/4 of the nearer and 1/4 of the farther one."""
    xp = namespace(planes)
    before = xp.concatenate((planes[:, :, :1], planes[:, :, :-1]), 2)
    after = xp.concatenate((planes[:, :, 1:], planes[:, :, -1:]), 2)
    both = xp.stack((0.75 * planes + 0.25 * before, 0.75 * planes + 0.25 * after), 3)
    count, channels, height, width = planes.shape
    return both.reshape(count, channels, 2 * height, width)
