"""The kinds of noise a table has columns for, drawn so that nothing but their names matters.

A case is a name: `awgn25` (Gaussian, standard deviation 25/255), `case1` to `case3` (the paper's
maps), `gradient` (5/255 at the left to 60/255 at the right), `poisson30` (30 photons at white and
read-out of 2/255), `correlated25` (Gaussian of 25/255, blurred by a pixel), `clean` (none); with
`-8bit` after it the noisy image is clipped and rounded.
"""

import re
import zlib

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.evaluation.metrics import eight_bit
from vdn.noise.fields import TEST_MAPS
from vdn.noise.gaussian import add_gaussian, add_poisson_gaussian, poisson_gaussian_sigma
from vdn.noise.smoothing import smooth

__all__ = ["awgn_level", "check_case", "is_gaussian", "make_noisy", "noise_generator"]

_KINDS = re.compile(
    r"(?:(?P<kind>awgn|poisson|correlated)(?P<number>\d+)|(?P<name>case[123]|gradient|clean))"
    r"(?P<clipped>-8bit)?"
)
_GRADIENT = 5 / 255, 60 / 255
_READ_OUT = 2 / 255
_BLUR = 1.0


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
        A name as described above.
    generator
        The source of the noise.

    Returns
    -------
    noisy : numpy.ndarray
        float32, the shape of `clean`, clipped only in a case that ends in `-8bit`.
    sigma : float or numpy.ndarray
        The true standard deviation before clipping: a number, or a map (H, W) or (H, W, C).

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
    kind, number, clipped = _parse(case)
    sigma: NDArray[np.float32] | float
    if kind == "poisson":
        noisy = add_poisson_gaussian(clean, 1 / number, _READ_OUT, generator)
        sigma = poisson_gaussian_sigma(clean, 1 / number, _READ_OUT)
    elif kind == "correlated":
        sigma = number / 255
        white = generator.standard_normal(clean.shape, dtype=np.float32)
        noisy = clean + np.float32(sigma / _blurred_deviation()) * smooth(white, _BLUR)
    else:
        sigma = _level(kind, number, (clean.shape[0], clean.shape[1]))
        noisy = add_gaussian(clean, sigma, generator)
    if clipped:
        noisy = eight_bit(noisy).astype(np.float32) / np.float32(255)
    return noisy.astype(np.float32, copy=False), sigma


def check_case(case: str) -> None:
    """Raise InputError unless there is such a case."""
    _parse(case)


def awgn_level(case: str) -> int | None:
    """Return the level of unclipped Gaussian noise of one standard deviation, else None.

    Examples
    --------
    >>> awgn_level("awgn25"), awgn_level("case1")
    (25, None)
    """
    kind, number, clipped = _parse(case)
    return number if kind == "awgn" and not clipped else None


def is_gaussian(case: str) -> bool:
    """Say whether every value of the case's noise is normal and of a known standard deviation.

    Examples
    --------
    >>> is_gaussian("case2"), is_gaussian("poisson30"), is_gaussian("awgn25-8bit")
    (True, False, True)
    """
    return _parse(case)[0] not in ("poisson", "correlated", "clean")


def _parse(case: str) -> tuple[str, int, bool]:
    match = _KINDS.fullmatch(case)
    if match is None or (match["number"] is not None and int(match["number"]) == 0):
        raise InputError(
            f"case {case!r} is not known; there are awgnN, poissonN, correlatedN with N above 0, "
            "case1, case2, case3, gradient and clean, each also with -8bit"
        )
    return match["kind"] or match["name"], int(match["number"] or 0), bool(match["clipped"])


def _level(kind: str, number: int, shape: tuple[int, int]) -> NDArray[np.float32] | float:
    if kind in TEST_MAPS:
        return TEST_MAPS[kind](shape)
    if kind == "gradient":
        return np.tile(np.linspace(*_GRADIENT, shape[1], dtype=np.float32), (shape[0], 1))
    return number / 255


def _blurred_deviation() -> float:
    """Return the standard deviation that blurring leaves of white noise of 1."""
    impulse = np.zeros((15, 15), np.float32)
    impulse[7, 7] = 1
    return float(np.sqrt(np.sum(smooth(impulse, _BLUR) ** 2)))
