"""The columns of a table: what is done to its pictures, so that nothing but the names matters.

A case is a noise of `vdn.noise.registry`, such as `awgn25` or `case1`, or a degradation of
`vdn.noise.degradation` and then noise, joined by ``+``: `gaussian_blur:1.6+gaussian:2.55+8bit`.
Columns of the tables of restoration have short names.
"""

import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.noise.degradation import NAMES, parse_degradation
from vdn.noise.models import Gaussian
from vdn.noise.registry import STAGES, parse_noise
from vdn.noise.simulate import simulate

__all__ = [
    "NAMED",
    "Case",
    "awgn_level",
    "check_case",
    "is_gaussian",
    "make_noisy",
    "noise_generator",
    "parse_case",
]

_KERNELS = ("2/0.5/0", "3.5/1.5/30", "4/1.5/120", "4/4/180")  # widths, and degrees from x


def _reduced(scale: int, blur: str = "", noise: str = "") -> str:
    """Return a blur, a reduction, and noise in files of 8 bits."""
    steps = [f"bicubic:{scale}", "8bit"]
    if "/" in blur:
        steps.insert(0, f"anisotropic_blur:{blur.replace('/', ',')}")
    elif blur:
        steps.insert(0, f"gaussian_blur:{blur}")
    if noise:
        steps.insert(-1, f"gaussian:{noise}")
    return "+".join(steps)


NAMED: Mapping[str, str] = MappingProxyType(
    {
        "x2": _reduced(2),
        **{f"x2-{width}": _reduced(2, width) for width in ("0.6", "1.2", "1.8")},
        "x4": _reduced(4),
        **{f"x4-{width}": _reduced(4, width) for width in ("1.2", "2.4", "3.6")},
        **{
            f"x4-{kernel}-n{noise}": _reduced(4, kernel, noise)
            for noise in ("5", "10")
            for kernel in _KERNELS
        },
        "sharp": "identity+8bit",
        **{
            f"{name}-n{noise}": f"{blur}+gaussian:{noise}+8bit"
            for name, blur in (("gaussian1.6", "gaussian_blur:1.6"), ("motion9", "motion:9"))
            for noise in ("2.55", "7.65")
        },
        "uncompressed": "8bit",
        **{f"q{quality}": f"jpeg:{quality},0" for quality in (10, 20, 30, 40)},
        **{f"q{quality}-shifted": f"jpeg:{quality},1" for quality in (10, 30)},
        "q30-q10": "jpeg:30,0+jpeg:10,1",
        "q10-q30": "jpeg:10,0+jpeg:30,1",
        "x1-kernels": "anisotropic_blur:0.4..3+gaussian:0..15+8bit",
        "x2-kernels": "anisotropic_blur:0.2..2+bicubic:2+gaussian:0..15+8bit",
        "x4-kernels": "anisotropic_blur:0.2..4+bicubic:4+gaussian:0..15+8bit",
    }
)
"""Short names of cases of restoration, with what they stand for."""


class Case(NamedTuple):
    """What is done to a picture: a degradation, empty for none, that reduces by `scale`; noise."""

    degradation: str
    scale: int
    noise: str


def parse_case(text: str) -> Case:
    """Return what a case stands for.

    Raises
    ------
    InputError
        When there is no such case.

    Examples
    --------
    >>> parse_case("x2-1.2")
    Case(degradation='gaussian_blur:1.2+bicubic:2', scale=2, noise='clean+8bit')
    >>> parse_case("awgn25")
    Case(degradation='', scale=1, noise='awgn25')
    """
    parts = NAMED.get(text, text).split("+")
    count = next((i for i, part in enumerate(parts) if _name(part) not in NAMES), len(parts))
    blurs, rest = parts[:count], parts[count:] or ["clean"]
    noise = "+".join(["clean", *rest] if _name(rest[0]) in STAGES else rest)
    parse_noise(noise)
    degradation = "+".join(blurs)
    return Case(degradation, parse_degradation(degradation).scale if blurs else 1, noise)


def _name(part: str) -> str:
    return part.partition(":")[0]


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


def check_case(case: str, *, degraded: bool = False) -> None:
    """Raise InputError unless there is such a case, of noise alone unless it may be `degraded`."""
    if parse_case(case).degradation and not degraded:
        raise InputError(f"{case!r} is no noise alone; take a suite of restoration for it")


def awgn_level(case: str) -> float | None:
    """Return the level of unclipped Gaussian noise of one standard deviation, else None.

    Examples
    --------
    >>> awgn_level("awgn25"), awgn_level("case1")
    (25.0, None)
    """
    degradation, _, name = parse_case(case)
    noise = parse_noise(name)
    if not degradation and isinstance(noise, Gaussian) and noise.sigma.high is None:
        return noise.sigma.low
    return None


def is_gaussian(case: str) -> bool:
    """Say whether every value of the case's noise is normal and of a known standard deviation.

    Examples
    --------
    >>> is_gaussian("case2"), is_gaussian("poisson30"), is_gaussian("awgn25-8bit")
    (True, False, True)
    """
    degradation, _, noise = parse_case(case)
    return not degradation and parse_noise(noise).normal
