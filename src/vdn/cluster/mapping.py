"""Files by the thousand or by the million over the processes of a cluster."""

from __future__ import annotations

import os
import secrets
import time
from asyncio import CancelledError
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from vdn import __version__
from vdn.cluster.connection import connect, restart_missing
from vdn.cluster.job import Done, Job
from vdn.cluster.worker import Batch, remove_leftovers, restore_batch, stop
from vdn.errors import ClusterError, FileError, VdnError
from vdn.scale.worker import DenoiserArguments
from vdn.streaming import Settings

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["map_files"]

_BATCH = 3.0  # seconds that a batch is to take: a thousand times what the scheduler takes for it
_LARGEST = 256  # files in a batch
_AHEAD = 2  # batches a process has or waits for
_LOOK = 1.0  # seconds after which the processes are counted anew
_FAREWELL = 10.0  # seconds for batches under way to end when the user wants no more


def map_files(
    jobs: Iterable[Job],
    cluster: str | Client = "local",
    *,
    model: str | Path = "auto",
    threads: int | None = None,
    max_memory: float | None = None,
    precision: str = "auto",
    device: str = "auto",
    task: str = "denoise",
    scale: int | None = None,
    settings: Settings | None = None,
    skip_existing: bool = False,
) -> Iterator[Done]:
    """Restore files on a Dask cluster, and yield what came of each as soon as it is known.

    Jobs are taken as processes become free, a few seconds of work for each, so there may be any
    number of them. A file that fails stops no other. What a process had in hand when it was killed
    is done again by another; a file whose process is killed time and again is given up.

    Parameters
    ----------
    jobs
        The files. Their paths have to mean the same on every machine.
    cluster
        "local" (a process for every core of this machine), the address of a scheduler or the file
        it wrote, or a `distributed.Client`.
    model, threads, max_memory, precision, device
        As in `vdn.Restorer`, for every process; by default it uses the threads that Dask gives it,
        and a quarter of its memory.
    task, scale
        As in `vdn.Restorer`.
    settings
        How pictures are restored and written.
    skip_existing
        Whether only what does not exist yet is made.

    Yields
    ------
    Done
        For each job, in the order in which they come to an end.

    Raises
    ------
    ClusterError
        When the cluster cannot be reached, is lost, or has another version of `vdn`. What was made
        until then stays; with `skip_existing` another call goes on from there.
    InputError
        As in `vdn.Restorer`.

    Examples
    --------
    >>> from vdn.cluster import Job, map_files
    >>> jobs = (Job(path, f"clean/{path.name}") for path in Path("shoot").glob("*.jpg"))
    >>> for done in map_files(jobs, "tcp://10.0.0.1:8786"):  # doctest: +SKIP
    ...     print(done.job.source, done.error or done.report.noise_sigma)
    """
    arguments = DenoiserArguments(
        model, threads, max_memory, precision, device, weights=None, task=task, scale=scale
    )
    _ = arguments.models
    if os.path.exists(model):
        arguments = arguments._replace(model=os.path.abspath(model))
    settings = settings or Settings()
    if isinstance(settings.noise_sigma, Path):
        settings = replace(settings, noise_sigma=Path(os.path.abspath(settings.noise_sigma)))
    with ExitStack() as stack:
        if isinstance(cluster, str):
            cluster = stack.enter_context(connect(cluster, threads=threads))
        run = _Run(cluster, arguments, settings, skip_existing)
        stack.callback(run.close)
        yield from run.map(jobs)


class _Run:
    """The batches of a call, on their way to a cluster and back."""

    def __init__(
        self, client: Client, arguments: DenoiserArguments, settings: Settings, skip_existing: bool
    ) -> None:
        self._client, self._arguments, self._settings = client, arguments, settings
        self._skip_existing = skip_existing
        self._run, self._count = secrets.token_hex(6), 0
        self._under_way: dict[Future, tuple[Batch, list[Job]]] = {}
        self._ended: SimpleQueue[Future] = SimpleQueue()
        self._waiting: deque[Job] = deque()  # read, and not in a batch yet
        self._bytes = 0  # of their files
        self._rate = 0.0  # seconds for a byte
        self._room, self._looked = 0, -_LOOK

    def map(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Do jobs; yield what comes of them."""
        coming = iter(jobs)
        while True:
            while len(self._under_way) < (room := self._limit()):
                if not (taken := self._take(coming, room)):
                    break
                self._submit(taken)
            if not self._under_way:
                return
            try:
                future = self._ended.get(timeout=_LOOK)
            except Empty:
                self._check()
                continue
            yield from self._collect(future)

    def close(self) -> None:
        """Let what is under way come to an end; nothing half-made is left."""
        futures = list(self._under_way)
        if not futures or self._client.status != "running":
            return
        with suppress(Exception):  # a cluster that is gone has nothing to stop
            self._client.run(stop, self._run)
            deadline = time.monotonic() + _FAREWELL
            while not all(future.done() for future in futures) and time.monotonic() < deadline:
                time.sleep(0.05)
            self._client.cancel(futures)
            for batch, _ in self._under_way.values():
                self._forget(batch)

    def _take(self, coming: Iterator[Job], room: int) -> list[Job]:
        """Return jobs for one of `room` batches: as many as take the time a batch should.

        Enough are read ahead to fill them all; when no more come, what is left is shared out among
        them, so that all processes end at about the same time.
        """
        full = _BATCH / self._rate if self._rate else 0.0
        while len(self._waiting) < _LARGEST * room and (
            not self._waiting or self._bytes < room * full
        ):
            if (job := next(coming, None)) is None:
                break
            self._waiting.append(job)
            self._bytes += max(job.size, 1)
        share = min(full, self._bytes / room)
        taken: list[Job] = []
        size = 0
        while self._waiting and len(taken) < _LARGEST and (not taken or size < share):
            taken.append(self._waiting.popleft())
            size += max(taken[-1].size, 1)
        self._bytes -= size
        return taken

    def _submit(self, jobs: list[Job], earlier: str = "") -> None:
        self._count += 1
        batch = Batch(
            self._run,
            f"{self._run}-{self._count}",
            tuple(job.absolute() for job in jobs),
            self._arguments,
            self._settings,
            self._skip_existing,
            __version__,
            earlier,
        )
        future = self._client.submit(restore_batch, batch, key=f"vdn-{batch.name}", pure=False)
        self._under_way[future] = batch, jobs
        future.add_done_callback(self._ended.put)

    def _collect(self, future: Future) -> Iterator[Done]:
        """Yield what came of a batch that has ended."""
        from distributed import KilledWorker

        batch, jobs = self._under_way[future]
        try:
            found = future.result(timeout=_LOOK)
        except TimeoutError:  # the process was killed with the result: it is made again
            self._ended.put(future)
            return
        except KilledWorker as error:
            del self._under_way[future]
            yield from self._killed(batch, jobs, error.last_worker.address)
            return
        except VdnError:
            raise
        except (Exception, CancelledError) as error:  # of the cluster, or of the vdn there
            self._check()
            raise ClusterError(
                f"the cluster could not do it ({type(error).__name__}: {error})"
            ) from error
        del self._under_way[future]
        self._forget(batch)
        if len(found) != len(jobs):
            raise ClusterError("the workers were stopped by another call")
        self._learn(found)
        for done, sent, job in zip(found, batch.jobs, jobs, strict=True):
            yield _as_given(done, sent, job)

    def _killed(self, batch: Batch, jobs: list[Job], address: str) -> Iterator[Done]:
        """Do what had to end with one process after the other once more, or give up a file."""
        begun = self._was_begun(batch)
        self._forget(batch)
        if not begun:  # it waited behind what killed
            self._submit(jobs, batch.earlier)
        elif len(jobs) > 1:  # one of them kills; the others shall not suffer for it
            for job in jobs:
                self._submit([job], batch.name)
        else:
            remove_leftovers(batch)
            reason = "every process that worked on it was killed, as when memory runs out"
            failure = FileError(f"{jobs[0].source}: {reason} ({address})")
            yield Done(jobs[0], "failed", error=failure)

    def _was_begun(self, batch: Batch) -> bool:
        from distributed import Event

        return bool(Event(batch.name, client=self._client).is_set())

    def _forget(self, batch: Batch) -> None:
        """Take away the note that a batch was begun."""
        from distributed import Event

        with suppress(Exception):
            Event(batch.name, client=self._client).clear()

    def _learn(self, found: list[Done]) -> None:
        seconds = sum(done.seconds for done in found)
        if any(done.report for done in found):
            rate = seconds / sum(max(done.job.size, 1) for done in found)
            self._rate = rate if not self._rate else 0.7 * self._rate + 0.3 * rate

    def _limit(self) -> int:
        """Return how many batches may be under way."""
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._looked = now
            self._check()
            restart_missing(self._client)
            self._room = _AHEAD * max(len(self._client.nthreads()), 1)
        return self._room

    def _check(self) -> None:
        if self._client.status != "running":
            raise ClusterError(
                "the connection to the scheduler is lost; what was made stays, run the command "
                "again with --skip-existing to go on"
            )


def _as_given(done: Done, sent: Job, job: Job) -> Done:
    """Return what came of a job, with the names the user gave."""
    error = done.error
    if isinstance(error, VdnError):
        text = str(error)
        for before, after in zip(_names(sent), _names(job), strict=True):
            text = text.replace(before, after)
        error.args = (text,)
    image, noise_map, uncertainty = (
        path if made is not None else None
        for path, made in zip(job.outputs, done.made, strict=True)
    )
    return replace(done, job=job, made=(image, noise_map, uncertainty), error=error)


def _names(job: Job) -> list[Any]:
    return [str(job.source), *map(str, job.targets)]
