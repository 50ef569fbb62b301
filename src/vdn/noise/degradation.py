"""Degradations by name: what is done to a clean picture before the noise.

Written like noise (`vdn.noise.registry`): ``NAME:VALUE``, joined by ``+``; a value is a number or
``LOW..HIGH``, between which every picture draws its own. Lengths are in pixels of the clean one.

===================== ============================================================================
``identity``          nothing
``gaussian_blur``     ``sigma``: a Gaussian
``anisotropic_blur``  ``sigma``, ``across`` (like ``sigma``), ``angle`` (0..180): a Gaussian of two
                      widths, turned by so many degrees
``defocus``           ``diameter``: an even disc
``motion``            ``length``, ``angle`` (0..180): a straight line
``bicubic``           ``factor``: reduced so many times with anti-aliasing, as MATLAB's ``imresize``
``direct``            ``factor``: every n-th pixel, from the first
===================== ============================================================================

Blurs come first, one after the other, then at most one reduction, by a whole number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from vdn.errors import InputError
from vdn.noise.arrays import Generator
from vdn.noise.blur import (
    AnisotropicBlur,
    Blur,
    BlurChain,
    Defocus,
    GaussianBlur,
    Identity,
    Kernels,
    Motion,
)
from vdn.noise.grammar import read_step, written
from vdn.noise.models import Span
from vdn.resampling import DOWNSAMPLING

__all__ = ["BLURS", "GRAMMAR", "NAMES", "Degradation", "parse_degradation"]

_LARGEST = 8  # factor


@dataclass(frozen=True)
class Degradation:
    """A random blur, and then a reduction.

    Attributes
    ----------
    blur : Blur
        What draws the kernels.
    reduction : str
        Which, of `vdn.resampling.DOWNSAMPLING`; empty for none.
    scale : int
        How many times smaller the picture becomes.
    """

    blur: Blur
    reduction: str = ""
    scale: int = 1

    @property
    def taps(self) -> np.ndarray:
        """The weights of the reduction along each axis."""
        return DOWNSAMPLING[self.reduction](self.scale) if self.reduction else np.ones(1)

    def draw(self, count: int, generator: Generator) -> Kernels:
        """Draw blur kernels of sum 1, (N, K, K), and their covariances, (N, 2, 2)."""
        return self.blur(count, generator)


@dataclass(frozen=True)
class _Bicubic:
    """The factor of a reduction; the name is that in the registry."""

    factor: Span
    reduction = "bicubic"

    def __post_init__(self) -> None:
        if self.factor.high is not None or self.factor.low not in range(1, _LARGEST + 1):
            raise InputError(f"factor is not a whole number from 1 to {_LARGEST}")


@dataclass(frozen=True)
class _Direct(_Bicubic):
    reduction = "direct"


BLURS: Mapping[str, Callable[..., Blur]] = MappingProxyType(
    {
        "identity": Identity,
        "gaussian_blur": GaussianBlur,
        "anisotropic_blur": AnisotropicBlur,
        "defocus": Defocus,
        "motion": Motion,
    }
)
"""Name to what draws the kernels, given a `Span` for each of its parameters."""

_REDUCTIONS: Mapping[str, Callable[..., Any]] = {"bicubic": _Bicubic, "direct": _Direct}
_POSITIVE = ("diameter", "length", "factor")
NAMES = (*BLURS, *_REDUCTIONS)
"""What the steps of a degradation may be."""


def parse_degradation(text: str) -> Degradation:
    """Return the degradation of a name, as the head of this module describes it.

    Raises
    ------
    InputError
        When there is none, or its values make no sense.

    Examples
    --------
    >>> parse_degradation("gaussian_blur:0.2..2+bicubic:2").scale
    2
    """
    steps = [_step(part, text) for part in text.split("+")]
    *blurs, last = steps
    reduction, scale = "", 1
    if isinstance(last, _Bicubic):
        reduction, scale = last.reduction, int(last.factor.low)
    else:
        blurs.append(last)
    if any(isinstance(step, _Bicubic) for step in blurs):
        raise InputError(
            f"degradation {text!r} goes on after a reduction, which has to be the last"
        )
    if len(blurs) < 2:
        return Degradation(blurs[0] if blurs else Identity(), reduction, scale)
    return Degradation(BlurChain(tuple(blurs)), reduction, scale)


def _step(part: str, text: str) -> Any:
    known = {**BLURS, **_REDUCTIONS}
    return read_step(part, text, known, kind="degradation", grammar=GRAMMAR, positive=_POSITIVE)


GRAMMAR = ", ".join(
    [
        *(written(name, make) for name, make in BLURS.items()),
        *(f"BLUR+{written(name, make)}" for name, make in _REDUCTIONS.items()),
    ]
)
"""The names with their values, in one line, for messages."""
