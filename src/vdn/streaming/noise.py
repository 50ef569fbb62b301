"""The noise of a picture in a file, frame by frame, by the noise part of the network alone."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from vdn.denoised import noise_deviation
from vdn.denoiser import Denoiser
from vdn.image.frame import FrameSpec
from vdn.image.picture import Picture
from vdn.streaming.frames import pass_frames
from vdn.streaming.lanes import Lanes
from vdn.survey import Survey
from vdn.windows import Task

__all__ = ["FrameNoise", "survey_picture"]


@dataclass(frozen=True)
class FrameNoise:
    """What was found out about the noise of a frame.

    Attributes
    ----------
    frame
        The frame.
    model
        Name of the model used.
    survey
        How much noise there is, where, of what kind.
    """

    frame: FrameSpec
    model: str
    survey: Survey


def survey_picture(
    denoiser: Denoiser,
    picture: Picture,
    lanes: Lanes,
    *,
    advance: Callable[[float], None] = lambda share: None,
    all_read: Callable[[], None] = lambda: None,
) -> list[FrameNoise]:
    """Estimate the noise of every frame of an open picture, band by band, in bounded memory.

    Parameters and errors are those of `vdn.streaming.denoise_picture`.
    """
    total = sum(frame.shape[0] * frame.shape[1] for frame in picture.frames)
    task, frames = Task(noise_only=True), []
    for step in pass_frames(denoiser, picture.frames, lanes, task, all_read=all_read):
        survey = Survey(step.frame)
        parts = step.frame.shape[2] if step.frame.channels == "planes" else 1
        for answer in chain.from_iterable(found for _, found in step.bands):
            sigma = noise_deviation(answer.noise).transpose(1, 2, 0)
            survey.add(answer, np.atleast_3d(answer.unit.map_to_user(sigma)))
            advance(sigma.shape[0] * sigma.shape[1] / parts / total)
            del answer  # the next needs its memory
        frames.append(FrameNoise(step.frame.spec(), step.ready.card.name, survey))
    return frames
