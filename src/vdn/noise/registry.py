"""Noise by name: the one grammar for training, simulation and evaluation.

``NAME``, ``NAME:VALUE``, ``NAME:VALUE,VALUE`` or ``NAME:parameter=VALUE``. A value is a number, or
``LOW..HIGH``, between which every image draws its own. Standard deviations are in 255ths of white.

================== ===============================================================================
``clean``          none
``gaussian``       ``sigma``: white and Gaussian
``bump``           ``sigma`` (0..75): white and Gaussian with one of the paper's random maps
``case1``          the paper's test map *peaks*; ``case2``: *sincos*; ``case3``: *mixture*
``gradient``       white and Gaussian, from 5 at the left to 60 at the right
``poisson``        ``photons`` at white, ``read`` (0): counted photons and read-out
``photons``        ``sigma`` at white: photons and read-out in any proportion
``correlated``     ``sigma``, ``blur`` (1): Gaussian noise smoothed by so many pixels
``camera``         a random camera, 8 bits; ``level`` in mid grey, log-uniform
``common``         ``sigma``: white and Gaussian, the same in all channels
``per_channel``    ``sigma``: white and Gaussian, of another level in every channel
``speckle``        ``sigma`` at white: multiplicative
``grain``          ``sigma``, ``memory`` (0.1..0.7), ``colour`` (0..0.5): film, by luma
``resized``        ``sigma``, ``factor`` (0.5..2): of another resolution
``rows``           ``sigma``: one value for each row
``hot``            ``share`` of a thousand pixels, too bright
``file.py:name``   a function ``(clean, generator) -> (noisy, sigma)`` of one's own
================== ===============================================================================

``A+B`` is one noise on another; ``+jpeg:QUALITY[,SHIFT]`` compresses, its first whole block so many
pixels from the corner, or anywhere; ``+8bit`` clips and rounds, and so does ``-8bit`` at the end.
``awgn25``, ``poisson30`` and ``correlated25`` are the names that tables have for ``gaussian:25``,
``poisson:30,2`` and ``correlated:25``.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from vdn.noise.chain import Chain, Compressed, EightBit, Stage
from vdn.noise.fields import TEST_MAPS
from vdn.noise.grammar import read_step, written
from vdn.noise.models import (
    Bump,
    CameraNoise,
    Clean,
    Correlated,
    Gaussian,
    Map,
    NoiseModel,
    OwnFunction,
    Photons,
    Poisson,
    Span,
)
from vdn.noise.structured import (
    Common,
    Grain,
    HotPixels,
    PerChannel,
    Resized,
    Rows,
    Speckle,
)
from vdn.own_function import load_function

__all__ = ["GRAMMAR", "NOISE", "STAGES", "loudest", "parse_noise"]

_GRADIENT = 5 / 255, 60 / 255


def _gradient(shape: tuple[int, int]) -> np.ndarray:
    return np.tile(np.linspace(*_GRADIENT, shape[1], dtype=np.float32), (shape[0], 1))


NOISE: Mapping[str, Callable[..., NoiseModel]] = MappingProxyType(
    {
        "clean": Clean,
        "gaussian": Gaussian,
        "bump": Bump,
        **{name: lambda field=field: Map(field) for name, field in TEST_MAPS.items()},
        "gradient": lambda: Map(_gradient),
        "poisson": Poisson,
        "photons": Photons,
        "correlated": Correlated,
        "camera": CameraNoise,
        "common": Common,
        "per_channel": PerChannel,
        "speckle": Speckle,
        "grain": Grain,
        "resized": Resized,
        "rows": Rows,
        "hot": HotPixels,
    }
)
"""Name to what makes the model, given a `Span` for each of its parameters."""

STAGES: Mapping[str, Callable[..., Stage]] = MappingProxyType(
    {"jpeg": Compressed, "8bit": EightBit}
)
"""What can be done to a noisy image, by name."""

_TABLE_NAMES = {"awgn": "gaussian:{}", "poisson": "poisson:{},2", "correlated": "correlated:{}"}
_TABLE_NAME = re.compile(rf"({'|'.join(_TABLE_NAMES)})([1-9]\d*)")
_POSITIVE = ("photons", "factor", "quality", "level")
_EIGHT_BIT = re.compile(r"-8bit(?=\+|$)")


def parse_noise(text: str) -> NoiseModel:
    """Return the noise model of a name, as the head of this module describes it.

    Raises
    ------
    InputError
        When there is none, or its values make no sense.
    FileError
        When a file of one's own cannot be loaded or has no such function.

    Examples
    --------
    >>> parse_noise("gaussian:5..25")
    Gaussian(sigma=Span(low=5.0, high=25.0))
    >>> parse_noise("poisson30") == parse_noise("poisson:photons=30,read=2")
    True
    """
    parts = _EIGHT_BIT.sub("+8bit", text).split("+")
    if len(parts) == 1:
        found: NoiseModel = _step(text, text, NOISE)
        return found
    steps = [_step(part, text, {**NOISE, **STAGES}) for part in parts]
    return Chain((Clean(), *steps) if isinstance(steps[0], Stage) else tuple(steps))


def _step(part: str, text: str, known: Mapping[str, Callable[..., Any]]) -> Any:
    """Return what one part of a text names: a noise, or a stage."""
    path, colon, function = part.rpartition(":")
    if colon and path.endswith(".py"):
        return OwnFunction(Path(path), load_function(path, function))
    if table := _TABLE_NAME.fullmatch(part):
        part = _TABLE_NAMES[table[1]].format(table[2])
    return read_step(part, text, known, kind="noise", grammar=GRAMMAR, positive=_POSITIVE)


def loudest(noises: Iterable[str]) -> float:
    """Return the largest standard deviation that noises ask for, in 255ths of white.

    That of maps whose size is drawn; the paper's 80 if no noise says one.

    Examples
    --------
    >>> loudest(["gaussian:0..50", "camera"]), loudest(["bump"])
    (50.0, 80.0)
    """
    return max((_largest(parse_noise(name)) for name in noises), default=0.0) or 80.0


def _largest(model: Any) -> float:
    if isinstance(model, Chain):
        return math.hypot(*map(_largest, model.steps))
    span = getattr(model, "sigma", Span(0))
    margin = 5.0 if isinstance(model, Bump) else 0.0
    return (span.low if span.high is None else span.high) + margin


GRAMMAR = ", ".join(
    [
        *(written(name, make) for name, make in NOISE.items()),
        "file.py:function",
        *(f"NOISE+{written(name, make)}" for name, make in STAGES.items()),
    ]
)
"""The names with their values, in one line, for messages and help."""
