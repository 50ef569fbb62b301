"""The noise of a picture in a file, frame by frame, by the noise part of the network alone."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from vdn.image.frame import FrameSpec
from vdn.image.picture import Picture
from vdn.models import Models
from vdn.noise.law import NoiseLaw, fit_white
from vdn.noise_summary import NoiseSummary
from vdn.predictions import Request
from vdn.streaming.frames import choose_models, pass_frames
from vdn.streaming.io_threads import IOThreads, wait_for

__all__ = ["FrameNoise", "estimate_picture_noise"]

_LAW_SIDE = 1024  # pixels a side of the part that the law is read off


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
    laws
        How the variance depends on brightness by the pixels in the middle of the only frame, one
        law a channel: see `vdn.noise.law.fit_white`.
    """

    frame: FrameSpec
    model: str
    scale: float
    summary: NoiseSummary
    laws: tuple[NoiseLaw | None, ...] | None = None


def estimate_picture_noise(
    models: Models,
    picture: Picture,
    io_threads: IOThreads,
    *,
    advance: Callable[[float], None] = lambda share: None,
    all_read: Callable[[], None] = lambda: None,
) -> list[FrameNoise]:
    """Estimate the noise of every frame of an open picture, window by window, in bounded memory.

    Parameters and errors are those of `vdn.streaming.denoise_picture`.
    """
    total = sum(frame.shape[0] * frame.shape[1] for frame in picture.frames)
    request, frames = Request(noise_only=True), []
    choices = choose_models(models, picture.frames, io_threads)
    middle = None
    if len(picture.frames) == 1:
        middle = wait_for(io_threads.read(picture.frame.middle, _LAW_SIDE))
    for step in pass_frames(
        models, picture.frames, choices, io_threads, request, all_read=all_read
    ):
        summary = NoiseSummary(step.frame)
        parts = step.frame.shape[2] if step.frame.channels == "planes" else 1
        for prediction in chain.from_iterable(found for _, found in step.parts):
            summary.add(prediction, np.atleast_3d(prediction.sigma))
            advance(prediction.sigma.shape[0] * prediction.sigma.shape[1] / parts / total)
            del prediction  # the next needs its memory
        summary.statistics.check(step.ranges)
        if len(picture.frames) > 1:
            summary.release()
        laws = None if middle is None else fit_white(middle)
        frames.append(
            FrameNoise(step.frame.spec(), step.card.name, step.ranges[0].scale, summary, laws)
        )
    return frames
