"""The frames of a picture through the network, one after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from vdn.denoiser import Denoiser
from vdn.errors import InputError
from vdn.image.frame import Frame
from vdn.runtime.engine import memory_share
from vdn.streaming.lanes import Lanes
from vdn.streaming.rows import AHEAD, FrameRows
from vdn.windows import Answer, Ready, Rows, Task, answers, colours, plan_window

__all__ = ["FramePass", "pass_frames"]


@dataclass(frozen=True, eq=False)
class FramePass:
    """A frame on its way through the network.

    Attributes
    ----------
    index, frame
        Which it is.
    ready
        The model that answers.
    bands
        What it says, band by band, as `vdn.windows.answers` yields it; to be used up before the
        next frame.
    """

    index: int
    frame: Frame
    ready: Ready
    bands: Iterator[tuple[slice, Iterator[Answer]]]


def pass_frames(
    denoiser: Denoiser,
    frames: Sequence[Frame],
    lanes: Lanes,
    task: Task,
    *,
    sigma: Callable[[int, Frame], Rows | float | None] = lambda index, frame: None,
    output_bytes: Callable[[Frame], float] = lambda frame: 0.0,
    held_bytes: Callable[[Frame], float] = lambda frame: 0.0,
    all_read: Callable[[], None] = lambda: None,
) -> Iterator[FramePass]:
    """Yield the frames of a picture with what the network says about each.

    Parameters
    ----------
    denoiser
        Chooses the model for every frame, and says how much memory may be used.
    frames
        The frames.
    lanes
        Where they are read.
    task
        What is to be found out, without the known noise.
    sigma
        Returns the known noise of a frame.
    output_bytes, held_bytes
        Memory for the outputs: of a row of a band, and whatever its height.
    all_read
        Called when the last rows of the last frame have been asked for.

    Raises
    ------
    InputError
        When the memory does not suffice for a frame.
    """
    coming = [FrameRows(frame, lanes) for frame in frames]
    coming[0].begin()
    for index, (frame, rows) in enumerate(zip(frames, coming, strict=True)):
        last = index + 1 == len(frames)
        rows.then(all_read if last else coming[index + 1].begin)
        ready, asked = denoiser.ready_for(frame), replace(task, sigma=sigma(index, frame))
        window = _plan(denoiser, ready, frame, asked, output_bytes(frame), held_bytes(frame))
        found = answers(ready, frame, rows, rows.ranges(), asked, window)
        yield FramePass(index, frame, ready, found)
        rows.free()


def _plan(
    denoiser: Denoiser,
    ready: Ready,
    frame: Frame,
    task: Task,
    output_bytes: float,
    held_bytes: float,
) -> tuple[int, int]:
    """Return the window for a frame: within what is usual, or if that is too little, allowed."""
    bound = denoiser.max_memory or memory_share()
    held = (held_bytes + (min(2 * AHEAD, frame.nbytes) if frame.streams else frame.nbytes)) / 1e6
    row = output_bytes + (frame.row_bytes if frame.streams else 0)
    if frame.no_data is not None:
        together = 1 if frame.channels == "planes" else colours(frame)
        row += 4 * together * frame.shape[1]  # gaps are filled in whole rows
    usual = min(denoiser.working_memory + held, bound)
    try:
        return plan_window(ready, frame, task, usual, row, held)
    except InputError:
        return plan_window(ready, frame, task, bound, row, held)
