"""One progress bar over all files: how far, how fast, how long still."""

import sys
import time
from collections.abc import Iterable
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from vdn.cli.failures import shown
from vdn.cli.inputs import Input

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

__all__ = ["Progress"]

_PATIENCE = 1.0  # seconds; what is done by then needs no bar


class Progress:
    """The bar, on standard error; measured in bytes of the files, which are known beforehand.

    It appears when the work has lasted a second. Its methods may be called from any thread.

    Parameters
    ----------
    hidden
        Whether to draw nothing.
    """

    def __init__(self, hidden: bool) -> None:
        self._hidden = hidden
        self._bar: Bar | None = None
        self._lock = Lock()
        self._total, self._count = 0.0, 0
        self._files, self._name = 0, ""
        self._finished = 0.0  # weight of the files that are through
        self._completed = 0.0  # that, and of what is done of the present one
        self._pixels = self._done = 0.0
        self._weight = 0.0
        self._start = time.perf_counter()

    @property
    def megapixels(self) -> float:
        """What has been done, in millions of pixels."""
        return self._done / 1e6

    @property
    def seconds(self) -> float:
        """Time since the beginning."""
        return time.perf_counter() - self._start

    @property
    def line(self) -> str:
        """How far it is, how fast, and how long still, in words."""
        with self._lock:
            share = self._completed / self._total if self._total else 0.0
            left = f", {self.seconds * (1 / share - 1) / 60:.0f} min left" if share else ""
            rate = f", {self.megapixels / self.seconds:.3g} Mpx/s" if self._done else ""
            return f"{self._files} of {self._count} files{rate}{left}"

    def expect(self, inputs: Iterable[Input]) -> None:
        """Tell which files there are; may be called again with more."""
        for entry in inputs:
            with self._lock:
                self._total += _weight(entry)
                self._count += 1

    def begin(self, entry: Input, pixels: int) -> None:
        """Tell which file comes now."""
        with self._lock:
            self._pixels, self._weight = pixels, _weight(entry)
            self._name = _short(shown(entry.path.name))
            self._draw()

    def advance(self, share: float) -> None:
        """Tell that a further share of the file is done."""
        with self._lock:
            self._done += share * self._pixels
            self._completed += share * self._weight
            self._draw()

    def finish(self, entry: Input) -> None:
        """Tell that a file is through, whatever came of it."""
        with self._lock:
            self._files += 1
            self._finished += _weight(entry)
            self._completed = max(self._completed, self._finished)
            self._draw()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _draw(self) -> None:
        if self._hidden or (self._bar is None and self.seconds < _PATIENCE):
            return
        if self._bar is None:
            self._bar = _bar()
            self._bar.add_task("", files=0, count=0, rate="")
            self._bar.start()
        self._bar.update(
            self._bar.task_ids[0],
            description=self._name,
            total=self._total,
            completed=self._completed,
            count=self._count,
            files=self._files,
            rate=f"{self.megapixels / self.seconds:.2f} Mpx/s" if self._done else "",
        )


def _bar() -> "Bar":
    """Return an empty bar; what draws it takes longer to load than a small picture to denoise."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[files]}/{task.fields[count]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )


def _weight(entry: Input) -> float:
    return max(entry.size, 1)


def _short(name: str, length: int = 32) -> str:
    """Return a name that leaves room for the bar."""
    return name if len(name) <= length else f"{name[: length - 9]}…{name[-8:]}"
