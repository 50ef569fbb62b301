"""One file into another."""

from collections.abc import Callable
from pathlib import Path

from vdn.image.picture import Picture
from vdn.image.read import open_picture
from vdn.models import Models
from vdn.streaming.io_threads import IOThreads, run_jobs
from vdn.streaming.restore import Report, Settings, Targets, restore_picture

__all__ = ["restore_one_file"]


def restore_one_file(
    models: Models,
    source: Path,
    targets: Targets,
    settings: Settings,
    progress: Callable[[float], None] | None = None,
) -> Report:
    """Restore one file; parameters and errors as in `vdn.Restorer.file`."""
    outcomes: list[Report | Exception] = []
    done = 0.0

    def advance(share: float) -> None:
        nonlocal done
        done += share
        if progress is not None:
            progress(min(done, 1.0))

    def work(
        path: Path, picture: Picture, io_threads: IOThreads, all_read: Callable[[], None]
    ) -> Callable[[], Report]:
        return restore_picture(
            models, picture, targets, settings, io_threads, advance=advance, all_read=all_read
        )

    run_jobs([source], open_picture, work, lambda _, outcome: outcomes.append(outcome))
    (outcome,) = outcomes
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
