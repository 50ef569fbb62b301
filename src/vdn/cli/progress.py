"""One progress bar over all files: how far, how fast, how long still."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType

from vdn.cli.failures import shown
from vdn.cli.inputs import Input

__all__ = ["Progress"]


class Progress:
    """The bar, on standard error; measured in bytes of the files, which are known beforehand.

    Parameters
    ----------
    inputs
        The files.
    hidden
        Whether to draw nothing.
    """

    def __init__(self, inputs: Sequence[Input], hidden: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[files]}/{task.fields[count]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            disable=hidden,
        )
        total = sum(_weight(entry) for entry in inputs)
        self._task = self._bar.add_task("", total=total, files=0, count=len(inputs), rate="")
        self._files = 0
        self._finished = 0.0  # weight of the files that are through
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

    def begin(self, entry: Input, pixels: int) -> None:
        """Tell which file comes now."""
        self._pixels, self._weight = pixels, _weight(entry)
        self._bar.update(self._task, description=_short(shown(entry.path.name)))

    def advance(self, share: float) -> None:
        """Tell that a further share of the file is done."""
        self._done += share * self._pixels
        rate = f"{self.megapixels / self.seconds:.2f} Mpx/s"
        self._bar.update(self._task, advance=share * self._weight, rate=rate)

    def finish(self, entry: Input) -> None:
        """Tell that a file is through, whatever came of it."""
        self._files += 1
        self._finished += _weight(entry)
        behind = self._bar.tasks[0].completed < self._finished
        completed = self._finished if behind else None
        self._bar.update(self._task, files=self._files, completed=completed)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()


def _weight(entry: Input) -> float:
    return max(entry.size, 1)


def _short(name: str, length: int = 32) -> str:
    """Return a name that leaves room for the bar; rich would take brackets for markup."""
    from rich.markup import escape

    return escape(name if len(name) <= length else f"{name[: length - 9]}…{name[-8:]}")
