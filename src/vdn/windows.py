"""An image of any size through a network, window by window, from the top to the bottom.

Images in memory and images in files take this one way: what differs is where rows come from and
where the answers go.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.arrays import UnitImage, to_unit
from vdn.image.frame import Frame, FrameSpec
from vdn.image.ranges import Range
from vdn.runtime.cards import Card
from vdn.runtime.engine import Engine, NoisePosterior, Planes, Posterior
from vdn.runtime.predict import predict, predict_noise
from vdn.runtime.tiling import Tile, choose_window, mirrored, tiles

__all__ = ["Answer", "Ready", "Rows", "Task", "answers", "colours", "plan_window"]

_STRIP = 64  # rows of an answer that are worked on at a time

Rows = Callable[[int, int], NDArray[Any]]
"""Returns the rows of an image from one to before another; asked for in order, with overlaps."""


@dataclass(frozen=True, eq=False)
class Ready:
    """A model ready to run: its card and its engine."""

    card: Card
    engine: Engine


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What is to be found out about an image.

    Attributes
    ----------
    noise_only
        Whether the noise is enough, so that the image part need not run.
    strength
        Factor of the noise map the image part sees.
    sigma
        Known standard deviations of the noise in the units of the image, in place of the network's
        own: rows of (W,), (W, 1) or (W, C) without alpha, or one number.
    """

    noise_only: bool = False
    strength: float = 1.0
    sigma: Rows | float | None = None

    @property
    def graphs(self) -> int:
        """How many parts of the network stay ready side by side."""
        return 1 if self.noise_only or (self.sigma is None and self.strength == 1.0) else 2


@dataclass(frozen=True, eq=False)
class Answer:
    """What the network says about a part of an image.

    Attributes
    ----------
    rows, columns
        The part; the parts partition the image, band by band.
    plane
        The channel it is about where each channel goes by itself, else None.
    window, origin
        The part with the halo around it, as the network saw it, and where in the image that begins.
    noise
        The posterior of its noise.
    mean, log_error_variance
        The clean image and the logarithm of the variance of its error, unless only the noise was
        wanted.
    """

    rows: slice
    columns: slice
    plane: int | None
    window: UnitImage
    origin: tuple[int, int]
    noise: NoisePosterior
    mean: Planes | None = None
    log_error_variance: Planes | None = None

    @property
    def channels(self) -> slice:
        """The channels it is about, alpha not counted."""
        return slice(None) if self.plane is None else slice(self.plane, self.plane + 1)

    def strips(self) -> "Iterator[Answer]":
        """Yield it in parts of a few rows: what is computed from it then takes little memory."""
        height = self.rows.stop - self.rows.start
        for top in range(0, height, _STRIP):
            part = slice(top, min(top + _STRIP, height))
            here = (slice(None), part)
            yield replace(
                self,
                rows=slice(self.rows.start + part.start, self.rows.start + part.stop),
                noise=NoisePosterior(*(planes[here] for planes in self.noise)),
                mean=None if self.mean is None else self.mean[here],
                log_error_variance=(
                    None if self.log_error_variance is None else self.log_error_variance[here]
                ),
            )

    @cached_property
    def unit(self) -> UnitImage:
        """The part in the range of the network, with the way back to the user's units."""
        rows, columns = map(_shifted, (self.rows, self.columns), self.origin)
        return self.window.part(rows, columns)


def colours(frame: FrameSpec) -> int:
    """Return the number of channels without alpha.

    Examples
    --------
    >>> colours(Frame.of(np.zeros((2, 2, 4))))
    3
    """
    count = frame.shape[2] if len(frame.shape) == 3 else 1
    return count - 1 if frame.channels.endswith("alpha") else count


def plan_window(
    ready: Ready,
    frame: FrameSpec,
    task: Task,
    max_memory: float,
    bytes_per_row: float = 0.0,
    held: float = 0.0,
) -> tuple[int, int]:
    """Return the window to use for an image; arguments and errors as in `choose_window`."""
    height, width = frame.shape[:2]
    return choose_window(
        height,
        width,
        ready.card.halo,
        ready.card.multiple,
        ready.engine.bytes_per_pixel * task.graphs,
        max_memory,
        bytes_per_row,
        held,
    )


def answers(
    ready: Ready,
    frame: Frame,
    rows: Rows,
    ranges: Sequence[Range],
    task: Task,
    window: tuple[int, int],
) -> Iterator[tuple[slice, Iterator[Answer]]]:
    """Yield bands of rows, from the top, each with what the network says about its parts.

    Parameters
    ----------
    ready
        The model.
    frame
        The image.
    rows
        Returns its rows, asked for in order, those of the halo again.
    ranges
        As `vdn.image.find_ranges` gives them.
    task
        What is to be found out.
    window
        As `plan_window` gives it.

    Yields
    ------
    tuple
        The rows of a band, and the answers, to be used up before the next band. An answer is not
        to be kept: the memory it takes is needed for the next.
    """
    height, width = frame.shape[:2]
    tiling = list(tiles(height, width, window, ready.card.halo, ready.card.multiple))
    room = _Room.of(tiling[0], frame, ready.card, task)
    for write, row_of_tiles in groupby(tiling, key=lambda tile: tile.write[0]):
        grid = list(row_of_tiles)
        above = mirrored(grid[0].read[0], height)
        start, stop = int(above.min()), int(above.max()) + 1
        band = _Band(frame, rows, ranges, task.sigma, start, stop, room.planes)
        yield write, _answers_in(ready, frame, task, band, grid, above, room.answer)


def _answers_in(
    ready: Ready,
    frame: Frame,
    task: Task,
    band: "_Band",
    grid: Sequence[Tile],
    above: NDArray[np.intp],
    room: Posterior | None,
) -> Iterator[Answer]:
    for tile in grid:
        across = mirrored(tile.read[1], frame.shape[1])
        for plane in range(frame.shape[2]) if frame.channels == "planes" else (None,):
            yield from _answer(ready, task, band, tile, (above, across), plane, room).strips()


@dataclass(frozen=True, eq=False)
class _Room:
    """Memory that all windows of an image share: fresh memory for each would take its time.

    Attributes
    ----------
    planes
        For the pixels of a window.
    answer
        For what the network says, unless only the noise is wanted.
    """

    planes: NDArray[np.float32]
    answer: Posterior | None

    @classmethod
    def of(cls, tile: Tile, frame: Frame, card: Card, task: Task) -> "_Room":
        """Return room for windows as large as that of a tile."""
        height, width = (side.stop - side.start for side in tile.read)
        planes = np.empty(height * width * colours(frame), np.float32)
        shape = card.channels, height, width
        return cls(planes, None if task.noise_only else Posterior.empty(shape))


class _Band:
    """Rows over the whole width of an image, halo included."""

    def __init__(
        self,
        frame: Frame,
        rows: Rows,
        ranges: Sequence[Range],
        sigma: Rows | float | None,
        start: int,
        stop: int,
        room: NDArray[np.float32],
    ) -> None:
        self._frame, self._ranges, self.start, self._room = frame, ranges, start, room
        self._pixels = rows(start, stop)
        self._sigma = sigma(start, stop) if callable(sigma) else sigma
        self._filled: dict[int | None, UnitImage] = {}

    def unit(self, columns: slice, plane: int | None) -> UnitImage:
        """Return some of the columns in the range of the network."""
        if self._frame.no_data is None:
            return self._convert(columns, plane, self._room)
        if plane not in self._filled:  # gaps are filled along the whole row
            self._filled = {plane: self._convert(slice(0, self._frame.shape[1]), plane)}
        return self._filled[plane].part(slice(None), columns)

    def sigma(self, columns: slice, plane: int | None, unit: UnitImage) -> Planes | None:
        """Return the known noise there, in the shape and units of `unit.planes`."""
        if self._sigma is None:
            return None
        given = np.asarray(self._sigma)
        if given.ndim:
            given = given[:, columns]
        if given.ndim == 3 and plane is not None and given.shape[2] > 1:
            given = given[..., plane]
        return np.broadcast_to(unit.sigma_to_unit(given), unit.planes.shape)

    def _convert(
        self, columns: slice, plane: int | None, room: NDArray[np.float32] | None = None
    ) -> UnitImage:
        pixels = self._pixels[:, columns]
        if plane is not None:
            pixels = pixels[..., plane]
        no_data, origin = self._frame.no_data, (self.start, columns.start)
        range_ = self._ranges[plane or 0]
        return to_unit(pixels, range_, no_data=no_data, origin=origin, room=room)


def _answer(
    ready: Ready,
    task: Task,
    band: _Band,
    tile: Tile,
    positions: tuple[NDArray[np.intp], NDArray[np.intp]],
    plane: int | None,
    room: Posterior | None,
) -> Answer:
    above, across = (position - int(position.min()) for position in positions)
    left = int(positions[1].min())
    columns = slice(left, int(positions[1].max()) + 1)
    unit = band.unit(columns, plane)
    sigma = band.sigma(columns, plane, unit)

    def padded(values: NDArray[np.float32]) -> Planes:
        planar = values.transpose(2, 0, 1)
        return np.ascontiguousarray(_take(_take(planar, above, 1), across, 2))

    def own(values: Planes) -> Planes:
        return values[(slice(None), *tile.crop)]

    planes, place = padded(unit.planes), (*tile.write, plane, unit, (band.start, left))
    if task.noise_only:
        noise = predict_noise(ready.engine, ready.card, planes)
        return Answer(*place, NoisePosterior(*map(own, noise)))
    posterior = predict(
        ready.engine,
        ready.card,
        planes,
        sigma=None if sigma is None else padded(sigma),
        strength=task.strength,
        out=room,
    )
    mean, log_alpha, log_beta, log_error_variance = map(own, posterior)
    return Answer(*place, NoisePosterior(log_alpha, log_beta), mean, log_error_variance)


def _take(values: Planes, positions: NDArray[np.intp], axis: int) -> Planes:
    """Return values at positions; without a copy where none is mirrored."""
    straight = positions[-1] - positions[0] == len(positions) - 1
    return values if straight else np.take(values, positions, axis)


def _shifted(part: slice, start: int) -> slice:
    return slice(part.start - start, part.stop - start)
