"""Packages that not everybody has."""

from collections.abc import Iterator
from contextlib import contextmanager

from vdn.errors import MissingExtraError

__all__ = ["missing_extra"]


@contextmanager
def missing_extra(format_: str, extra: str) -> Iterator[None]:
    """Turn a failed import into an error that says what to install.

    Raises
    ------
    MissingExtraError

    Examples
    --------
    >>> with missing_extra("FITS", "astro"):
    ...     import astropie
    Traceback (most recent call last):
    vdn.errors.MissingExtraError: is FITS, which needs a package more: pip install 'vdn[astro]'
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            f"is {format_}, which needs a package more: pip install 'vdn[{extra}]'"
        ) from error
