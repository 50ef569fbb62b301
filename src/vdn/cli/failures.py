"""What goes wrong becomes one line on standard error."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from vdn.errors import MissingExtraError, VdnError

__all__ = ["needs_extra", "one_line", "report", "usage_errors"]


def one_line(error: Exception, path: Path | None = None) -> str:
    """Say in one line what went wrong, and with which file."""
    text = " ".join(str(error).split())
    if not isinstance(error, VdnError):
        text = f"unexpected {type(error).__name__}: {text} (--debug shows where)"
    return text if path is None or text.startswith(str(path)) else f"{path}: {text}"


@contextmanager
def report(debug: bool) -> Iterator[None]:
    """End the program with status 1 and one line when the body fails."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        if debug:
            traceback.print_exc()
        typer.echo(f"vdn: {one_line(error)}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def usage_errors(option: str) -> Iterator[None]:
    """Turn what is refused in the body into wrong usage of an option, status 2."""
    try:
        yield
    except VdnError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


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
