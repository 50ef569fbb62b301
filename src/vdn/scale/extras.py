"""What is not in the base install."""

from collections.abc import Iterator
from contextlib import contextmanager

from vdn.errors import MissingExtraError

__all__ = ["needs_scale"]


@contextmanager
def needs_scale() -> Iterator[None]:
    """Name the extra to install when an import in the body fails for lack of a package."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{error.name} is not installed; install it with: pip install 'vdn[scale]'"
        ) from error
