"""What every method shares: one call, one range of values, one way to get a noise level."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.errors import InputError, MissingExtraError

__all__ = ["Denoise", "SigmaEstimate", "as_planes", "require", "scalar_sigma"]

SigmaEstimate = Callable[[NDArray[np.float32]], ArrayLike]
"""``image (H, W, C) -> standard deviation of its noise``, a number or a map, same units."""


class Denoise(Protocol):
    """The call of every method.

    Parameters
    ----------
    image
        (H, W) or (H, W, C) with C of 1 or 3; black at 0, white nominally at 1, not clipped.
    sigma
        Standard deviation of the noise in the same units: a number, (H, W) or (H, W, C). Without
        it the method is blind: `estimate` is asked.
    estimate
        The estimate of the noise level a blind call uses; default `estimate_sigma_chen`.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `image`.
    """

    def __call__(
        self,
        image: ArrayLike,
        sigma: ArrayLike | None = None,
        *,
        estimate: SigmaEstimate | None = None,
    ) -> NDArray[np.float32]: ...


def as_planes(image: ArrayLike) -> NDArray[np.float32]:
    """The image as float32 (H, W, C), checked.

    Raises
    ------
    InputError
        For another number of axes or channels, no pixels, or values that are not finite.

    Examples
    --------
    >>> as_planes(np.zeros((4, 5))).shape
    (4, 5, 1)
    """
    planes = np.asarray(image, dtype=np.float32)
    if planes.ndim == 2:
        planes = planes[..., None]
    if planes.ndim != 3 or planes.shape[2] not in (1, 3) or planes.size == 0:
        raise InputError(
            f"image has shape {np.shape(image)}; a method takes (H, W), (H, W, 1) or (H, W, 3)"
        )
    if not np.isfinite(planes).all():
        raise InputError("image has values that are NaN or infinite; replace them first")
    return planes


def scalar_sigma(
    planes: NDArray[np.float32], sigma: ArrayLike | None, estimate: SigmaEstimate | None = None
) -> float:
    """One noise level for a method that knows no map: the root mean square of what it is given.

    Parameters
    ----------
    planes
        (H, W, C) from `as_planes`.
    sigma
        A number, (H, W), (H, W, 1) or (H, W, C); None to ask `estimate`.
    estimate
        Default `estimate_sigma_chen`.

    Raises
    ------
    InputError
        If `sigma` is negative, not finite, or does not fit the image.

    Examples
    --------
    >>> round(scalar_sigma(np.zeros((1, 2, 1), np.float32), np.array([[0.3, 0.4]])), 4)
    0.3536
    """
    if sigma is None:
        from vdn.external.chen import estimate_sigma_chen

        sigma = (estimate or estimate_sigma_chen)(planes)
    level = np.asarray(sigma, dtype=np.float64)
    if level.ndim and level.shape[:2] != planes.shape[:2]:
        raise InputError(
            f"sigma has shape {level.shape} and the image {planes.shape}; "
            "give a number or a map of the image's height and width"
        )
    if not np.isfinite(level).all() or (level < 0).any():
        raise InputError("sigma has values that are negative or not finite")
    return float(np.sqrt(np.mean(np.square(level))))


def require(module: str, extra: str) -> Any:
    """Import a package that only an extra installs.

    Raises
    ------
    MissingExtraError
        If it is not installed; the text names the extra.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module.partition('.')[0]} is not installed: pip install 'vdn[{extra}]'"
        ) from error
