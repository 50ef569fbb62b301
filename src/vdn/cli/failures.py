"""What goes wrong becomes one line on standard error."""

import os
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

import click

from vdn.errors import VdnError

__all__ = ["one_line", "report", "shown", "usage_errors"]


def shown(name: str | PurePath) -> str:
    r"""Return a name as it can be printed: line breaks and the like become escapes.

    Examples
    --------
    >>> shown("a\nb.png"), shown("ünï.png")
    ('a\\nb.png', 'ünï.png')
    """
    text = os.fsencode(str(name)).decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def one_line(error: Exception, path: PurePath | None = None) -> str:
    """Say in one line what went wrong, and with which file."""
    text = _text(error)
    if path is not None:
        text = text.replace(str(path), shown(path))
    text = shown(re.sub(r"\s*[\r\n]\s*", " ", text.strip()))
    return text if path is None or text.startswith(shown(path)) else f"{shown(path)}: {text}"


def _text(error: Exception) -> str:
    if isinstance(error, VdnError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        return f"{where}{error.strerror}"
    if isinstance(error, MemoryError):
        return "does not fit into the memory; give less with --max-memory, or cut it into parts"
    return f"unexpected {type(error).__name__}: {error} (--debug shows where)"


@contextmanager
def report(debug: bool) -> Iterator[None]:
    """End the program with status 1 and one line when the body fails."""
    try:
        yield
    except (click.exceptions.Exit, click.Abort, click.BadParameter):
        raise
    except BrokenPipeError:  # whoever read the output wanted no more of it
        raise
    except Exception as error:
        if debug:
            traceback.print_exc()
        click.echo(f"vdn: {one_line(error)}", err=True)
        raise click.exceptions.Exit(1) from error


@contextmanager
def usage_errors(option: str) -> Iterator[None]:
    """Turn what is refused in the body into wrong usage of an option, status 2."""
    try:
        yield
    except VdnError as error:
        raise click.BadParameter(one_line(error), param_hint=option) from error
