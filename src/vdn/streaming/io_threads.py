"""Files one after the other: reading ahead and writing behind, in a thread each."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, ExitStack
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from numpy.typing import NDArray

__all__ = ["IOThreads", "Output", "run_jobs", "wait_for"]

_Job = TypeVar("_Job")
_Opened = TypeVar("_Opened", bound="_Closable")
_Result = TypeVar("_Result")

_PATIENCE = 0.5  # seconds


class _Closable(Protocol):
    def close(self) -> None: ...


class _Writer(Protocol):
    @property
    def streams(self) -> bool: ...

    def write_rows(self, index: int, rows: NDArray[Any]) -> None: ...


class _Abandoned(Exception):
    """What an output under way is told when its job has failed."""


def wait_for(future: "Future[_Result]") -> _Result:
    """Return what a future comes to; unlike `Future.result`, signals are heeded meanwhile.

    A thread that waits without limit is not woken by a signal that another thread of the process
    was given, nor on Windows by any.
    """
    while not wait([future], _PATIENCE).done:
        pass
    return future.result()


class _Worker:
    """A thread that does in order what it is given; the end of the program does not wait for it."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[..., _Result], *arguments: Any) -> "Future[_Result]":
        future: Future[_Result] = Future()
        self._calls.put(lambda: _run(future, call, *arguments))
        return future

    def finish(self, wait: bool) -> None:
        self._calls.put(None)
        if wait:
            self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _run(future: "Future[_Result]", call: Callable[..., _Result], *arguments: Any) -> None:
    try:
        future.set_result(call(*arguments))
    except BaseException as error:
        future.set_exception(error)


class IOThreads:
    """A thread that reads and a thread that writes; each does in order what it is given.

    Attributes
    ----------
    under_way
        The outputs of the present job.
    """

    def __init__(self) -> None:
        self._reader = _Worker("vdn-read")
        self._writer = _Worker("vdn-write")
        self.under_way: list[Output] = []

    def read(self, call: Callable[..., _Result], *arguments: Any) -> "Future[_Result]":
        """Have something read, after what was asked for before."""
        return self._reader.submit(call, *arguments)

    def write(self, call: Callable[..., _Result], *arguments: Any) -> "Future[_Result]":
        """Have something written, after what was asked for before."""
        return self._writer.submit(call, *arguments)

    def output(self, writer: AbstractContextManager[_Writer]) -> "Output":
        """Begin a file; `writer` is what `vdn.image.create_picture` returns."""
        self.under_way.append(Output(self, writer))
        return self.under_way[-1]

    def abandon(self) -> None:
        """Leave nothing of the outputs under way."""
        for output in self.under_way:
            self.write(output.drop).exception()
        self.under_way.clear()

    def close(self, opened: _Closable | None) -> None:
        """Have something closed when what was asked for is read."""
        if opened is not None:
            self.read(opened.close)

    def __enter__(self) -> "IOThreads":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish what is finished but for the writing, abandon what is not.

        After an error nobody waits for the reader: it may sit before a pipe or a dead disk.
        """
        if error is not None:
            self.abandon()
        self._writer.finish(wait=True)
        self._reader.finish(wait=error is None)


class Output:
    """A file that is written behind: whole when published, never there when dropped.

    Attributes
    ----------
    streams
        Whether it is encoded as rows come, and not held until the end.
    """

    def __init__(self, io_threads: IOThreads, writer: AbstractContextManager[_Writer]) -> None:
        self._io_threads, self._stack = io_threads, ExitStack()
        self._writer = self._stack.enter_context(writer)
        self.streams = self._writer.streams
        self._last: Future[None] | None = None

    def put(self, index: int, rows: NDArray[Any]) -> None:
        """Have rows of a frame written, when those before them are.

        They must not be changed any more. Raises what went wrong with rows before.
        """
        if self._last is not None:
            wait_for(self._last)
        self._last = self._io_threads.write(self._writer.write_rows, index, rows)

    def finish(self) -> None:
        """Wait until all rows are encoded, or raise what went wrong; in the writing thread."""
        if self._last is not None:
            wait_for(self._last)

    def publish(self) -> None:
        """Let the file appear; in the writing thread."""
        self._stack.close()

    def drop(self) -> None:
        """Leave nothing behind; to be called in the writing thread."""
        self._stack.__exit__(_Abandoned, _Abandoned(), None)


class _Ahead(Generic[_Job, _Opened]):
    """The jobs, the next of which is opened ahead."""

    def __init__(
        self, io_threads: IOThreads, jobs: Iterable[_Job], open_job: Callable[[_Job], _Opened]
    ) -> None:
        self._io_threads, self._jobs, self._open = io_threads, iter(jobs), open_job
        self._next: tuple[_Job, Future[_Opened]] | None = None

    def begin(self) -> None:
        """Have the next job opened, if there is one and it is not under way."""
        if self._next is None:
            for job in self._jobs:
                self._next = job, self._io_threads.read(self._open, job)
                break

    def take(self) -> "tuple[_Job, Future[_Opened]] | None":
        """Return the next job and what becomes of opening it; None after the last.

        What was not begun is opened here and now: a pipe that keeps us waiting can be interrupted.
        """
        taken, self._next = self._next, None
        if taken is not None:
            return taken
        for job in self._jobs:
            future: Future[_Opened] = Future()
            try:
                future.set_result(self._open(job))
            except Exception as error:
                future.set_exception(error)
            return job, future
        return None

    def close(self) -> None:
        """Close what was opened and not taken, now or when it is."""
        if self._next is not None:
            _, future = self._next
            future.add_done_callback(_close_opened)


def _close_opened(future: "Future[Any]") -> None:
    if future.exception() is None:
        future.result().close()


def run_jobs(
    jobs: Iterable[_Job],
    open_job: Callable[[_Job], _Opened],
    work: Callable[[_Job, _Opened, IOThreads, Callable[[], None]], Callable[[], _Result]],
    finished: Callable[[_Job, _Result | Exception], None],
) -> None:
    """Open, work on and finish jobs, each in turn, with neighbours overlapping.

    An exception ends the job it belongs to and no other. On others than `Exception` (the user wants
    it to stop) what is finished stays, the job under way is abandoned, and the exception goes on.

    Parameters
    ----------
    jobs
        The jobs.
    open_job
        Opens what a job needs; called in the reading thread while the job before is worked on.
    work
        Does a job in the calling thread, with the threads at its disposal; calls its last argument
        when it needs nothing more to be read. Returns what is left to do in the writing thread,
        which returns the result.
    finished
        Called with every job and its result, or what went wrong, in order, in the writing thread.
    """
    reported: Future[None] | None = None
    io_threads = IOThreads()
    ahead = _Ahead(io_threads, jobs, open_job)
    try:
        with io_threads:
            while (taken := ahead.take()) is not None:
                job, future = taken
                opened: _Opened | None = None
                complete: Callable[[], _Result] | Exception
                try:
                    opened = wait_for(future)
                    complete = work(job, opened, io_threads, ahead.begin)
                except Exception as error:
                    io_threads.abandon()
                    complete = error
                except BaseException:
                    io_threads.close(opened)
                    raise
                if reported is not None:
                    wait_for(reported)  # what reporting raises is not the job's but the caller's
                reported = io_threads.write(_finish, job, complete, finished)
                io_threads.under_way.clear()
                io_threads.write(io_threads.close, opened)
        if reported is not None:
            wait_for(reported)
    finally:
        ahead.close()


def _finish(
    job: _Job,
    complete: Callable[[], _Result] | Exception,
    finished: Callable[[_Job, _Result | Exception], None],
) -> None:
    outcome: _Result | Exception
    if isinstance(complete, Exception):
        outcome = complete
    else:
        try:
            outcome = complete()
        except Exception as error:
            outcome = error
    finished(job, outcome)
