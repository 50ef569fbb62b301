"""Decoders that warn of what is damaged, without their warnings."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

__all__ = ["without_warnings"]

_LOCK = RLock()


@contextmanager
def without_warnings() -> Iterator[None]:
    """Suppress warnings, in one thread at a time.

    What is filtered belongs to the process before Python 3.14: of two threads that set and restore
    it in turns, the second would restore what the first had set.
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
