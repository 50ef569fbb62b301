"""How much fine detail the squares of a picture have, to train more on what looks like noise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.data.pool import Crops

__all__ = ["Detail"]

_CELL = 16  # pixels


class Detail:
    """Tables of the detail of pictures, on the host, so that no device is waited for.

    Detail is the mean logarithm of one and the diagonal second difference: high where all of a
    square has texture, and not where half of it is a page's black and white and half of it empty.

    Parameters
    ----------
    images : sequence of numpy.ndarray
        The pictures (H, W, C) of an `ImagePool`, in the same order.
    size : int
        Side of its crops.

    Examples
    --------
    >>> images = [np.zeros((40, 40, 1)), np.random.default_rng(0).uniform(0, 99, (40, 40, 1))]
    >>> detail = Detail(images, 20)
    >>> detail.of(Crops(np.array([0, 1]), np.random.default_rng(0))).round(1).tolist()
    [0.0, 3.5]
    """

    def __init__(self, images: Sequence[NDArray[Any]], size: int) -> None:
        self._tables = [_table(image) for image in images]
        self._cells = max(round(size / _CELL), 1)

    def of(self, crops: Crops) -> NDArray[np.float64]:
        """Return the mean detail of crops, each to within a cell of 16 pixels, (N,)."""
        found = []
        for number, place in zip(crops.images, crops.places, strict=True):
            table = self._tables[number]
            last = np.array(table.shape) - 1
            side = np.minimum(self._cells, last)
            top, left = np.rint(place * (last - side)).astype(int)
            bottom, right = top + side[0], left + side[1]
            total = (
                table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
            )
            found.append(total / side.prod())
        return np.array(found)


def _table(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sums of the detail of cells above and left of each corner of a cell."""
    gray = image.mean(axis=2, dtype=np.float32)
    gray = np.pad(gray, [(0, max(_CELL + 1 - side, 0)) for side in gray.shape], mode="symmetric")
    detail = np.log1p(np.abs(np.diff(np.diff(gray, axis=0), axis=1)))
    rows, columns = (side // _CELL for side in detail.shape)
    cells = detail[: rows * _CELL, : columns * _CELL].reshape(rows, _CELL, columns, _CELL)
    return np.pad(cells.mean(axis=(1, 3), dtype=np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
