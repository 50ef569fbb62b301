"""What is not in the base install."""

from collections.abc import Iterator
from contextlib import contextmanager

from vdn.errors import MissingExtraError

__all__ = ["needs_extra"]


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Name the extra to install when an import in the body fails for lack of a package."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "vdn").split(".")[0] == "vdn":
            raise
        raise MissingExtraError(
            f"{error.name} is not installed; install it with: pip install 'vdn[{extra}]'"
        ) from error
