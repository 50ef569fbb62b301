"""The noise of a picture in a file, frame by frame, by the noise part of the network alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.frame import Frame, FrameSpec
from vdn.image.picture import Picture
from vdn.image.ranges import Range
from vdn.models import Choice, Models
from vdn.noise.clipping import Clipped, ClippedCount
from vdn.noise.correlation import NoiseCorrelation, measure_correlation
from vdn.noise.defects import DefectCount, Defects
from vdn.noise.jpeg_history import JpegHistory, TableQuality, jpeg_history, quality_of_tables
from vdn.noise.law import NoiseLaw, fit_white
from vdn.noise.texture import Texture, TextureCount
from vdn.noise.verdict import Verdict, judge_noise
from vdn.noise_summary import NoiseSummary
from vdn.predictions import Prediction, Request
from vdn.streaming.frames import choose_models, pass_frames
from vdn.streaming.io_threads import IOThreads

__all__ = ["FrameNoise", "MiddleNoise", "estimate_picture_noise", "texture_count"]

_MIDDLE = 1024  # pixels a side of the part that is looked at closely


@dataclass(frozen=True)
class MiddleNoise:
    """What the pixels in the middle of a picture, up to 1024 x 1024, say by themselves.

    Attributes
    ----------
    laws
        How the variance depends on brightness, one law a channel, or none where the noise is not
        independent from pixel to pixel: see `vdn.noise.law.fit_white`.
    correlation
        How far the noise reaches; None where nothing is flat.
    jpeg
        The compression it has gone through, by the tables of the file and by the pixels.
    fits
        The model that suits the noise, and why.
    """

    laws: tuple[NoiseLaw | None, ...]
    correlation: NoiseCorrelation | None
    jpeg: JpegHistory
    fits: Choice


@dataclass(frozen=True)
class FrameNoise:
    """What was found out about the noise of a frame.

    Attributes
    ----------
    frame
        The frame.
    model
        Name of the model used.
    scale
        What lies between black and white, in the units of the frame.
    summary
        How much noise there is, where, of what kind.
    clipped
        How much is cut off at black and white, a channel each.
    defects
        Hot and cold pixels.
    jpeg
        The quality the tables of a JPEG file stand for.
    middle
        What the pixels say.
    texture
        What speaks for texture and against noise; None where there is too little.
    """

    frame: FrameSpec
    model: str
    scale: float
    summary: NoiseSummary
    clipped: tuple[Clipped, ...]
    defects: Defects
    jpeg: TableQuality | None
    middle: MiddleNoise
    texture: Texture | None

    @property
    def verdict(self) -> Verdict:
        """Whether there is noise to speak of."""
        statistics = self.summary.statistics
        compressed = self.jpeg is not None or self.middle.jpeg.traces is not None
        return judge_noise(
            statistics.root_mean_square, self.scale, statistics.quiet, self.texture, compressed
        )


def estimate_picture_noise(
    models: Models,
    picture: Picture,
    io_threads: IOThreads,
    *,
    advance: Callable[[float], None] = lambda share: None,
    all_read: Callable[[], None] = lambda: None,
) -> Iterator[FrameNoise]:
    """Estimate the noise of every frame of an open picture, window by window, in bounded memory.

    What is found out about a frame comes when it has gone by; to keep it for many frames, see
    `NoiseSummary.release`. Parameters and errors are those of `vdn.streaming.restore_picture`.
    """
    total = picture.pixel_count
    request = Request(noise_only=True)
    choices = choose_models(models, picture.frames, io_threads)
    tables = picture.encoding.get("qtables") if picture.format == "jpeg" else None
    for step in pass_frames(
        models, picture.frames, choices, io_threads, request, all_read=all_read
    ):
        summary = NoiseSummary(step.frame, step.card.sigma_scores)
        clipped = ClippedCount(step.frame.color_channels, _ends(step.frame, step.ranges[0]))
        defects, middle = DefectCount(), _Middle(step.frame)
        texture = texture_count(step.frame, step.ranges)
        parts = step.frame.shape[2] if step.frame.channels == "planes" else 1
        for prediction in chain.from_iterable(found for _, found in step.parts):
            sigma = np.atleast_3d(prediction.sigma)
            summary.add(prediction, sigma)
            values = _with_data(prediction.unit.colour, step.frame.no_data)
            clipped.add(values, prediction.channels)
            defects.add(values, sigma)
            middle.add(prediction)
            texture.add(np.atleast_3d(values), prediction.rows.start, prediction.columns.start)
            advance(prediction.sigma.shape[0] * prediction.sigma.shape[1] / parts / total)
            del prediction  # the next needs its memory
        summary.statistics.check(step.ranges)
        yield FrameNoise(
            step.frame.spec(),
            step.card.name,
            step.ranges[0].scale,
            summary,
            clipped.clipped,
            defects.defects,
            None if tables is None else quality_of_tables(tables),
            middle.look(models, tables),
            texture.texture,
        )


def texture_count(frame: FrameSpec, ranges: Sequence[Range]) -> TextureCount:
    """Return what gathers the texture of a frame."""
    black, scale = ranges[0].offset, ranges[0].scale
    return TextureCount((frame.shape[0], frame.shape[1]), (black, black + scale))


class _Middle:
    """The pixels in the middle of a frame, gathered while the frame goes by."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        (top, height), (left, width) = frame.middle_place(_MIDDLE)
        self._rows, self._columns = slice(top, top + height), slice(left, left + width)
        self._pixels = np.empty((height, width, frame.color_channels), frame.dtype)

    def add(self, prediction: Prediction) -> None:
        """Take in what of a part lies there."""
        here, there = [], []
        for part, whole in (
            (prediction.rows, self._rows),
            (prediction.columns, self._columns),
        ):
            start, stop = max(part.start, whole.start), min(part.stop, whole.stop)
            if start >= stop:
                return
            here.append(slice(start - part.start, stop - part.start))
            there.append(slice(start - whole.start, stop - whole.start))
        values = prediction.unit.colour[tuple(here)]
        self._pixels[(*there, prediction.channels)] = values

    def look(self, models: Models, tables: Any) -> MiddleNoise:
        """Return what the pixels say."""
        frame, pixels = self._frame, self._pixels
        jpeg = jpeg_history(pixels, (self._rows.start, self._columns.start), tables)
        channels = frame.channels.removesuffix("+alpha")
        fits = models.suited(replace(Frame.of(pixels, channels), no_data=frame.no_data))
        laws = fit_white(pixels) or ()
        return MiddleNoise(laws, measure_correlation(pixels), jpeg, fits)


def _ends(frame: FrameSpec, range_: Range) -> tuple[float, ...]:
    """Return the least and the largest value there can be."""
    nominal = (0.0, range_.scale) if range_.offset == 0 else ()
    if frame.dtype.kind == "f":
        return nominal
    limits = np.iinfo(frame.dtype)
    return (*nominal, float(limits.min), float(limits.max))


def _with_data(pixels: NDArray[Any], no_data: float | None) -> NDArray[Any]:
    """Return pixels with NaN where there is no data."""
    if no_data is None or np.isnan(no_data):
        return pixels
    return np.where(pixels == no_data, np.nan, pixels)
