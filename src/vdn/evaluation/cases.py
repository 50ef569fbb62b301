"""The noise of a table's columns, drawn so that nothing but their names matters.

A case is a noise of `vdn.noise.registry`, such as `awgn25` or `case1`.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from vdn.noise.models import Gaussian
from vdn.noise.registry import parse_noise
from vdn.noise.simulate import simulate

__all__ = ["awgn_level", "check_case", "is_gaussian", "make_noisy", "noise_generator"]


def noise_generator(seed: int, case: str, image: str) -> np.random.Generator:
    """Return the source of the noise of one image in one case.

    It depends on (seed, case, image) alone, so order, number and choice of images, sets and
    methods change nothing. The set is left out on purpose: a picture keeps its noise in a subset
    under another name. A clipped case has the noise of the unclipped one.

    Examples
    --------
    >>> a, b = (noise_generator(0, case, "bird").random() for case in ("awgn25", "awgn25-8bit"))
    >>> a == b
    True
    """
    text = f"{case.removesuffix('-8bit')} {image}"
    return np.random.default_rng((seed, zlib.crc32(text.encode())))


def make_noisy(
    clean: NDArray[np.float32], case: str, generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32] | float]:
    """Make a clean image noisy.

    Parameters
    ----------
    clean
        (H, W) or (H, W, C), white at 1.
    case
        A name.
    generator
        The source of the noise.

    Returns
    -------
    noisy : numpy.ndarray
        float32, the shape of `clean`, clipped only in a case that ends in `-8bit`.
    sigma : float or numpy.ndarray
        The true standard deviation before clipping: a number, or a map of the shape of `clean`.

    Raises
    ------
    InputError
        When there is no such case.

    Examples
    --------
    >>> noisy, sigma = make_noisy(np.zeros((8, 8), "f4"), "awgn25", np.random.default_rng(0))
    >>> noisy.shape, round(sigma * 255)
    ((8, 8), 25)
    """
    noisy, sigma = simulate(clean, case, generator)
    if np.ptp(sigma) == 0:
        return noisy, float(sigma.flat[0])
    return noisy, sigma


def check_case(case: str) -> None:
    """Raise InputError unless there is such a case."""
    parse_noise(case)


def awgn_level(case: str) -> float | None:
    """Return the level of unclipped Gaussian noise of one standard deviation, else None.

    Examples
    --------
    >>> awgn_level("awgn25"), awgn_level("case1")
    (25.0, None)
    """
    noise = parse_noise(case)
    if isinstance(noise, Gaussian) and noise.sigma.high is None:
        return noise.sigma.low
    return None


def is_gaussian(case: str) -> bool:
    """Say whether every value of the case's noise is normal and of a known standard deviation.

    Examples
    --------
    >>> is_gaussian("case2"), is_gaussian("poisson30"), is_gaussian("awgn25-8bit")
    (True, False, True)
    """
    return parse_noise(case).normal
