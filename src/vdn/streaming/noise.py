"""The noise of a picture in a file, frame by frame, by the noise part of the network alone."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.frame import FrameSpec
from vdn.image.picture import Picture
from vdn.image.ranges import Range
from vdn.models import Choice, Models
from vdn.noise.clipping import Clipped, ClippedCount
from vdn.noise.correlation import NoiseCorrelation, measure_correlation
from vdn.noise.defects import DefectCount, Defects
from vdn.noise.jpeg_history import JpegHistory, TableQuality, quality_of_tables, read_jpeg_history
from vdn.noise.law import NoiseLaw, fit_white
from vdn.noise_summary import NoiseSummary
from vdn.predictions import Request
from vdn.streaming.frames import choose_models, pass_frames
from vdn.streaming.io_threads import IOThreads, wait_for

__all__ = ["FrameNoise", "MiddleNoise", "estimate_picture_noise"]

_MIDDLE = 1024  # pixels a side of the part that is looked at closely


@dataclass(frozen=True)
class MiddleNoise:
    """What the pixels in the middle of a picture, up to 1024 x 1024, say by themselves.

    Attributes
    ----------
    laws
        How the variance depends on brightness, one law a channel: see `vdn.noise.law.fit_white`.
    correlation
        How far the noise reaches; None where nothing is flat.
    jpeg
        The compression it has gone through, by the tables of the file and by the pixels.
    fits
        The model that suits the noise, and why.
    """

    laws: tuple[NoiseLaw | None, ...] | None
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
        How much noise there is, where, of what kind; without its samples if there are several
        frames.
    clipped
        How much is cut off at black and white, a channel each.
    defects
        Hot and cold pixels.
    jpeg
        The quality the tables of a JPEG file stand for.
    middle
        What the pixels say, where there is only one frame.
    """

    frame: FrameSpec
    model: str
    scale: float
    summary: NoiseSummary
    clipped: tuple[Clipped, ...]
    defects: Defects
    jpeg: TableQuality | None = None
    middle: MiddleNoise | None = None


def estimate_picture_noise(
    models: Models,
    picture: Picture,
    io_threads: IOThreads,
    *,
    advance: Callable[[float], None] = lambda share: None,
    all_read: Callable[[], None] = lambda: None,
) -> list[FrameNoise]:
    """Estimate the noise of every frame of an open picture, window by window, in bounded memory.

    Parameters and errors are those of `vdn.streaming.restore_picture`.
    """
    total = sum(frame.shape[0] * frame.shape[1] for frame in picture.frames)
    request, frames = Request(noise_only=True), []
    choices = choose_models(models, picture.frames, io_threads)
    tables = picture.encoding.get("qtables") if picture.format == "jpeg" else None
    middle = None
    if len(picture.frames) == 1:
        pixels = wait_for(io_threads.read(picture.frame.middle, _MIDDLE))
        fits = choices[0]
        if models.model != "auto":
            fits = wait_for(io_threads.read(models.suited, picture.frame))
        jpeg = wait_for(io_threads.read(read_jpeg_history, picture.frame, tables))
        middle = MiddleNoise(fit_white(pixels), measure_correlation(pixels), jpeg, fits)
    for step in pass_frames(
        models, picture.frames, choices, io_threads, request, all_read=all_read
    ):
        summary = NoiseSummary(step.frame)
        clipped = ClippedCount(step.frame.color_channels, _ends(step.frame, step.ranges[0]))
        defects = DefectCount()
        parts = step.frame.shape[2] if step.frame.channels == "planes" else 1
        for prediction in chain.from_iterable(found for _, found in step.parts):
            sigma = np.atleast_3d(prediction.sigma)
            summary.add(prediction, sigma)
            values = _with_data(prediction.unit.colour, step.frame.no_data)
            clipped.add(values, prediction.channels)
            defects.add(values, sigma)
            advance(prediction.sigma.shape[0] * prediction.sigma.shape[1] / parts / total)
            del prediction  # the next needs its memory
        summary.statistics.check(step.ranges)
        if len(picture.frames) > 1:
            summary.release()
        frames.append(
            FrameNoise(
                step.frame.spec(),
                step.card.name,
                step.ranges[0].scale,
                summary,
                clipped.clipped,
                defects.defects,
                None if tables is None else quality_of_tables(tables),
                middle,
            )
        )
    return frames


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
