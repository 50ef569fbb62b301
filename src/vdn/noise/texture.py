"""What speaks for texture and against noise: parts that are flatter, and details without colour."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Texture", "TextureCount"]

_BLOCK = 8  # pixels a side
_PIXELS = 2**20  # that are looked at, on a regular lattice of blocks over the picture
_CLIPPED = 0.02  # share of the pixels of a block at black or white, from which on it does not count
_LEAST = 20  # blocks, to say anything
_FLAT, _QUARTER = 5, 25  # percentiles of the blocks, the flattest first
_PLANE = 3  # degrees of freedom of the plane taken off a block
_LAPLACIAN = np.sqrt(
    20.0
)  # gain of the filter for independent noise; of a difference, sqrt(2) more


@dataclass(frozen=True)
class Texture:
    """How flat the flattest parts of a picture are, and how much colour its details have.

    Attributes
    ----------
    flat, quarter
        The standard deviation that 5 % and 25 % of the blocks of 8 x 8 pixels have less than,
        without what a plane explains and without clipped blocks, in the units of the picture.
    colour
        The standard deviation of independent noise that the colours of its details amount to, in
        the quarter with the least; None of a picture without colours.
    colour_share
        Median ratio of the details of the colours to those of the brightness: about 2.4 of
        independent noise, and next to nothing of texture; None of a picture without colours.
    """

    flat: float
    quarter: float
    colour: float | None
    colour_share: float | None


class TextureCount:
    """Gathers the texture of a picture while its parts go by.

    Parameters
    ----------
    shape
        Height and width of the picture.
    ends
        The values of black and white.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(128, 10, (256, 256, 3))
    >>> count = TextureCount((256, 256), (0, 255))
    >>> count.add(noise, 0, 0)
    >>> 8 < count.texture.flat < 10 < count.texture.quarter + 1, count.texture.colour_share > 2
    (True, True)
    """

    def __init__(self, shape: tuple[int, int], ends: tuple[float, float]) -> None:
        self._ends = ends
        self._step = _BLOCK * max(1, round(np.sqrt(shape[0] * shape[1] / _PIXELS)))
        self._found: list[NDArray[np.float64]] = []

    def add(self, values: NDArray[Any], row: int, column: int) -> None:
        """Take a part in, (h, w, C), which begins at a row and column of the picture."""
        starts = (
            np.arange(-begin % self._step, length - _BLOCK + 1, self._step)
            for begin, length in zip((row, column), values.shape[:2], strict=True)
        )
        down, across = (first[:, None] + np.arange(_BLOCK) for first in starts)
        blocks = values[down[:, None, :, None], across[None, :, None, :]]
        blocks = blocks.reshape(-1, _BLOCK, _BLOCK, values.shape[2]).astype(np.float64)
        cut = ((blocks <= self._ends[0]) | (blocks >= self._ends[1])).mean((1, 2)).max(-1)
        blocks = blocks[(cut < _CLIPPED) & np.isfinite(blocks).all((1, 2, 3))]
        if len(blocks):
            self._found.append(np.stack([_deviation(blocks), *_details(blocks)]))

    @property
    def texture(self) -> Texture | None:
        """What was found; None where there is too little."""
        if not self._found:
            return None
        deviation, brightness, colour = np.concatenate(self._found, axis=1)
        if len(deviation) < _LEAST:
            return None
        flat, quarter = (float(each) for each in np.percentile(deviation, [_FLAT, _QUARTER]))
        if np.isnan(colour).any():
            return Texture(flat, quarter, None, None)
        share = np.median(colour / np.maximum(brightness, 1e-6 * (self._ends[1] - self._ends[0])))
        least = np.percentile(colour, _QUARTER) / (_LAPLACIAN * np.sqrt(2))
        return Texture(flat, quarter, float(least), float(share))


def _deviation(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard deviation in blocks (N, 8, 8, C), of all channels, without a plane."""
    ramp = np.arange(_BLOCK) - (_BLOCK - 1) / 2
    ramp /= np.sqrt(_BLOCK * np.square(ramp).sum())
    total = np.square(blocks - blocks.mean((1, 2), keepdims=True)).sum((1, 2))
    for slope in (np.einsum("nijc,i->nc", blocks, ramp), np.einsum("nijc,j->nc", blocks, ramp)):
        total -= np.square(slope)
    variance = np.maximum(total, 0) / (_BLOCK**2 - _PLANE)
    deviation: NDArray[np.float64] = np.sqrt(variance.mean(-1))
    return deviation


def _details(blocks: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the root mean square of the details of brightness, and of colour differences."""
    inner = 4 * blocks[:, 1:-1, 1:-1]
    inner -= blocks[:, :-2, 1:-1] + blocks[:, 2:, 1:-1] + blocks[:, 1:-1, :-2] + blocks[:, 1:-1, 2:]
    brightness = np.sqrt(np.square(inner.mean(-1)).mean((1, 2)))
    if inner.shape[-1] != 3:
        return brightness, np.full(len(blocks), np.nan)
    differences = inner[..., ::2] - inner[..., 1:2]
    return brightness, np.sqrt(np.square(differences).mean((1, 2, 3)))
