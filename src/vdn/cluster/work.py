"""What is done to one file, on one machine or on many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vdn.errors import VdnError

if TYPE_CHECKING:
    from vdn.image import Picture
    from vdn.models import Models
    from vdn.scale.worker import DenoiserArguments
    from vdn.streaming import IOThreads, Report, Settings, Targets

__all__ = ["NoPictureError", "Restorer", "check_found"]


class NoPictureError(VdnError):
    """A file found in a folder, of no format there is."""


def check_found(path: Path, start: bytes | None = None) -> None:
    """Raise `NoPictureError` for a file that neither its name nor its first bytes call a picture.

    `start` are those bytes, where the file is not on a disk.
    """
    from vdn.image import recognise
    from vdn.image.formats import FORMATS
    from vdn.image.recognition import recognise_start

    if any(path.suffix.lower() in known.suffixes for known in FORMATS):
        return
    if not (recognise(path) if start is None else recognise_start(start, path)):
        raise NoPictureError(f"{path}: is not a picture")


@dataclass(frozen=True)
class Restorer:
    """The models of a process, and what makes them anew for the blocks of a Zarr.

    Attributes
    ----------
    arguments, models
        The arguments, and the models made of them.
    """

    arguments: DenoiserArguments
    models: Models

    @classmethod
    def of(cls, arguments: DenoiserArguments) -> Restorer:
        """Make the models."""
        from vdn.models import Models

        return cls(arguments, Models(*arguments))

    def begin(
        self,
        picture: Picture,
        targets: Targets,
        settings: Settings,
        io_threads: IOThreads,
        *,
        advance: Callable[[float], None] = lambda share: None,
        all_read: Callable[[], None] = lambda: None,
    ) -> Callable[[], Report]:
        """Denoise an open picture, as `vdn.streaming.denoise_picture` does, or a Zarr.

        Parameters, errors and what is returned are those of that function.
        """
        paths = targets.paths
        if picture.format == "zarr" and paths and paths[0].suffix == ".zarr":
            report = self._store(picture, targets, settings, advance)
            all_read()
            return lambda: report
        from vdn.streaming import denoise_picture

        return denoise_picture(
            self.models, picture, targets, settings, io_threads, advance=advance, all_read=all_read
        )

    def _store(
        self,
        picture: Picture,
        targets: Targets,
        settings: Settings,
        advance: Callable[[float], None],
    ) -> Report:
        from vdn.scale.files import Stores, denoise_store
        from vdn.streaming import Report

        image = targets.image if isinstance(targets.image, Path) else None
        done = denoise_store(
            picture.path,
            Stores(image, targets.noise_map, targets.uncertainty),
            self.arguments,
            strength=settings.strength,
            noise_sigma=settings.noise_sigma,
            provenance=settings.provenance,
            overwrite=settings.overwrite,
            advance=advance,
        )
        height, width = done.shape[-2:]
        return Report(
            ", ".join(done.models),
            width,
            height,
            len(picture.frames),
            sum(frame.shape[0] * frame.shape[1] for frame in picture.frames),
            done.noise_sigma,
            settings.noise_sigma is not None,
            "; ".join(done.reasons),
        )
