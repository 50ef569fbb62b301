"""``NAME:VALUE,parameter=LOW..HIGH``: how what is done to pictures is written in one line."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, fields
from typing import Any

from vdn.errors import InputError
from vdn.noise.models import Span

__all__ = ["read_step", "written"]


def read_step(
    part: str,
    text: str,
    known: Mapping[str, Callable[..., Any]],
    *,
    kind: str,
    grammar: str,
    positive: Collection[str] = (),
) -> Any:
    """Return what one part of a text names, made from its values.

    Parameters
    ----------
    part, text : str
        The part, and the whole text for messages.
    known : mapping
        Name to what makes it, a dataclass whose fields are spans, or a function of nothing.
    kind : str
        What a text stands for, in one word.
    grammar : str
        What is known, in one line.
    positive : collection of str
        Parameters that are not 0.

    Raises
    ------
    InputError
        When it is not known, or its values make no sense.
    """
    name, colon, values = part.partition(":")
    if name not in known:
        raise InputError(f"{kind} {text!r} is not known; known are {grammar}")
    make = known[name]
    takes = {field.name: field.default is MISSING for field in _parameters(make)}
    given: dict[str, Span] = {}
    for word in values.split(",") if colon else ():
        key, equals, value = word.rpartition("=")
        key = key if equals else next((k for k in takes if k not in given), "")
        if key not in takes or key in given:
            wanted = f"the values {', '.join(takes)}" if takes else "no value"
            raise InputError(f"{kind} {text!r} has {word!r} too much; {name} takes {wanted}")
        given[key] = _span(value, key, f"{kind} {text!r}", positive)
    missing = [key for key, needed in takes.items() if needed and key not in given]
    if missing:
        raise InputError(
            f"{kind} {text!r} lacks its {missing[0]}; write {written(name, make)}, each a number "
            "or LOW..HIGH"
        )
    try:
        return make(**given)
    except InputError as error:
        raise InputError(f"{kind} {text!r}: {error}") from error


def written(name: str, make: Any) -> str:
    """Return how a name is written with its values.

    Examples
    --------
    >>> from vdn.noise.models import Poisson
    >>> written("poisson", Poisson)
    'poisson:PHOTONS[,READ]'
    """
    parameters = _parameters(make)
    needed = [field.name.upper() for field in parameters if field.default is MISSING]
    others = [field.name.upper() for field in parameters if field.default is not MISSING]
    text = f"{name}:{','.join(needed)}" if needed else name
    for other in others:
        text += f"[{',' if needed else ':'}{other}]"
    return text


def _parameters(make: Any) -> tuple[Any, ...]:
    return fields(make) if isinstance(make, type) else ()


def _span(value: str, key: str, where: str, positive: Collection[str]) -> Span:
    """Return the value of a parameter."""
    low, dots, high = value.partition("..")
    try:
        span = Span(float(low), float(high) if dots else None)
    except ValueError:
        span = Span(math.nan)
    ends = [span.low] if span.high is None else [span.low, span.high]
    if not all(math.isfinite(end) and end >= 0 for end in ends) or ends != sorted(ends):
        raise InputError(f"{where}: {key} is {value!r}; give a number of 0 or more, or LOW..HIGH")
    if key in positive and span.low == 0:
        raise InputError(f"{where}: {key} is {value!r}; give more than 0")
    return span
