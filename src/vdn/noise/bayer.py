"""The colour filter array: one colour a pixel, and the two others interpolated."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Bayer"]


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
        row, column = self.phase
        mosaic = image[:, :, 1].copy()
        mosaic[row::2, column::2] = image[row::2, column::2, 0]
        mosaic[1 - row :: 2, 1 - column :: 2] = image[1 - row :: 2, 1 - column :: 2, 2]
        return mosaic

    def demosaic(self, mosaic: np.ndarray) -> np.ndarray:
        """Return the image (H, W, 3) interpolated, linearly, from a mosaic (H, W)."""
        height, width = mosaic.shape
        padded = np.pad(mosaic, 2, mode="reflect")

        def shifted(down: int, right: int) -> np.ndarray:
            return padded[2 + down : 2 + down + height, 2 + right : 2 + right + width]

        beside = shifted(0, -1) + shifted(0, 1)
        above = shifted(-1, 0) + shifted(1, 0)
        corners = shifted(-1, -1) + shifted(-1, 1) + shifted(1, -1) + shifted(1, 1)
        far_beside = shifted(0, -2) + shifted(0, 2)
        far_above = shifted(-2, 0) + shifted(2, 0)
        far = far_beside + far_above

        eighth = self.sharpness / 8
        cross = (beside + above) / 4 + eighth * (4 * mosaic - far)
        diagonal = corners / 4 + eighth * (6 * mosaic - 1.5 * far)
        green_site = 5 * mosaic - corners
        horizontal = beside / 2 + eighth * (green_site - far_beside + 0.5 * far_above)
        vertical = above / 2 + eighth * (green_site - far_above + 0.5 * far_beside)

        row, column = self.phase
        image = np.empty((height, width, 3), mosaic.dtype)
        for down, right, colours in (
            (row, column, (mosaic, cross, diagonal)),
            (row, 1 - column, (horizontal, mosaic, vertical)),
            (1 - row, column, (vertical, mosaic, horizontal)),
            (1 - row, 1 - column, (diagonal, cross, mosaic)),
        ):
            for channel, plane in enumerate(colours):
                image[down::2, right::2, channel] = plane[down::2, right::2]
        return image
