"""A picture from file to file: the restored picture, the map of its noise, that of its error."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vdn import __version__
from vdn.blur_kernel import BlurKernel, KernelStatistics
from vdn.image.atomic import check_target, undoing
from vdn.image.encoding import WriteOptions
from vdn.image.formats import FORMATS
from vdn.image.frame import FrameSpec
from vdn.image.losses import left_out
from vdn.image.maps import create_map, map_spec
from vdn.image.picture import Picture
from vdn.image.provenance import Provenance
from vdn.image.resize import RowResizer
from vdn.image.write import choose_format, copy, create_picture
from vdn.models import Models
from vdn.noise.jpeg_history import JpegHistory, read_jpeg_history
from vdn.noise.profiles import CameraProfile
from vdn.noise.texture import Texture, TextureCount
from vdn.noise_summary import SigmaStatistics
from vdn.predictions import Prediction, Request
from vdn.results import check_strength
from vdn.runtime.tiling import times
from vdn.streaming.frames import FramePass, choose_models, final_size, pass_frames
from vdn.streaming.io_threads import IOThreads, Output, wait_for
from vdn.streaming.known import KnownNoise
from vdn.streaming.noise import texture_count

__all__ = ["Report", "Settings", "Targets", "restore_picture"]


@dataclass(frozen=True)
class Targets:
    """The files to make of a picture; None where one is not wanted.

    Attributes
    ----------
    image
        A path, or a stream of bytes.
    noise_map, uncertainty
        Paths of TIFF files of floats, or with `.png` of pictures to look at.
    """

    image: Path | BinaryIO | None
    noise_map: Path | None = None
    uncertainty: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """Those that are paths."""
        wanted = self.noise_map, self.uncertainty, self.image
        return [each for each in wanted if isinstance(each, Path)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How pictures are restored and written.

    Attributes
    ----------
    strength
        As in `Restorer`.
    noise_sigma
        The noise where it is known, in the units of the picture: a number, the file of a map, or
        the profile of the camera.
    iso
        What the profile is to go by instead of the ISO that the picture says.
    size
        Width and height of the result as it is shown, see `Restorer.file`.
    format, quality
        Of the restored picture; by default as its name says, and as the source.
    ensemble
        As in `Restorer`.
    provenance
        Whether to note in the picture what made it.
    overwrite
        Whether to replace existing files.
    texture
        Whether to measure the texture, to judge the noise by.
    """

    strength: float = 1.0
    noise_sigma: float | Path | CameraProfile | None = None
    iso: float | None = None
    size: tuple[int | None, int | None] | None = None
    format: str | None = None
    quality: int | None = None
    ensemble: int = 1
    provenance: bool = True
    overwrite: bool = False
    texture: bool = False


@dataclass(frozen=True)
class Report:
    """What was done to a picture.

    Attributes
    ----------
    model
        Names of the models used, with commas.
    width, height
        Of the first frame.
    output_width, output_height
        Of the first frame of the result.
    frames
        How many there are.
    pixels
        Of all frames.
    noise_sigma
        Root mean square of the noise's standard deviation, a channel each: the estimate, or the
        noise that was given where the model cannot estimate it.
    given
        Whether the noise was given rather than estimated.
    reason
        Why the model was chosen, where it was not named.
    left_out
        What of the file the result does not have, in words.
    quiet_sigma
        The standard deviation that all but the quietest quarter of the picture exceeds, a channel
        each; empty where that was not measured.
    kernel
        The blur that was undone, in pixels of the result; None where none is inferred.
    jpeg
        The compression that the first frame has gone through; None where the model is for something
        else.
    profile
        The profile and the ISO that the noise was taken from, in words.
    texture
        What speaks for texture and against noise, of a single frame, where it was asked for.
    """

    model: str
    width: int
    height: int
    output_width: int
    output_height: int
    frames: int
    pixels: int
    noise_sigma: tuple[float, ...]
    given: bool = False
    reason: str = ""
    left_out: tuple[str, ...] = ()
    quiet_sigma: tuple[float, ...] = ()
    kernel: BlurKernel | None = None
    jpeg: JpegHistory | None = None
    profile: str = ""
    texture: Texture | None = None


def restore_picture(
    models: Models,
    picture: Picture,
    targets: Targets,
    settings: Settings,
    io_threads: IOThreads,
    *,
    advance: Callable[[float], None] = lambda share: None,
    all_read: Callable[[], None] = lambda: None,
) -> Callable[[], Report]:
    """Restore an open picture band by band; return what finishes its files.

    The result is that of `Restorer` on the whole array, up to the rounding of its sums. Memory
    stays within the bound of the models, whatever the size; only formats that cannot be read or
    written in parts take that of a whole frame.

    Parameters
    ----------
    models
        The models, and the bound on memory.
    picture
        The picture; it has to stay open until all is read.
    targets
        What to make. Nothing appears before it is finished.
    settings
        How.
    io_threads
        Where the files are read and written.
    advance
        Called with the share of the pixels that has been done since the last call.
    all_read
        Called when nothing more needs to be read.

    Returns
    -------
    callable
        To be called in the writing thread: completes the files, or leaves none of them and raises.

    Raises
    ------
    VdnError
        When the picture cannot be read, or an argument or a target does not do.
    """
    check_strength(settings.strength)
    outputs = _Outputs(models, picture, targets, settings, io_threads)
    total = picture.pixel_count
    known = KnownNoise(settings.noise_sigma, picture, io_threads, settings.iso)
    try:
        for step in pass_frames(
            models,
            picture.frames,
            outputs.choices,
            io_threads,
            outputs.request,
            sigma=known.of,
            output_bytes=outputs.row_bytes,
            held_bytes=outputs.held_bytes,
            all_read=all_read,
        ):
            for pixels in outputs.frame(step):
                advance(pixels / total)
    finally:
        io_threads.read(known.close)
    return lambda: replace(outputs.complete(total), profile=known.used)


class _Outputs:
    """The files of one picture while they are made."""

    def __init__(
        self,
        models: Models,
        picture: Picture,
        targets: Targets,
        settings: Settings,
        io_threads: IOThreads,
    ) -> None:
        self._picture, self._targets, self._settings = picture, targets, settings
        self._statistics, self._kernel = SigmaStatistics(0), KernelStatistics()
        self._texture: TextureCount | None = None
        sizes = [final_size(settings.size, frame, picture.metadata) for frame in picture.frames]
        self.choices = choose_models(models, picture.frames, io_threads, sizes)
        self._as_is = settings.strength == 0 and all(c.card.only_denoises for c in self.choices)
        self._jpeg = None
        if any(choice.card.infers_jpeg for choice in self.choices):
            tables = picture.encoding.get("qtables") if picture.format == "jpeg" else None
            read = partial(read_jpeg_history, picture.frames[0], tables, confirm=True)
            self._jpeg = wait_for(io_threads.read(read))
        self._models = dict.fromkeys(choice.card.name for choice in self.choices)
        self._copied = self._stays_as_it_is()
        overwrite = settings.overwrite
        for path in targets.paths:
            check_target(path, overwrite)
        self._image = self._noise = self._error = None
        self._scaled = [
            frame.scaled(1 if self._as_is else choice.card.scale)
            for frame, choice in zip(picture.frames, self.choices, strict=True)
        ]
        self._final = [
            frame if size is None else frame.spec(shape=(*size, *frame.shape[2:]))
            for frame, size in zip(self._scaled, sizes, strict=True)
        ]
        if targets.image is not None and not self._copied:
            options = self._options(targets.image)
            self._image = io_threads.output(
                create_picture(
                    targets.image, picture, self._final, options=options, overwrite=overwrite
                )
            )
        if targets.noise_map is not None:
            self._noise = io_threads.output(
                create_map(targets.noise_map, picture, overwrite=overwrite)
            )
        if targets.uncertainty is not None:
            self._error = io_threads.output(
                create_map(targets.uncertainty, picture, self._final, overwrite=overwrite)
            )

    @property
    def request(self) -> Request:
        """What is to be found out."""
        needs_image = self._image is not None or self._error is not None
        noise_only = self._as_is or not needs_image
        settings = self._settings
        return Request(
            noise_only=noise_only, strength=settings.strength, ensemble=settings.ensemble
        )

    def row_bytes(self, frame: FrameSpec) -> float:
        """Return the memory for a row of what is written: while it is made, and in the queue."""
        maps = (self._noise is not None) + (self._error is not None)
        scale = self._largest_scale
        image = frame.row_bytes if self._image is not None else 0
        return 2 * scale**2 * (image + maps * map_spec(frame).row_bytes)

    def held_bytes(self, frame: FrameSpec) -> float:
        """Return the memory for what can only be written as a whole."""
        whole = 0 if self._image is None or self._image.streams else frame.nbytes
        return self._largest_scale**2 * whole

    @property
    def _largest_scale(self) -> int:
        return max(choice.card.scale for choice in self.choices)

    def frame(self, step: FramePass) -> Iterator[float]:
        """Take a frame through; yield the pixels of every part that is done."""
        statistics = SigmaStatistics(step.frame.color_channels)
        parts = step.frame.shape[2] if step.frame.channels == "planes" else 1
        files = self._files(step)
        if self._settings.texture and len(self._picture.frames) == 1:
            self._texture = texture_count(step.frame, step.ranges)
        for rows, found in step.parts:
            strip = _Strip(files, rows)
            for prediction in found:
                if prediction.kernel is not None:
                    self._kernel.add(prediction.kernel)
                statistics.add(np.atleast_3d(prediction.sigma), prediction.channels)
                strip.put(prediction)
                if self._texture is not None:
                    top, left = prediction.rows.start, prediction.columns.start
                    self._texture.add(prediction.unit.colour, top, left)
                yield prediction.sigma.shape[0] * prediction.sigma.shape[1] / parts
                del prediction  # the next needs its memory
            strip.write(step.index)
        if step.card.estimates_noise:
            statistics.check(step.ranges)
        self._statistics = self._statistics.merge(statistics)

    def complete(self, pixels: int) -> Report:
        """Finish all files, the picture last; in the writing thread."""
        targets, overwrite = self._targets, self._settings.overwrite
        made = [each for each in (self._noise, self._error, self._image) if each is not None]
        with ExitStack() as failed, undoing() as remember:
            for output in made:
                failed.callback(output.drop)
            for output in made:  # all are whole before one replaces what was there
                output.finish()
            for path in targets.paths:
                check_target(path, overwrite)
                if len(made) > 1:
                    remember(path)
            for output in made:
                output.publish()
            if self._copied:
                self._copy()
            failed.pop_all()
        height, width = self._picture.frames[0].shape[:2]
        scaled, final = (frames[0].shape[:2] for frames in (self._scaled, self._final))
        kernel = self._kernel.kernel
        return Report(
            ", ".join(self._models),
            width,
            height,
            final[1],
            final[0],
            len(self._picture.frames),
            pixels,
            self._statistics.root_mean_square,
            self._settings.noise_sigma is not None,
            "; ".join(dict.fromkeys(choice.reason for choice in self.choices if choice.reason)),
            self._left_out(),
            self._statistics.quiet,
            kernel and kernel.scaled(final[1] / scaled[1], final[0] / scaled[0]),
            self._jpeg,
            texture=None if self._texture is None else self._texture.texture,
        )

    def _files(self, step: FramePass) -> "dict[str, _File]":
        """Return what takes the rows of a frame, by the attribute of a prediction it is made of."""
        scaled, final = self._scaled[step.index], self._final[step.index]
        same = scaled.shape == final.shape
        scale = scaled.shape[0] // step.frame.shape[0]

        def file(output: Output, scale: int, spec: FrameSpec, end: FrameSpec, mark: Any) -> _File:
            return _File(output, scale, spec, None if same else RowResizer(spec, end, mark))

        maps = map_spec(scaled), map_spec(final)
        files = {}
        if self._image is not None:
            files["image"] = file(self._image, scale, scaled, final, step.frame.no_data)
        if self._error is not None:
            files["uncertainty"] = file(self._error, scale, *maps, None)
        if self._noise is not None:
            files["sigma"] = _File(self._noise, 1, map_spec(step.frame))
        return files

    def _left_out(self) -> tuple[str, ...]:
        target = self._targets.image
        if target is None or self._copied:
            return ()
        path = target if isinstance(target, Path) else Path("-")
        return left_out(self._picture, choose_format(path, self._picture, self._options(target)))

    def _copy(self) -> None:
        target, picture = self._targets.image, self._picture
        if isinstance(target, Path):
            copy(picture, target, overwrite=self._settings.overwrite)
        elif target is not None:
            with (picture.source or picture.path).open("rb") as file:
                shutil.copyfileobj(file, target)

    def _stays_as_it_is(self) -> bool:
        """Tell whether the picture is the file itself, which is then not even compressed anew."""
        target, settings = self._targets.image, self._settings
        if target is None or not self._as_is or settings.size or settings.quality is not None:
            return False
        path = target if isinstance(target, Path) else Path("-")
        chosen = choose_format(path, self._picture, self._options(target))
        return chosen.name == self._picture.format

    def _options(self, target: Path | BinaryIO) -> WriteOptions:
        name = self._settings.format
        if name is None and not (isinstance(target, Path) and target.suffix):
            name = next(known.output for known in FORMATS if known.name == self._picture.format)
        note = Provenance(
            version=__version__, model=", ".join(self._models), strength=self._settings.strength
        )
        return WriteOptions(
            format=name,
            quality=self._settings.quality,
            provenance=note if self._settings.provenance else None,
        )


@dataclass(frozen=True, eq=False)
class _File:
    """An output on the way: how large its pixels are, and what resizes them at the end."""

    output: Output
    scale: int
    spec: FrameSpec
    resizer: RowResizer | None = None

    def put(self, index: int, rows: NDArray[Any]) -> None:
        """Hand rows over, or as many as are ready."""
        rows = rows if self.resizer is None else self.resizer(rows)
        if len(rows):
            self.output.put(index, rows)


class _Strip:
    """The rows of the outputs that are being made."""

    def __init__(self, files: Mapping[str, _File], rows: slice) -> None:
        height = rows.stop - rows.start
        self._files, self._top = files, rows.start
        self._pixels = {
            name: np.empty((file.scale * height, *file.spec.shape[1:]), file.spec.dtype)
            for name, file in files.items()
        }

    def put(self, prediction: Prediction) -> None:
        """Put a prediction where it belongs."""
        for name, pixels in self._pixels.items():
            scale = self._files[name].scale
            rows = slice(prediction.rows.start - self._top, prediction.rows.stop - self._top)
            place = times(rows, scale), times(prediction.columns, scale)
            channel = () if prediction.channel is None else (prediction.channel,)
            pixels[(*place, *channel)] = getattr(prediction, name)

    def write(self, index: int) -> None:
        """Hand the rows over."""
        for name, pixels in self._pixels.items():
            self._files[name].put(index, pixels)
