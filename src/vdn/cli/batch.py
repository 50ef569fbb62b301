"""One file after the other: progress, results, failures, exit status."""

import json
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from vdn.cli.failures import one_line

__all__ = ["Outcome", "run_batch"]


@dataclass(frozen=True)
class Outcome:
    """What a command found out about one file: for programs and for people."""

    record: Mapping[str, Any]
    text: str


def run_batch(
    inputs: Sequence[Path],
    work: Callable[[Path], Outcome],
    *,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Do `work` on every input and print its outcome; a failure does not stop the others.

    Raises
    ------
    typer.Exit
        With status 1, at the end, when an input failed.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    hidden = as_json or quiet or debug or not sys.stderr.isatty()
    console = Console(stderr=True)
    progress = Progress(console=console, transient=True, redirect_stdout=False, disable=hidden)
    task = progress.add_task("", total=len(inputs))
    failed = False
    for path in inputs:
        progress.update(task, description=escape(path.name))
        with progress:  # stopped while something is printed
            result = _attempt(work, path, debug)
        progress.advance(task)
        if isinstance(result, str):
            failed = True
            typer.echo(result, err=True)
            if as_json:
                _print_json({"input": str(path), "error": result})
        elif as_json:
            _print_json(result.record)
        elif not quiet:
            typer.echo(result.text)
    if failed:
        raise typer.Exit(1)


def _attempt(work: Callable[[Path], Outcome], path: Path, debug: bool) -> Outcome | str:
    """Return what was found out, or in one line why not."""
    try:
        with warnings.catch_warnings():
            if not debug:  # what decoders mumble about files they read all the same
                warnings.simplefilter("ignore")
                logging.getLogger("tifffile").setLevel(logging.CRITICAL)
            return work(path)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return one_line(error, path)


def _print_json(record: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(record, allow_nan=False))
