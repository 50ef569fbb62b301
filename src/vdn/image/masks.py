"""Masked arrays: what is masked is not used, and stays as it is."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.image.arrays import check_image
from vdn.image.gaps import nearest
from vdn.image.ranges import sample_rows

__all__ = ["filled", "masked_like", "usual_value"]


def filled(
    image: ArrayLike, usual: float | None = None
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return an image whose masked pixels have values like their neighbours', and the mask.

    Each masked pixel gets the value of the nearest valid one in its row; other arrays come back
    as they are, with None.

    Parameters
    ----------
    image
        (H, W) or (H, W, C).
    usual
        The value for pixels that have none within `vdn.image.gaps.REACH` columns; by default
        `usual_value(image)`.

    Examples
    --------
    >>> image = np.ma.masked_equal([[1.0, -9.0, 3.0]], -9)
    >>> filled(image)[0]
    array([[1., 1., 3.]])
    """
    array = np.asarray(image)
    if not isinstance(image, np.ma.MaskedArray):
        return array, None
    mask = np.ma.getmaskarray(image)
    if not mask.any():
        return array, mask
    check_image(array)
    pixels = array.copy()
    otherwise = usual_value(image) if usual is None else array.dtype.type(usual)
    rows, hidden = (np.moveaxis(np.atleast_3d(a), 1, -1) for a in (pixels, mask))
    for row, channel in np.argwhere(hidden.any(axis=-1)):
        nearest(rows[row, channel], hidden[row, channel], otherwise)
    return pixels, mask


def usual_value(image: NDArray[Any]) -> Any:
    """Return the median of what is not masked in the rows that the range is taken from.

    Examples
    --------
    >>> float(usual_value(np.ma.masked_equal([[1.0, -9.0, 3.0]], -9)))
    2.0
    """
    array, mask = np.asarray(image), np.ma.getmaskarray(image)
    parts = [slice(*rows) for rows in sample_rows(*array.shape[:2])]
    valid = np.concatenate([array[rows][~mask[rows]] for rows in parts])
    return (np.median(valid) if valid.size else np.float64(0)).astype(array.dtype)


def masked_like(
    restored: NDArray[Any], image: ArrayLike, mask: NDArray[np.bool_] | None
) -> NDArray[Any]:
    """Return the restored image as the user's was: masked, with the masked values of the user.

    Of an enlarged one each masked pixel is as many as it has become.
    """
    if not isinstance(image, np.ma.MaskedArray):
        return restored
    scale = len(restored) // len(image)

    def enlarged(values: NDArray[Any]) -> NDArray[Any]:
        return values if scale == 1 else values.repeat(scale, 0).repeat(scale, 1)

    if mask is not None and mask.any():
        restored = restored.copy()
        np.copyto(restored, enlarged(np.asarray(image)), where=enlarged(mask))
    own: Any = image.mask  # one value where nothing is masked
    with np.errstate(over="ignore"):  # that of float16 is beyond its numbers, unless it was set
        return np.ma.MaskedArray(
            restored, mask=enlarged(own) if np.ndim(own) else own, fill_value=image.fill_value
        )
