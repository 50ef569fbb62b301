"""The colour filter array: one colour a pixel, and the two others interpolated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vdn.noise.arrays import indices, like, namespace

__all__ = ["Bayer", "demosaic", "mosaic"]


@dataclass(frozen=True)
class Bayer:
    """A Bayer pattern with a linear demosaicing filter, from soft to sharp.

    Parameters
    ----------
    phase : tuple of int
        Row and column (0 or 1) of the first red pixel; blue is diagonally opposite.
    sharpness : float
        0 is bilinear interpolation; 1 adds the whole Laplacian correction of Malvar, He and
        Cutler. Sharper interpolation passes more noise.

    References
    ----------
    Malvar, He, Cutler, High-quality linear interpolation for demosaicing of Bayer-patterned
    color images, ICASSP 2004, https://doi.org/10.1109/ICASSP.2004.1326587

    Examples
    --------
    >>> import numpy as np
    >>> bayer = Bayer(phase=(0, 1), sharpness=0.5)
    >>> bool(np.allclose(bayer.demosaic(bayer.sample(np.ones((6, 7, 3)))), 1))
    True
    """

    phase: tuple[int, int] = (0, 0)
    sharpness: float = 1.0

    def sample(self, image: np.ndarray) -> np.ndarray:
        """Return the mosaic (H, W) that the filters let through of an image (H, W, 3)."""
        return mosaic([self], image.transpose(2, 0, 1)[None])[0]

    def demosaic(self, mosaic: np.ndarray) -> np.ndarray:
        """Return the image (H, W, 3) interpolated, linearly, from a mosaic (H, W)."""
        return demosaic([self], np.pad(mosaic, 2, mode="reflect")[None])[0].transpose(1, 2, 0)


def mosaic(patterns: Sequence[Bayer], images: Any) -> Any:
    """Return the mosaics (N, H, W) of images (N, 3, H, W), arrays or tensors."""
    red, blue, _ = _sites(patterns, images)
    where = namespace(images).where
    return where(red, images[:, 0], where(blue, images[:, 2], images[:, 1]))


def demosaic(patterns: Sequence[Bayer], mosaics: Any) -> Any:
    """Return the images (N, 3, H - 4, W - 4) interpolated from mosaics (N, H, W)."""
    xp = namespace(mosaics)
    height, width = (side - 4 for side in mosaics.shape[1:])

    def shifted(down: int, right: int) -> Any:
        return mosaics[:, 2 + down : 2 + down + height, 2 + right : 2 + right + width]

    here = shifted(0, 0)
    beside = shifted(0, -1) + shifted(0, 1)
    above = shifted(-1, 0) + shifted(1, 0)
    corners = shifted(-1, -1) + shifted(-1, 1) + shifted(1, -1) + shifted(1, 1)
    far_beside = shifted(0, -2) + shifted(0, 2)
    far_above = shifted(-2, 0) + shifted(2, 0)
    far = far_beside + far_above

    eighth = like(np.reshape([pattern.sharpness / 8 for pattern in patterns], (-1, 1, 1)), here)
    cross = (beside + above) / 4 + eighth * (4 * here - far)
    diagonal = corners / 4 + eighth * (6 * here - 1.5 * far)
    green_site = 5 * here - corners
    horizontal = beside / 2 + eighth * (green_site - far_beside + 0.5 * far_above)
    vertical = above / 2 + eighth * (green_site - far_above + 0.5 * far_beside)

    red, blue, red_row = _sites(patterns, here[:, None])
    along_red = xp.where(red_row, horizontal, vertical)
    along_blue = xp.where(red_row, vertical, horizontal)
    planes = (
        xp.where(red, here, xp.where(blue, diagonal, along_red)),
        xp.where(red | blue, cross, here),
        xp.where(blue, here, xp.where(red, diagonal, along_blue)),
    )
    return xp.stack(planes, 1)


def _sites(patterns: Sequence[Bayer], images: Any) -> tuple[Any, Any, Any]:
    """Return where red and blue pixels are, (N, H, W), and which rows hold red, (N, H, 1)."""
    phases = np.array([pattern.phase for pattern in patterns])
    red_row, red_column = (
        indices((np.arange(size) - phases[:, axis, None]) % 2, images) == 0
        for axis, size in enumerate(images.shape[2:])
    )
    red_row, red_column = red_row[:, :, None], red_column[:, None, :]
    return red_row & red_column, ~red_row & ~red_column, red_row
