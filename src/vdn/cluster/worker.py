"""What a process of the cluster does with the files it is given."""

from __future__ import annotations

import hashlib
import logging
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING

import dask

from vdn import __version__
from vdn.cluster.job import Done, Job, Status
from vdn.errors import ClusterError, ExistsError, FileError, NoPictureError, VdnError
from vdn.image.atomic import marked, refuse_existing, remove_marked
from vdn.image.recognition import check_found
from vdn.runtime.engine import WORKING_MEMORY, memory_share
from vdn.scale.file_restorer import FileRestorer
from vdn.scale.worker import DenoiserArguments
from vdn.storage import (
    Location,
    ObjectPath,
    delete,
    exists,
    is_finished,
    open_object,
    read_start,
    store,
)

if TYPE_CHECKING:
    from vdn.image import Picture
    from vdn.streaming import IOThreads, Report, Settings

__all__ = ["Batch", "remove_leftovers", "restore_batch", "stop"]

_Outputs = tuple[Location | None, Location | None, Location | None]

_busy = Lock()  # one batch at a time a process: it has all the threads
_stopped: set[str] = set()


@dataclass(frozen=True)
class Batch:
    """Files for one process.

    Attributes
    ----------
    run, name
        The run it belongs to, and its own name; both unlike any other.
    jobs
        The files.
    arguments, settings
        How to restore them.
    skip_existing
        Whether only what does not exist yet is made.
    version
        That of `vdn` where the run was begun.
    earlier
        The name of the batch these files were in when its process was killed.
    """

    run: str
    name: str
    jobs: tuple[Job, ...]
    arguments: DenoiserArguments
    settings: Settings
    skip_existing: bool
    version: str
    earlier: str = ""


class _Stopped(BaseException):
    """The user wants no more."""


def stop(run: str) -> None:
    """Let the batches of a run that are under way in this process end, and no other begin."""
    _stopped.add(run)


def restore_batch(batch: Batch) -> list[Done]:
    """Restore files one after the other, the next being read and the last written meanwhile.

    Returns what came of each, in their order; errors of a file are part of that.

    Raises
    ------
    ClusterError
        When another version of `vdn` is installed here.
    """
    from distributed import get_worker

    from vdn.streaming import run_jobs

    if batch.version != __version__:
        raise ClusterError(
            f"the workers have vdn {__version__}, and this is {batch.version}: the results would "
            "not be the same; install one version everywhere"
        )
    worker = get_worker()
    with _busy, TemporaryDirectory(prefix="vdn-", dir=worker.local_directory) as scratch:
        limit = worker.memory_manager.memory_limit
        share = limit / 4e6 if limit else memory_share()
        arguments = batch.arguments._replace(
            threads=batch.arguments.threads or worker.state.nthreads,
            max_memory=batch.arguments.max_memory or (share if share < WORKING_MEMORY else None),
        )
        files = _Files(
            batch,
            _restorer(arguments),
            int(1e6 * (arguments.max_memory or share)),
            Path(scratch),
            worker.address,
            again=_was_begun(batch.name) or bool(batch.earlier),
        )
        if files.again:
            remove_leftovers(batch)
        # Blocks of a Zarr are no tasks of the cluster: all threads of its workers may be waiting.
        blocks = dask.config.set(scheduler="threads", num_workers=arguments.threads)
        with blocks, marked(batch.name), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.getLogger("tifffile").setLevel(logging.CRITICAL)
            with suppress(_Stopped):
                run_jobs(batch.jobs, files.open, files.work, files.finished)
    return files.done


def remove_leftovers(batch: Batch) -> None:
    """Remove what processes that were killed with a batch have left half-made."""
    for folder in {each.parent for job in batch.jobs for each in job.targets}:
        for name in filter(None, (batch.name, batch.earlier)):
            if isinstance(folder, Path):
                remove_marked(name, folder)


def _was_begun(name: str) -> bool:
    """Say whether a batch has been begun before, and note that it is now."""
    from distributed import Event

    event = Event(name)
    begun = event.is_set()
    if not begun:
        event.set()
    return bool(begun)


@lru_cache(maxsize=1)
def _restorer(arguments: DenoiserArguments) -> FileRestorer:
    return FileRestorer.of(arguments)


class _Files:
    """The files of a batch on their way.

    Parameters
    ----------
    batch, restorer
        The batch, and what does it.
    max_bytes
        Of what has to be decoded in one piece.
    scratch
        A folder for what goes to object storage.
    address
        That of the process.
    again
        Whether the batch has been begun before: its files that are there by now are its own.
    """

    def __init__(
        self,
        batch: Batch,
        restorer: FileRestorer,
        max_bytes: int,
        scratch: Path,
        address: str,
        again: bool,
    ) -> None:
        self._batch, self._restorer, self._max_bytes = batch, restorer, max_bytes
        self._scratch, self._address, self.again = scratch, address, again
        self._begun: dict[Job, float] = {}
        self._count = 0
        self.done: list[Done] = []

    def open(self, job: Job) -> Picture:
        """Open the picture of a job."""
        from vdn.image import open_picture

        if self._batch.run in _stopped:
            raise _Stopped
        source = job.source
        if isinstance(source, Path):
            if not job.named:
                check_found(source)
            return open_picture(source, max_bytes=self._max_bytes)
        assert isinstance(source, ObjectPath)
        if not job.named:
            check_found(Path(source.name), read_start(source))
        with open_object(source) as stream:
            return open_picture(stream, name=str(source), max_bytes=self._max_bytes)

    def work(
        self, job: Job, picture: Picture, io_threads: IOThreads, all_read: Callable[[], None]
    ) -> Callable[[], tuple[_Outputs, Report, str]]:
        """Restore it; return what is left to do in the writing thread."""
        from vdn.streaming import Targets

        self._begun[job] = time.perf_counter()
        wanted = self._wanted(job)
        overwrite = self._batch.settings.overwrite or self.again
        self._count += 1
        files = [self._local(target, overwrite) for target in wanted]

        def advance(share: float) -> None:
            if self._batch.run in _stopped:
                raise _Stopped

        complete = self._restorer.begin(
            picture,
            Targets(*files),
            replace(self._batch.settings, overwrite=overwrite),
            io_threads,
            advance=advance,
            all_read=all_read,
        )

        def finish() -> tuple[_Outputs, Report, str]:
            report = complete()
            image = files[0]
            digest = "" if image is None or image.is_dir() else _digest(image)
            _upload(wanted, files)
            return wanted, report, digest

        return finish

    def finished(self, job: Job, result: tuple[_Outputs, Report, str] | Exception) -> None:
        """Note what came of it."""
        seconds = time.perf_counter() - self._begun.pop(job, time.perf_counter())
        if isinstance(result, Exception):
            status: Status = "failed"
            if isinstance(result, NoPictureError):
                status = "passed over"
            elif isinstance(result, ExistsError) and self._batch.skip_existing:
                status = "skipped"
            done = Done(job, status, error=_portable(result, job), seconds=seconds)
        else:
            wanted, report, digest = result
            done = Done(job, "done", report, wanted, seconds=seconds, digest=digest)
        self.done.append(replace(done, worker=self._address))

    def _wanted(self, job: Job) -> _Outputs:
        """Return those of the outputs of a job that are to be made."""
        if not self._batch.skip_existing or self.again:
            return job.outputs
        image, noise_map, uncertainty = (
            None if path is None or is_finished(path) else path for path in job.outputs
        )
        if image is noise_map is uncertainty is None:
            raise ExistsError(f"{job.source}: has been done meanwhile")
        return image, noise_map, uncertainty

    def _local(self, target: Location | None, overwrite: bool) -> Path | None:
        """Return the file to write for an output: itself, or what is to be copied there."""
        if target is None:
            return None
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
            return target
        if not overwrite and exists(target):
            refuse_existing(target)
        folder = self._scratch / str(self._count)
        folder.mkdir(exist_ok=True)
        return folder / target.name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _upload(outputs: _Outputs, files: Sequence[Path | None]) -> None:
    """Copy what was made for object storage there, the picture last; all of it, or nothing."""
    stored: list[ObjectPath] = []
    try:
        for target, file in reversed(list(zip(outputs, files, strict=True))):
            if isinstance(target, ObjectPath) and file is not None:
                store(file, target)
                stored.append(target)
                file.unlink()
    except FileError:
        for target in stored:
            with suppress(FileError):
                delete(target)
        raise


def _portable(error: Exception, job: Job) -> Exception:
    """Return an error as it can be sent, with its traceback as a note."""
    told: Exception = error
    if isinstance(job.source, ObjectPath):  # whose name a path would shorten
        short, whole = str(Path(str(job.source))), str(job.source)
        if isinstance(error, VdnError) and short in str(error):
            told = type(error)(str(error).replace(short, whole))
    if not isinstance(error, VdnError | OSError | MemoryError):
        told = VdnError(f"{job.source}: unexpected {type(error).__name__}: {error}")
    told.add_note("".join(traceback.format_exception(error)))
    return told.with_traceback(None)
