"""Many files in one command: opened, worked on and reported, whatever happens to some."""

import json
import logging
import signal
import stat
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from vdn.cli.failures import one_line, shown
from vdn.cli.inputs import STANDARD, Input
from vdn.cli.outputs import Plan
from vdn.cli.progress import Progress
from vdn.errors import ExistsError, NoPictureError

if TYPE_CHECKING:
    from vdn.image import Picture
    from vdn.streaming import IOThreads

__all__ = ["Outcome", "Reporter", "Work", "reporting", "run_batch"]


@dataclass(frozen=True)
class Outcome:
    """What a command found out about one file: for programs (a line each) and for people."""

    records: Sequence[Mapping[str, Any]]
    text: str
    warnings: Sequence[str] = ()


Work = Callable[
    [Plan, "Picture", "IOThreads", Callable[[float], None], Callable[[], None]],
    Callable[[], Outcome],
]
"""Works on an open picture, tells about its progress and when all is read; returns what is left to
do in the writing thread."""


def run_batch(
    plans: Sequence[Plan],
    work: Work,
    *,
    max_memory: float,
    done: str,
    skipped: int = 0,
    skip_existing: bool = False,
    many: bool = False,
    as_json: bool = False,
    quiet: bool = False,
    warn: bool = True,
    debug: bool = False,
) -> None:
    """Work on every picture and print its outcome; a failure does not stop the others.

    Parameters
    ----------
    plans
        The pictures, and what is to be made of them.
    work
        The work.
    max_memory
        What a picture that can only be decoded as a whole may take, in MB.
    done
        What has been done to a picture then: "denoised".
    skipped
        How many there was nothing to do for.
    skip_existing
        Whether outputs that somebody else has made meanwhile are no failure.
    many
        Whether to sum up at the end.
    as_json, quiet, warn, debug
        What to print.

    Raises
    ------
    Exit, SystemExit
        As `reporting`.
    """
    from vdn.streaming import run_jobs

    def open_job(plan: Plan) -> "Picture":
        if plan.problem is not None:
            raise plan.problem
        return _open(plan.input, max_memory)

    def working(
        plan: Plan, picture: "Picture", io_threads: "IOThreads", all_read: Callable[[], None]
    ) -> Callable[[], Outcome]:
        pixels = picture.pixel_count
        report.progress.begin(plan.input, pixels)
        return work(plan, picture, io_threads, report.progress.advance, all_read)

    with reporting(
        done=done, many=many, as_json=as_json, quiet=quiet, warn=warn, debug=debug
    ) as report:
        report.skipped(skipped)
        report.progress.expect(plan.input for plan in plans)
        run_jobs(
            plans,
            open_job,
            working,
            lambda plan, result: report.finished(
                plan, result, skip_existing and isinstance(result, ExistsError)
            ),
        )


class Reporter:
    """Prints what comes of every picture, and counts.

    Parameters
    ----------
    progress
        The bar.
    done
        What is done to a picture: "denoised".
    as_json, quiet, warn, debug
        What to print.
    """

    def __init__(
        self, progress: Progress, done: str, *, as_json: bool, quiet: bool, warn: bool, debug: bool
    ) -> None:
        self.progress, self._done = progress, done
        self._as_json, self._quiet, self._warn, self._debug = as_json, quiet, warn, debug
        self.counts = {done: 0, "failed": 0, "skipped": 0, "passed over": 0}

    def skipped(self, count: int) -> None:
        """Count pictures there was nothing to do for."""
        self.counts["skipped"] += count

    def finished(self, plan: Plan, result: Outcome | Exception, skipped: bool = False) -> None:
        """Tell what came of a picture; `skipped` if that is no failure."""
        self.progress.finish(plan.input)
        if isinstance(result, NoPictureError) or skipped:
            self.counts["skipped" if skipped else "passed over"] += 1
            return
        self.counts["failed" if isinstance(result, Exception) else self._done] += 1
        if isinstance(result, Exception):
            if self._debug:
                traceback.print_exception(result)
            line = one_line(result, plan.input.path)
            click.echo(line, err=True)
            if self._as_json:
                _print_json({"input": str(plan.input.path), "error": line})
            return
        for warning in result.warnings if self._warn else ():
            click.echo(f"vdn: warning: {shown(plan.input.path)}: {warning}", err=True)
        if self._as_json:
            for record in result.records:
                _print_json(record)
        elif not self._quiet:
            click.echo(result.text)


@contextmanager
def reporting(
    *, done: str, many: bool, as_json: bool, quiet: bool, warn: bool, debug: bool
) -> Iterator[Reporter]:
    """Give what reports on pictures in the body, and sum up at its end.

    Parameters
    ----------
    done, many, as_json, quiet, warn, debug
        As in `run_batch`.

    Raises
    ------
    click.exceptions.Exit
        With status 1, at the end, when a picture failed.
    SystemExit
        With 128 and the number of the signal that stopped it.
    """
    hidden = as_json or quiet or debug or not sys.stderr.isatty()
    with _stoppable(), _silent(debug), Progress(hidden) as progress:
        report = Reporter(progress, done, as_json=as_json, quiet=quiet, warn=warn, debug=debug)
        nothing = "stopped before anything was done"
        try:
            yield report
            nothing = "no pictures found"
        finally:
            if many and not (as_json or quiet):
                progress.close()
                click.echo(_summary(report.counts, progress, nothing), err=True)
    if report.counts["failed"]:
        raise click.exceptions.Exit(1)


def _open(entry: Input, max_memory: float) -> "Picture":
    from vdn.image import open_picture
    from vdn.image.recognition import check_found

    max_bytes = int(max_memory * 1e6)
    path = Path(entry.path)
    if path == STANDARD:
        return open_picture(sys.stdin.buffer, max_bytes=max_bytes)
    if not entry.named:
        check_found(path)
    mode = 0 if entry.identity is None else path.stat().st_mode
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        with path.open("rb") as pipe:
            return open_picture(pipe, name=str(path), max_bytes=max_bytes)
    return open_picture(path, max_bytes=max_bytes)


def _summary(counts: Mapping[str, int], progress: Progress, nothing: str) -> str:
    some = [f"{count} {what}" for what, count in counts.items() if count]
    megapixels, seconds = progress.megapixels, progress.seconds
    rate = f"{megapixels:.3g} Mpx in {seconds:.1f} s, {megapixels / seconds:.2g} Mpx/s"
    speed = f"; {rate}" if megapixels else ""
    return f"vdn: {', '.join(some) or nothing}{speed}"


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let signals end the body by `SystemExit`, once: what is being cleaned up is not stopped."""
    numbers = [
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    ]

    def stop(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        yield
        return
    before = {
        number: signal.signal(number, stop)
        for number in numbers
        if signal.getsignal(number) != signal.SIG_IGN  # `nohup`, or a job in the background
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _silent(debug: bool) -> Iterator[None]:
    """Suppress warnings of decoders about files that they read nevertheless."""
    logger = logging.getLogger("tifffile")
    level = logger.level
    with warnings.catch_warnings():
        if not debug:
            warnings.simplefilter("ignore")
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)


def _print_json(record: Mapping[str, Any]) -> None:
    click.echo(json.dumps(record, allow_nan=False))
