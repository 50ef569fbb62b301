"""BM3D and CBM3D (Dabov, Foi, Katkovnik, Egiazarian, TIP 2007; Mäkinen, Azzari, Foi, TIP 2020)."""

import logging
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.baselines.method import SigmaEstimate, as_planes, require, scalar_sigma
from vdn.errors import InputError

__all__ = ["NOTICE", "denoise"]

logger = logging.getLogger(__name__)

_BLOCK = 8
NOTICE = "bm3d is its authors' own package and free for non-commercial use only"


def denoise(
    image: ArrayLike, sigma: ArrayLike | None = None, *, estimate: SigmaEstimate | None = None
) -> NDArray[np.float32]:
    """Denoise by BM3D, three channels by CBM3D; see `vdn.baselines.Denoise`.

    This calls the package of the method's authors, which is **for non-commercial use only**: it
    comes with the extra `bm3d` alone, and the first use in a process logs that notice. A map of
    sigmas counts as its root mean square.

    Raises
    ------
    MissingExtraError
        Without the package `bm3d`.
    InputError
        If the image is smaller than the method's block of 8 × 8.

    References
    ----------
    https://doi.org/10.1109/TIP.2007.901238, https://doi.org/10.1109/TIP.2020.3014721
    """
    package = _package()
    planes = as_planes(image)
    level = scalar_sigma(planes, sigma, estimate)
    if level == 0:
        return np.array(image, dtype=np.float32)
    if min(planes.shape[:2]) < _BLOCK:
        raise InputError(
            f"image has shape {np.shape(image)}: smaller than BM3D's block of {_BLOCK}"
        )
    if planes.shape[2] == 3:
        restored = package.bm3d_rgb(planes, level)
    else:
        restored = package.bm3d(planes[..., 0], level)
    return np.asarray(restored, dtype=np.float32).reshape(np.shape(image))


@cache
def _package() -> Any:
    package = require("bm3d", "bm3d")
    logger.warning(NOTICE)
    return package
