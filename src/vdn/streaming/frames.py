"""The frames of a picture through the network, one after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vdn.errors import InputError
from vdn.image.frame import Frame, FrameSpec
from vdn.image.metadata import Metadata
from vdn.image.ranges import Range
from vdn.models import Choice, Models
from vdn.noise.profiles import Setting
from vdn.predictions import (
    LoadedModel,
    Prediction,
    Request,
    Rows,
    check_known_noise,
    plan_window,
    predict_windows,
)
from vdn.runtime.cards import Card
from vdn.runtime.engine import memory_share
from vdn.streaming.io_threads import IOThreads, wait_for
from vdn.streaming.rows import AHEAD, FrameRows

__all__ = ["FramePass", "choose_models", "final_size", "pass_frames"]


_UPSIDE_DOWN = 4  # the last orientation of EXIF that does not swap rows and columns


@dataclass(frozen=True, eq=False)
class FramePass:
    """A frame on its way through the network.

    Attributes
    ----------
    index, frame
        Which it is.
    card
        That of its model.
    ranges
        Its range, or those of its channels.
    parts
        What is predicted, as `vdn.predictions.predict_windows` yields it; to be used up before the
        next frame.
    """

    index: int
    frame: Frame
    card: Card
    ranges: Sequence[Range]
    parts: Iterator[tuple[slice, Iterator[Prediction]]]


def final_size(
    asked: tuple[int | None, int | None] | None, frame: FrameSpec, metadata: Metadata
) -> tuple[int, int] | None:
    """Return height and width, as they are stored, of the result that is asked for; None for any.

    Parameters
    ----------
    asked
        Width and height as the picture is shown; None for what keeps the proportions.
    frame, metadata
        The frame, and the metadata with its orientation.
    """
    if asked is None:
        return None
    width, height = asked[::-1] if metadata.orientation > _UPSIDE_DOWN else asked
    rows, columns = frame.shape[:2]
    if height is None:
        height = max(round(rows * (width or columns) / columns), 1)
    return height, width or max(round(columns * height / rows), 1)


def choose_models(
    models: Models,
    frames: Sequence[Frame],
    io_threads: IOThreads,
    sizes: Sequence[tuple[int, int] | None] | None = None,
) -> list[Choice]:
    """Return the model for every frame; the first of those that are alike speaks for the others.

    `sizes` are the least heights and widths of the results.
    """
    chosen: dict[tuple[str, str, float], Choice] = {}
    found = []
    for frame, size in zip(frames, sizes or [None] * len(frames), strict=True):
        scale = max(np.divide(size, frame.shape[:2])) if size else 1.0
        kind = frame.channels, frame.dtype.str, scale
        if kind not in chosen:
            chosen[kind] = wait_for(io_threads.read(models.choose, frame, scale))
        found.append(chosen[kind])
    return found


def pass_frames(
    models: Models,
    frames: Sequence[Frame],
    choices: Sequence[Choice],
    io_threads: IOThreads,
    request: Request,
    *,
    sigma: Callable[[int, Frame], Rows | float | Setting | None] = lambda index, frame: None,
    output_bytes: Callable[[Frame], float] = lambda frame: 0.0,
    held_bytes: Callable[[Frame], float] = lambda frame: 0.0,
    all_read: Callable[[], None] = lambda: None,
) -> Iterator[FramePass]:
    """Yield the frames of a picture with what the network predicts for each.

    Two frames are in memory at most: the one that is worked on, and the next, which is read.

    Parameters
    ----------
    models
        Loads the models, and says how much memory may be used.
    frames, choices
        The frames, and the model for each as `choose_models` gives it.
    io_threads
        Where they are read.
    request
        What is wanted, without the known noise.
    sigma
        Returns the known noise of a frame.
    output_bytes, held_bytes
        Memory for the outputs: for a row of what is written at a time, and whatever its height.
    all_read
        Called when the last rows of the last frame have been asked for.

    Raises
    ------
    InputError
        When the memory does not suffice for a frame.
    """
    following: FrameRows | None = None
    for index, (frame, choice) in enumerate(zip(frames, choices, strict=True)):
        rows = following or FrameRows(frame, io_threads, choice.card.nominal_range)
        if following is None:
            rows.begin()
        following = None
        if index + 1 < len(frames):
            card = choices[index + 1].card
            following = FrameRows(frames[index + 1], io_threads, card.nominal_range)
        rows.then(all_read if following is None else following.begin)
        asked = replace(request, sigma=sigma(index, frame))
        check_known_noise(choice.card, asked)
        model = models.load(choice, frame.dtype)
        window = _plan(models, model, frame, asked, output_bytes(frame), held_bytes(frame))
        ranges = rows.ranges()
        parts = predict_windows(model, frame, rows, ranges, asked, window)
        yield FramePass(index, frame, choice.card, ranges, parts)
        rows.free()


def _plan(
    models: Models,
    model: LoadedModel,
    frame: Frame,
    request: Request,
    output_bytes: float,
    held_bytes: float,
) -> tuple[int, int]:
    """Return the window for a frame: within what is usual, or if that is too little, allowed."""
    bound = models.max_memory or memory_share()
    held = (held_bytes + (min(2 * AHEAD, frame.nbytes) if frame.streams else frame.nbytes)) / 1e6
    row = output_bytes + (frame.row_bytes if frame.streams else 0)
    if frame.dtype != np.uint8 or frame.no_data is not None:
        together = 1 if frame.channels == "planes" else frame.color_channels
        row += 4 * together * frame.shape[1]  # gaps are filled in whole rows
    usual = min(models.working_memory + held, bound)
    try:
        return plan_window(model, frame, request, usual, row, held)
    except InputError:
        return plan_window(model, frame, request, bound, row, held)
