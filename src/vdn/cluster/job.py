"""A file to denoise, and what came of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vdn.errors import InputError
from vdn.storage import Location, location

if TYPE_CHECKING:
    from vdn.streaming import Report

__all__ = ["Done", "Job", "Status"]

Status = Literal["done", "failed", "skipped", "passed over"]


@dataclass(frozen=True)
class Job:
    """A picture and the files to make of it: paths, or addresses such as `s3://bucket/a.png`.

    Attributes
    ----------
    source
        The picture.
    image, noise_map, uncertainty
        What to make, as in `Denoiser.file`; None where one is not wanted.
    size
        Bytes of the picture, 0 where nobody knows: by them files are put together.
    named
        Whether a source that is no picture is an error, and not passed over.

    Examples
    --------
    >>> str(Job("s3://bucket/a.png", "clean/a.png").source)
    's3://bucket/a.png'
    """

    source: Location | str
    image: Location | str | None = None
    noise_map: Location | str | None = None
    uncertainty: Location | str | None = None
    size: int = 0
    named: bool = True

    def __post_init__(self) -> None:
        for name in ("source", "image", "noise_map", "uncertainty"):
            word = getattr(self, name)
            object.__setattr__(self, name, None if word is None else location(word))
        if not self.targets:
            raise InputError(f"{self.source}: nothing is to be made of it; give image or a map")

    @property
    def outputs(self) -> tuple[Location | None, Location | None, Location | None]:
        """The image, the map of the noise and that of the uncertainty; None for no such file."""
        every = (self.image, self.noise_map, self.uncertainty)
        image, noise_map, uncertainty = (None if p is None else location(p) for p in every)
        return image, noise_map, uncertainty

    @property
    def targets(self) -> list[Location]:
        """The files to make."""
        return [path for path in self.outputs if path is not None]

    def absolute(self) -> Job:
        """Return the same with names that do not depend on the folder one is in."""
        source, image, noise_map, uncertainty = (
            Path(os.path.abspath(path)) if isinstance(path, Path) else path
            for path in (self.source, *self.outputs)
        )
        assert source is not None
        return replace(
            self, source=source, image=image, noise_map=noise_map, uncertainty=uncertainty
        )


@dataclass(frozen=True)
class Done:
    """What came of a job.

    Attributes
    ----------
    job
        The job.
    status
        "done", "failed", "skipped" (everything was there, with `skip_existing`) or "passed
        over" (a file found in a folder that is no picture).
    report
        What was done; None unless it was.
    made
        The files that were made, as `Job` has them: with `skip_existing` some may have been there.
    error
        What went wrong, or why nothing was done; None if all went well.
    seconds
        From opening the file until its results were written.
    digest
        SHA-256 of the clean picture as it was written, in hexadecimal; empty without one.
    worker
        The address of the process that did it.
    """

    job: Job
    status: Status
    report: Report | None = None
    made: tuple[Location | None, Location | None, Location | None] = (None, None, None)
    error: Exception | None = None
    seconds: float = 0.0
    digest: str = ""
    worker: str = ""
