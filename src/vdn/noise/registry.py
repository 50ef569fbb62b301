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
``camera``         a random camera, 8 bits
``file.py:name``   a function ``(clean, generator) -> (noisy, sigma)`` of one's own
================== ===============================================================================

``-8bit`` at the end clips and rounds. ``awgn25``, ``poisson30`` and ``correlated25`` are the names
that tables have for ``gaussian:25``, ``poisson:30,2`` and ``correlated:25``.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from vdn.errors import InputError
from vdn.noise.fields import TEST_MAPS
from vdn.noise.models import (
    Bump,
    CameraNoise,
    Clean,
    Correlated,
    EightBit,
    Gaussian,
    Map,
    NoiseModel,
    OwnFunction,
    Photons,
    Poisson,
    Span,
)
from vdn.own_function import load_function

__all__ = ["GRAMMAR", "NOISE", "loudest", "parse_noise"]

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
    }
)
"""Name to what makes the model, given a `Span` for each of its parameters."""

_TABLE_NAMES = {"awgn": "gaussian:{}", "poisson": "poisson:{},2", "correlated": "correlated:{}"}
_TABLE_NAME = re.compile(rf"({'|'.join(_TABLE_NAMES)})([1-9]\d*)")
_POSITIVE = ("photons",)
_EIGHT_BIT = "-8bit"


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
    path, colon, function = text.rpartition(":")
    if colon and path.endswith(".py"):
        return OwnFunction(Path(path), load_function(path, function))
    if text.endswith(_EIGHT_BIT):
        return EightBit(parse_noise(text.removesuffix(_EIGHT_BIT)))
    if table := _TABLE_NAME.fullmatch(text):
        return parse_noise(_TABLE_NAMES[table[1]].format(table[2]))
    name, colon, values = text.partition(":")
    if name not in NOISE:
        raise InputError(f"noise {text!r} is not known; known are {GRAMMAR}")
    make = NOISE[name]
    known = {field.name: field.default is MISSING for field in _parameters(make)}
    given: dict[str, Span] = {}
    for word in values.split(",") if colon else ():
        key, equals, value = word.rpartition("=")
        key = key if equals else next((k for k in known if k not in given), "")
        if key not in known or key in given:
            takes = f"the values {', '.join(known)}" if known else "no value"
            raise InputError(f"noise {text!r} has {word!r} too much; {name} takes {takes}")
        given[key] = _span(value, key, text)
    missing = [key for key, needed in known.items() if needed and key not in given]
    if missing:
        raise InputError(
            f"noise {text!r} lacks its {missing[0]}; write {_written(name)}, each a number or "
            "LOW..HIGH"
        )
    try:
        return make(**given)
    except InputError as error:
        raise InputError(f"noise {text!r}: {error}") from error


def loudest(noises: Iterable[str]) -> float:
    """Return the largest standard deviation that noises ask for, in 255ths of white.

    That of maps whose size is drawn; the paper's 80 if no noise says one.

    Examples
    --------
    >>> loudest(["gaussian:0..50", "camera"]), loudest(["bump"])
    (50.0, 80.0)
    """
    found = [0.0]
    for model in map(parse_noise, noises):
        span = getattr(model, "sigma", Span(0))
        margin = 5.0 if isinstance(model, Bump) else 0.0
        found.append((span.low if span.high is None else span.high) + margin)
    return max(found) or 80.0


def _parameters(make: Any) -> tuple[Any, ...]:
    return fields(make) if isinstance(make, type) else ()


def _span(value: str, key: str, text: str) -> Span:
    """Return the value of a parameter."""
    low, dots, high = value.partition("..")
    try:
        span = Span(float(low), float(high) if dots else None)
    except ValueError:
        span = Span(math.nan)
    ends = [span.low] if span.high is None else [span.low, span.high]
    if not all(math.isfinite(end) and end >= 0 for end in ends) or ends != sorted(ends):
        raise InputError(
            f"noise {text!r}: {key} is {value!r}; give a number of 0 or more, or LOW..HIGH"
        )
    if key in _POSITIVE and span.low == 0:
        raise InputError(f"noise {text!r}: {key} is {value!r}; give more than 0")
    return span


def _written(name: str) -> str:
    """Return how the noise of a name is written."""
    parameters = _parameters(NOISE[name])
    needed = [field.name.upper() for field in parameters if field.default is MISSING]
    others = [field.name.upper() for field in parameters if field.default is not MISSING]
    text = f"{name}:{','.join(needed)}" if needed else name
    for other in others:
        text += f"[{',' if needed else ':'}{other}]"
    return text


GRAMMAR = ", ".join([*map(_written, NOISE), "file.py:function"])
"""The names with their values, in one line, for messages and help."""
