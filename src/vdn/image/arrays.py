"""From the user's array to the network's, and back without a trace."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.errors import InputError

__all__ = ["UnitImage", "to_unit"]

_WHITE = {"u1": 255.0, "u2": 65535.0}
_FLOATS = ("f2", "f4", "f8")
_UNIT_FLOAT = 4.0  # floats up to here are taken as given: white is 1, lights may exceed it
_PERCENTILE = 99.9
_WAYS_OUT = {
    "b": "convert it with image.astype('float32')",
    "i": "convert it with image.astype('uint16') if its values are 0 to 65535, else 'float32'",
    "u": "convert it with image.astype('uint16') if its values are 0 to 65535, else 'float32'",
    "f": "convert it with image.astype('float64')",
    "c": "denoise image.real and image.imag one after the other",
}


@dataclass(frozen=True, eq=False)
class UnitImage:
    """An image in the range of the network, and the way back to the user's.

    Attributes
    ----------
    planes
        The image without alpha, float32 (H, W, C) with C of 1 or 3 (planar in memory); black is 0
        and white nominally 1, but values beyond both survive.
    scale
        Units of the user in one unit of `planes`.
    """

    planes: NDArray[np.float32]
    scale: float
    _image: NDArray[Any] = field(repr=False)

    def restore(self, planes: NDArray[np.float32]) -> NDArray[Any]:
        """Return `planes`, changed by a network, as an array like the user's.

        The *change* is added to the user's values: where there is none, they come back bit for
        bit, float64 included. Integers are rounded and clipped to the range of their dtype; floats
        are not clipped (but for numbers the dtype cannot hold). Alpha is copied.

        Parameters
        ----------
        planes
            (H, W, C) as `UnitImage.planes`.

        Returns
        -------
        numpy.ndarray
            Shape and dtype of the user's image.
        """
        restored = self._image.copy()
        target = _colour(restored)
        working = _working(restored.dtype)
        with np.errstate(over="ignore"):  # what overflows is clipped below
            values = np.subtract(self.planes, planes, dtype=working)
            values *= working.type(self.scale)
            np.subtract(target, values, out=values)  # -0.0 - 0.0 is -0.0, -0.0 + 0.0 is not
        if restored.dtype.kind == "u":
            np.rint(values, out=values)
            np.clip(values, 0, self.scale, out=values)
        else:
            largest = np.finfo(restored.dtype).max
            np.clip(values, -largest, largest, out=values)
        target[...] = values
        return restored

    def map_to_user(self, map_: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return a map such as sigma in the user's units, float32 (H, W) or (H, W, C), no alpha.

        Parameters
        ----------
        map_
            (H, W, C) in the units of `planes`.
        """
        scaled = np.asarray(map_, np.float32) * np.float32(self.scale)
        alone = self._image.ndim == 2 or self._image.shape[2] == 2
        return scaled[..., 0] if alone else scaled

    def sigma_to_unit(self, sigma: ArrayLike) -> NDArray[np.float32]:
        """Return a standard deviation in the user's units in the units of `planes`.

        Parameters
        ----------
        sigma
            A number, (H, W), (H, W, 1) or (H, W, C).

        Returns
        -------
        numpy.ndarray
            float32; 0-dimensional for a number, else something that broadcasts to (H, W, C).
        """
        scaled = np.asarray(np.divide(sigma, self.scale), dtype=np.float32)
        return scaled[..., None] if scaled.ndim == 2 else scaled


def to_unit(image: ArrayLike) -> UnitImage:
    r"""Bring an image to the range and layout of the networks.

    uint8 is divided by 255 and uint16 by 65535. Float images are taken as given, white at 1, if
    99.9 percent of their values are at most 4 in magnitude; otherwise they are in units of their
    own (counts, electrons, 0 to 255), and divided by the 99.9 percentile of :math:`|x|`. Nothing
    is clipped.

    Parameters
    ----------
    image
        (H, W), (H, W, 1) or (H, W, 3); (H, W, 2) and (H, W, 4) have alpha last. uint8, uint16,
        float16, float32 or float64, of any byte order.

    Returns
    -------
    UnitImage
        It refers to `image` and does not change it.

    Raises
    ------
    InputError
        For other shapes and dtypes, no pixels, NaN and infinity (in colour, not in alpha).

    Examples
    --------
    >>> unit = to_unit(np.full((2, 3, 4), 51, np.uint8))
    >>> unit.planes.shape, float(unit.planes[0, 0, 0]), unit.scale
    ((2, 3, 3), 0.20000000298023224, 255.0)
    >>> unit.restore(unit.planes + np.float32(0.2))[0, 0].tolist()
    [102, 102, 102, 51]
    """
    array = np.asarray(image)
    _check_dtype(array)
    _check_shape(array)
    colour = _colour(array)
    if array.dtype.kind == "f":
        _check_finite(colour)
    scale = _scale(colour)
    working = _working(array.dtype)
    height, width, channels = colour.shape
    planes = np.empty((channels, height, width), np.float32).transpose(1, 2, 0)
    with np.errstate(over="ignore", under="ignore"):
        np.divide(colour, working.type(scale), out=planes, dtype=working, casting="same_kind")
    if array.dtype.kind == "f" and not np.isfinite(planes).all():
        raise InputError(
            f"image spans too wide a range: its largest value is {np.abs(colour).max():g}, "
            f"the {_PERCENTILE} percentile {scale:g}; remove the outliers"
        )
    return UnitImage(planes, scale, array)


def _colour(image: NDArray[Any]) -> NDArray[Any]:
    """Return a view of the channels without alpha, (H, W, C)."""
    if image.ndim == 2:
        return image[..., None]
    return image[..., :-1] if image.shape[2] in (2, 4) else image


def _working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the float type for sums in which no digit of `dtype` gets lost."""
    return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)


def _scale(colour: NDArray[Any]) -> float:
    kind = colour.dtype.str[1:]
    if kind in _WHITE:
        return _WHITE[kind]
    if max(colour.max(), -colour.min()) <= _UNIT_FLOAT:
        return 1.0
    robust = float(np.percentile(np.abs(colour).astype(_working(colour.dtype)), _PERCENTILE))
    return robust if robust > _UNIT_FLOAT else 1.0


def _check_dtype(image: NDArray[Any]) -> None:
    if image.dtype.str[1:] not in (*_WHITE, *_FLOATS):
        way_out = _WAYS_OUT.get(image.dtype.kind, "convert it to one of these")
        raise InputError(
            f"image has dtype {image.dtype}; uint8, uint16, float16, float32 and float64 "
            f"can be denoised: {way_out}"
        )


def _check_shape(image: NDArray[Any]) -> None:
    if image.ndim not in (2, 3):
        raise InputError(
            f"image has shape {image.shape}; give (H, W) or (H, W, C), "
            "and the images of a stack one after the other"
        )
    if image.size == 0:
        raise InputError(f"image has shape {image.shape}: no pixels")
    if image.ndim == 3 and image.shape[2] > 4:
        raise InputError(
            f"image has shape {image.shape}: {image.shape[2]} channels; give 1 (gray), 2 (gray and "
            "alpha), 3 (colour) or 4 (colour and alpha) as the last axis, or single channels (H, W)"
        )


def _check_finite(colour: NDArray[Any]) -> None:
    wrong = ~np.isfinite(colour)
    count = int(np.count_nonzero(wrong))
    if count:
        row, column, channel = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise InputError(
            f"image has {count} values that are NaN or infinite, the first at row {row}, column "
            f"{column}, channel {channel}; replace them, for instance by numpy.nan_to_num"
        )
