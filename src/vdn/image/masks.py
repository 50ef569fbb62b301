"""Masked arrays: what is masked is not used, and stays as it is."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["filled", "masked_like"]


def filled(image: ArrayLike) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return an image whose masked pixels lie between their neighbours, and the mask.

    Each masked pixel gets the value of the nearest valid one in its row, or in rows without any
    the median of all; other arrays come back as they are, with None.

    Examples
    --------
    >>> image = np.ma.masked_equal([[1.0, -9.0, 3.0]], -9)
    >>> filled(image)[0]
    array([[1., 1., 3.]])
    """
    mask = np.ma.getmaskarray(image) if isinstance(image, np.ma.MaskedArray) else None
    array = np.asarray(image)
    if mask is None or not mask.any():
        return array, mask
    pixels = array.copy()
    if mask.all():
        pixels[...] = 0
        return pixels, mask
    rows, hidden = (np.moveaxis(np.atleast_3d(a), 1, -1) for a in (pixels, mask))
    columns = np.arange(rows.shape[-1])
    usual = np.median(array[~mask]).astype(array.dtype)
    for row, channel in np.argwhere(hidden.any(axis=-1)):
        gap, line = hidden[row, channel], rows[row, channel]
        if gap.all():
            line[:] = usual
            continue
        valid = columns[~gap]
        after = np.searchsorted(valid, columns).clip(max=len(valid) - 1)
        before = np.maximum(after - 1, 0)
        nearer = columns - valid[before] <= np.abs(valid[after] - columns)
        line[gap] = line[np.where(nearer, valid[before], valid[after])][gap]
    return pixels, mask


def masked_like(
    restored: NDArray[Any], image: ArrayLike, mask: NDArray[np.bool_] | None
) -> NDArray[Any]:
    """Return the restored image as the user's was: masked, with the masked values of the user."""
    if not isinstance(image, np.ma.MaskedArray):
        return restored
    original = np.asarray(image)
    values = np.where(mask, original, restored) if mask is not None else restored
    return np.ma.MaskedArray(values, mask=image.mask, fill_value=image.fill_value)
