"""From the user's array to the network's, and back without a trace."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.errors import InputError
from vdn.image.frame import Frame
from vdn.image.gaps import interpolate
from vdn.image.ranges import Range, find_ranges
from vdn.resampling import resample, resize_taps

__all__ = ["BRIGHTEST", "DARKEST", "UnitImage", "check_image", "to_unit"]

_INTEGERS = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")
_FLOATS = ("f2", "f4", "f8")
DARKEST, BRIGHTEST = -1.0, 2.0  # in units of the network; what is beyond is an outlier
_REACH = 3  # pixels that cubic convolution looks at, and one to spare
_WAYS_OUT = {
    "b": "convert it with image.astype('float32')",
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
        and white nominally 1, and values down to -1 and up to 2 survive. Outliers beyond (hot
        pixels, lamps, scale bars) are replaced like pixels without data.
    range
        Which of the user's values is 0 in `planes`, and how many units of the user make one.
    """

    planes: NDArray[np.float32]
    range: Range
    _image: NDArray[Any] = field(repr=False)
    _missing: NDArray[np.bool_] | None = field(repr=False)

    @property
    def scale(self) -> float:
        """Units of the user in one unit of `planes`."""
        return self.range.scale

    @property
    def colour(self) -> NDArray[Any]:
        """The user's values without alpha, (H, W, C), as they are."""
        return _colour(self._image)

    def restore(self, planes: NDArray[np.float32]) -> NDArray[Any]:
        """Return `planes`, changed by a network, as an array like the user's.

        The *change* is added to the user's values: where there is none, they come back bit for
        bit, 64 bits included. Integers are rounded and clipped to the range of their dtype; floats
        are not clipped (but for numbers the dtype cannot hold). Alpha, and pixels without data,
        are copied.

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
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is clipped below
            change = np.subtract(self.planes, planes, dtype=working)
            change *= working.type(self.scale)
            if self._missing is not None:
                change[self._missing] = 0
            values = np.subtract(target, change, dtype=working)  # -0.0 - 0.0 is -0.0
        kept = change == 0 if restored.dtype.itemsize == 8 else np.False_
        if self._missing is not None:
            kept = kept | self._missing
        if restored.dtype.kind != "f":
            np.rint(values, out=values)
        low, high = _bounds(restored.dtype, working)
        white = values >= high
        np.clip(values, low, high, out=values)
        np.copyto(target, values, where=~kept, casting="unsafe")
        if restored.dtype.kind != "f" and restored.dtype.itemsize == 8:  # more than floats hold
            np.copyto(target, np.iinfo(restored.dtype).max, where=white & ~kept)
        return restored

    def enlarge(
        self, planes: NDArray[np.float32], rows: slice, columns: slice, scale: int
    ) -> NDArray[Any]:
        """Return a part of the image with more pixels as an array like the user's.

        Alpha is enlarged by cubic convolution; pixels without data and outliers are repeated.

        Parameters
        ----------
        planes
            The part, (s h, s w, C), in the units of `UnitImage.planes`.
        rows, columns
            Where it is in the image.
        scale
            s.
        """

        def repeated(array: NDArray[Any]) -> NDArray[Any]:
            return array[rows, columns].repeat(scale, axis=0).repeat(scale, axis=1)

        enlarged = repeated(self._image)
        working = _working(enlarged.dtype)
        values = planes.astype(working) * working.type(self.scale) + working.type(self.range.offset)
        known = np.True_ if self._missing is None else ~repeated(self._missing)
        _put(_colour(enlarged), values, known)
        if _colour(enlarged).size < enlarged.size:
            top, left = (max(part.start - _REACH, 0) for part in (rows, columns))
            alpha = self._image[top : rows.stop + _REACH, left : columns.stop + _REACH, -1]
            alpha = alpha.astype(working)
            for axis, (part, origin) in enumerate(((rows, top), (columns, left))):
                length = self._image.shape[axis]
                places, weights = resize_taps(length, scale * length)
                wanted = slice(scale * part.start, scale * part.stop)
                taps = places[wanted], weights[wanted]
                alpha = resample(alpha, taps, axis, origin)
            _put(enlarged[..., -1], alpha)
        return enlarged

    def part(self, rows: slice, columns: slice) -> "UnitImage":
        """Return a part of the image, of views."""
        missing = None if self._missing is None else self._missing[rows, columns]
        planes, image = self.planes[rows, columns], self._image[rows, columns]
        return UnitImage(planes, self.range, image, missing)

    def values_to_user(self, planes: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return values such as a smoothed image in the user's units; shapes as in `map_to_user`.

        Parameters
        ----------
        planes
            (H, W, C) in the units of `planes`.
        """
        with np.errstate(over="ignore"):
            return self.map_to_user(planes) + np.float32(self.range.offset)

    def map_to_user(self, map_: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return a map such as sigma in the user's units, float32 (H, W) or (H, W, C), no alpha.

        Parameters
        ----------
        map_
            (H, W, C) in the units of `planes`.
        """
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
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


def to_unit(
    image: ArrayLike,
    range: Range | None = None,
    *,
    no_data: float | None = None,
    origin: tuple[int, int] = (0, 0),
    out: NDArray[np.float32] | None = None,
) -> UnitImage:
    r"""Bring an image to the range and layout of the networks.

    Values become :math:`(x - \text{offset}) / \text{scale}`; `vdn.image.ranges` says how the two
    are found. Nothing is clipped.

    Parameters
    ----------
    image
        (H, W), (H, W, 1) or (H, W, 3); (H, W, 2) and (H, W, 4) have alpha last. Integers, float16,
        float32 or float64, of any byte order.
    range
        The range of the picture `image` is a part of; by default that of `image` itself.
    no_data
        The value that marks pixels without data, such as NaN. These pixels, and outliers, get
        values between those of their neighbours in the row, or the middle of the range where none
        is within `vdn.image.gaps.REACH` columns, and come back as they were.
    origin
        Row and column of the first pixel in the whole picture, for messages.
    out
        Memory to put the planes into, (N,) of at least as many values; by default fresh.

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
    check_image(array)
    if range is None:
        (range,) = find_ranges(replace(Frame.of(array), no_data=no_data))
    colour = _colour(array)
    missing = _find_missing(colour, no_data)
    if array.dtype.kind == "f":
        _check_finite(colour, missing, origin)
    working = _working(array.dtype)
    height, width, channels = colour.shape
    buffer = np.empty(colour.size, np.float32) if out is None else out[: colour.size]
    planes = buffer.reshape(channels, height, width).transpose(1, 2, 0)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if range.offset:
            shifted = np.subtract(colour, working.type(range.offset), dtype=working)
            np.divide(shifted, working.type(range.scale), out=planes, casting="same_kind")
        else:
            scale = working.type(range.scale)
            np.divide(colour, scale, out=planes, dtype=working, casting="same_kind")
    if array.dtype != np.uint8:
        missing = _with_outliers(planes, missing)
    if missing is not None:
        _fill(planes, missing)
    return UnitImage(planes, range, array, missing)


def check_image(image: NDArray[Any]) -> None:
    """Raise `InputError` unless `to_unit` takes an array of this dtype and shape."""
    _check_dtype(image)
    _check_shape(image)


def _colour(image: NDArray[Any]) -> NDArray[Any]:
    """Return a view of the channels without alpha, (H, W, C)."""
    if image.ndim == 2:
        return image[..., None]
    return image[..., :-1] if image.shape[2] in (2, 4) else image


def _working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the float type for sums in which no digit of `dtype` gets lost (but of 64 bits)."""
    exact = dtype.itemsize <= (4 if dtype.kind == "f" else 2)
    return np.dtype(np.float32 if exact else np.float64)


def _bounds(dtype: np.dtype[Any], working: np.dtype[Any]) -> tuple[Any, Any]:
    """Return the least and the largest value of `dtype` that `working` holds."""
    if dtype.kind == "f":
        largest = np.finfo(dtype).max
        return -largest, largest
    limits = np.iinfo(dtype)
    high = working.type(limits.max)
    if int(high) > limits.max:  # rounded up
        high = np.nextafter(high, working.type(0))
    return working.type(limits.min), high


def _put(target: NDArray[Any], values: NDArray[Any], where: Any = np.True_) -> None:
    """Round and clip values as the dtype of an array needs it, and put them into it."""
    if target.dtype.kind != "f":
        np.rint(values, out=values)
    np.clip(values, *_bounds(target.dtype, values.dtype), out=values)
    np.copyto(target, values, where=where, casting="unsafe")


def _find_missing(colour: NDArray[Any], no_data: float | None) -> NDArray[np.bool_] | None:
    if no_data is None:
        return None
    missing: NDArray[np.bool_] = np.isnan(colour) if np.isnan(no_data) else colour == no_data
    return missing if missing.any() else None


def _fill(planes: NDArray[np.float32], missing: NDArray[np.bool_]) -> None:
    """Fill gaps along the rows, so that a strip of rows is filled like the whole."""
    for row, channel in np.argwhere(missing.any(axis=1)):
        interpolate(planes[row, :, channel], missing[row, :, channel], 0.5)


def _with_outliers(
    planes: NDArray[np.float32], missing: NDArray[np.bool_] | None
) -> NDArray[np.bool_] | None:
    """Return which pixels are to be replaced: those without data, and outliers."""
    if planes.min() >= DARKEST and planes.max() <= BRIGHTEST:  # false where there is a NaN
        return missing
    outliers = ~((planes >= DARKEST) & (planes <= BRIGHTEST))
    return outliers if missing is None else outliers | missing


def _check_dtype(image: NDArray[Any]) -> None:
    if image.dtype.str[1:] not in (*_INTEGERS, *_FLOATS):
        way_out = _WAYS_OUT.get(image.dtype.kind, "convert it to one of these")
        raise InputError(
            f"image has dtype {image.dtype}; integers, float16, float32 and float64 can be "
            f"denoised: {way_out}"
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


def _check_finite(
    colour: NDArray[Any], missing: NDArray[np.bool_] | None, origin: tuple[int, int]
) -> None:
    wrong = ~np.isfinite(colour)
    if missing is not None:
        wrong &= ~missing
    count = int(np.count_nonzero(wrong))
    if count:
        row, column, channel = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise InputError(
            f"image has {count} values that are NaN or infinite, the first at row "
            f"{row + origin[0]}, column {column + origin[1]}, channel {channel}; mask them "
            "(numpy.ma.masked_invalid) to keep them as they are, or replace them"
        )
