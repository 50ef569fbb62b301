"""What saving as JPEG does to a picture."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

__all__ = ["BLOCK", "Jpeg"]

BLOCK = 16


@dataclass(frozen=True)
class Jpeg:
    """JPEG compression of one quality, with the colours at full or at half resolution.

    Parameters
    ----------
    quality : int
        1 to 100, the scale of libjpeg.
    halved_colour : bool
        Whether the colour differences are stored at half resolution (4:2:0) or not (4:4:4).
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
        down, right = origin
        padded = np.pad(picture, ((down, 0), (right, 0), (0, 0)), mode="symmetric")
        file = io.BytesIO()
        subsampling = "4:2:0" if self.halved_colour else "4:4:4"
        Image.fromarray(padded).save(file, "JPEG", quality=self.quality, subsampling=subsampling)
        with Image.open(file) as stored:
            return np.asarray(stored)[down:, right:]
