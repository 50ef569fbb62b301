"""One file restored with the models of a process: into a file, or into a Zarr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vdn.errors import InputError

if TYPE_CHECKING:
    from vdn.image import Picture
    from vdn.models import Models
    from vdn.scale.worker import DenoiserArguments
    from vdn.streaming import IOThreads, Report, Settings, Targets

__all__ = ["FileRestorer"]


@dataclass(frozen=True)
class FileRestorer:
    """The models of a process, and what makes them anew for the blocks of a Zarr.

    Attributes
    ----------
    arguments, models
        The arguments, and the models made of them.
    """

    arguments: DenoiserArguments
    models: Models

    @classmethod
    def of(cls, arguments: DenoiserArguments) -> FileRestorer:
        """Make the models."""
        return cls(arguments, arguments.models)

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
        """Restore an open picture, as `vdn.streaming.restore_picture` does, or into a Zarr.

        Parameters, errors and what is returned are those of that function.
        """
        paths = targets.paths
        if paths and paths[0].suffix == ".zarr":
            report = self._to_store(picture, targets, settings, advance)
            all_read()
            return lambda: report
        from vdn.streaming import restore_picture

        return restore_picture(
            self.models, picture, targets, settings, io_threads, advance=advance, all_read=all_read
        )

    def _to_store(
        self,
        picture: Picture,
        targets: Targets,
        settings: Settings,
        advance: Callable[[float], None],
    ) -> Report:
        from vdn.image.formats import FORMATS
        from vdn.image.losses import left_out
        from vdn.scale.files import Stores, denoise_frames, denoise_store
        from vdn.streaming import Report

        if settings.size is not None:
            raise InputError(
                f"{picture.path}: into a Zarr it is enlarged by a whole factor; give --scale"
            )
        image = targets.image if isinstance(targets.image, Path) else None
        stores = Stores(image, targets.noise_map, targets.uncertainty)
        lost: tuple[str, ...] = ()
        if picture.format == "zarr":
            done = denoise_store(picture.path, stores, self.arguments, settings, advance=advance)
        else:
            done = denoise_frames(picture, stores, self.arguments, settings, advance=advance)
            (zarr,) = (known for known in FORMATS if known.name == "zarr")
            lost = left_out(picture, zarr)
        height, width = done.shape[-2:]
        return Report(
            ", ".join(done.models),
            width,
            height,
            done.scale * width,
            done.scale * height,
            len(picture.frames),
            picture.pixel_count,
            done.noise_sigma,
            settings.noise_sigma is not None,
            "; ".join(done.reasons),
            lost,
        )
