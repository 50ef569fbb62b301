"""Work that is waited for, one piece after the other in a thread of its own."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

__all__ = ["Cancelled", "Lane", "Work"]


class Cancelled(Exception):
    """Work that is not wanted any more ends with this."""


class Work:
    """A piece of work: a function of itself, which asks now and then whether it is still wanted."""

    def __init__(self, function: Callable[["Work"], Any], *, urgency: int = 0) -> None:
        self._function, self.urgency = function, urgency
        self.future: Future[Any] = Future()
        self._unwanted = threading.Event()

    def cancel(self) -> None:
        """Say that it is not wanted any more."""
        self._unwanted.set()
        self.future.cancel()

    @property
    def cancelled(self) -> bool:
        """Whether it is not wanted any more."""
        return self._unwanted.is_set()

    def check(self) -> None:
        """Raise `Cancelled` where it is not wanted any more."""
        if self.cancelled:
            raise Cancelled

    def run(self) -> None:
        """Do it, unless it was cancelled before."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.check()
            result = self._function(self)
        except BaseException as error:  # whoever waits for it learns of it
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class Lane:
    """A thread that does the work it is given: the most urgent first, then in order.

    Parameters
    ----------
    name
        Of the thread.
    changed
        Called when what is waiting has changed.
    """

    def __init__(self, name: str, changed: Callable[[], None] = lambda: None) -> None:
        self._waiting: list[tuple[int, int, Work]] = []
        self._numbers, self._changed = itertools.count(), changed
        self._condition = threading.Condition()
        self._running: Work | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> Work:
        """Take work in."""
        with self._condition:
            self._waiting.append((-work.urgency, next(self._numbers), work))
            self._waiting.sort(key=lambda entry: entry[:2])
            self._condition.notify_all()
        self._changed()
        return work

    def position(self, work: Work) -> int | None:
        """Return how many pieces of work are done before this one; None where it does not wait."""
        with self._condition:
            waiting = [entry[2] for entry in self._waiting if not entry[2].cancelled]
            if work not in waiting:
                return None
            return waiting.index(work) + (self._running is not None)

    def wait_for_urgent(self, seconds: float) -> None:
        """Wait until there is nothing urgent to do, but no longer than this."""

        def nothing_urgent() -> bool:
            work = [entry[2] for entry in self._waiting]
            work += [self._running] if self._running else []
            return not any(each.urgency for each in work)

        with self._condition:
            self._condition.wait_for(nothing_urgent, seconds)

    def close(self) -> None:
        """Cancel what there is, and end the thread."""
        with self._condition:
            self._closed = True
            for _, _, work in self._waiting:
                work.cancel()
            if self._running:
                self._running.cancel()
            self._condition.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                self._running = self._waiting.pop(0)[2]
            self._changed()
            self._running.run()
            with self._condition:
                self._running = None
                self._condition.notify_all()
            self._changed()
