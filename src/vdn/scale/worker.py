"""What is done to one block, in whatever thread, process or machine that takes it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.image.arrays import BRIGHTEST, DARKEST
from vdn.image.masks import filled, masked_like, usual_value
from vdn.image.ranges import range_of
from vdn.models import Goal, Models
from vdn.predictions import Request
from vdn.restorer import Restored, Restorer
from vdn.runtime.tiling import times

__all__ = [
    "DenoiserArguments",
    "Grid",
    "Part",
    "Stretch",
    "denoise_block",
    "denoise_part",
    "find_limits",
    "limits_dtype",
    "take",
]

_network = Lock()  # one at a time a process: it has all the threads


class DenoiserArguments(NamedTuple):
    """The arguments of a `Restorer`, of which every process makes one."""

    model: str | Path
    threads: int | None
    max_memory: float | None
    precision: str
    device: str
    weights: Path | None
    task: str = "denoise"
    scale: int | None = None

    @property
    def models(self) -> Models:
        """Models as those of the restorer."""
        return Models(*self[:6], goal=Goal(self.task, self.scale))


class Stretch(NamedTuple):
    """Rows or columns of a block: where they begin, how many, and what is read before them."""

    start: int
    length: int
    before: int


@dataclass(frozen=True)
class Grid:
    """How blocks lie in a plane, and what is read around them.

    Attributes
    ----------
    sides
        Heights and widths of the blocks.
    leading
        Axes before the rows.
    margin
        Pixels around a block that its result depends on.
    depth
        Rows and columns that are read around it.
    """

    sides: tuple[tuple[int, ...], tuple[int, ...]]
    leading: int
    margin: int
    depth: tuple[int, int]

    def stretches(self, block: tuple[int, ...]) -> list[Stretch]:
        """Return the rows and the columns of a block."""
        place = block[self.leading : self.leading + 2]
        return [
            Stretch(sum(sides[:index]), sides[index], depth if index else 0)
            for sides, index, depth in zip(self.sides, place, self.depth, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Part:
    """The result for a part of a plane and what was read around it.

    Attributes
    ----------
    denoised
        The result; its image without the surroundings.
    inner
        Rows and columns of the part in the array.
    scale
        Pixels a side of the image, and of its uncertainty, for one of the array.
    """

    denoised: Restored
    inner: tuple[slice, slice]
    scale: int

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return one of the results: "image", "noise_sigma" or "uncertainty"."""
        pixels: NDArray[Any] = getattr(self.denoised, name)
        if name == "image":
            return pixels
        return pixels[_times(self.inner, 1 if name == "noise_sigma" else self.scale)].copy()


def denoise_block(
    pixels: NDArray[Any],
    limits: NDArray[Any],
    sigma: NDArray[Any] | float | None = None,
    *,
    block_id: tuple[int, ...],
    grid: Grid,
    arguments: DenoiserArguments,
    request: Request,
) -> NDArray[Any]:
    """Return an array with one object, the result for a block; its maps are computed later.

    Parameters
    ----------
    pixels
        (1, ..., h, w[, C]) with the surroundings.
    limits
        (1, ..., 1), as `find_limits` returns them.
    sigma
        The known noise, over the same pixels.
    block_id
        The block's position in the grid.
    grid, arguments, request
        How to do it.

    Raises
    ------
    InputError
        When pixels are not finite, or the noise is no standard deviation; it says where.
    """
    first = (0,) * grid.leading
    known = sigma[first] if isinstance(sigma, np.ndarray) else sigma
    found = denoise_part(
        pixels[first],
        limits,
        known,
        grid.stretches(block_id),
        grid=grid,
        arguments=arguments,
        request=request,
        plane=block_id[: grid.leading],
    )
    part = np.empty((1,) * pixels.ndim, object)
    part[(0,) * pixels.ndim] = found
    return part


def denoise_part(
    pixels: NDArray[Any],
    limits: NDArray[Any],
    known: NDArray[Any] | float | None,
    place: Sequence[Stretch],
    *,
    grid: Grid,
    arguments: DenoiserArguments,
    request: Request,
    plane: tuple[int, ...] = (),
) -> Part:
    """Return the result for a part of a plane.

    Parameters
    ----------
    pixels
        (h, w[, C]) with the surroundings.
    limits, known
        As in `denoise_block`.
    place
        Rows and columns of the part; what is read before them keeps the network's multiple.
    grid, arguments, request
        How to do it.
    plane
        Where the plane is in the array, for messages.

    Raises
    ------
    InputError
        As `denoise_block`.
    """
    (top, height, above), (left, width, before) = place
    low, high, usual = limits.item()
    values, mask = filled(pixels, usual)
    if grid.depth[1] > grid.margin:
        narrow = _narrow(values, mask, (low, high), width, before, grid.margin)
        pixels, values = pixels[:, narrow], values[:, narrow]
        mask = None if mask is None else mask[:, narrow]
        known = known[:, narrow] if isinstance(known, np.ndarray) else known
        before -= narrow.start
    inner = slice(above, above + height), slice(before, before + width)
    try:
        with _network:
            denoiser = _denoiser(arguments._replace(threads=arguments.threads or _own_threads()))
            result = denoiser(
                values,
                request.strength,
                known,
                range=(low, high),
                ensemble=request.ensemble,
            )
    except InputError as error:
        index = (*plane, top - above, left - before)
        raise InputError(f"in the part that begins at {index}: {error}") from error
    image = masked_like(result.image, pixels, mask)
    scale = len(image) // len(pixels)
    return Part(replace(result, image=image[_times(inner, scale)].copy()), inner, scale)


def _times(inner: tuple[slice, slice], scale: int) -> tuple[slice, slice]:
    return times(inner[0], scale), times(inner[1], scale)


def take(part: NDArray[Any], name: str, leading: int) -> NDArray[Any]:
    """Return one of the results for a block: "image", "noise_sigma" or "uncertainty".

    `leading` is the number of axes before the rows.
    """
    found: Part = part.item()
    pixels = found[name]
    return pixels.reshape((1,) * leading + pixels.shape)


def find_limits(
    sample: NDArray[Any], nominal: bool, range: tuple[float, float] | None = None
) -> NDArray[Any]:
    """Return the range of a plane, and the value for what is masked in it, from sampled rows.

    Parameters
    ----------
    sample
        The rows that `vdn.image.find_ranges` looks at.
    nominal
        As there.
    range
        Black and white, if they are known.
    """
    usual = usual_value(sample) if isinstance(sample, np.ma.MaskedArray) else 0
    if range is None:
        values, _ = filled(sample, usual)
        alpha = sample.ndim == 3 and sample.shape[2] in (2, 4)
        found = range_of(values[..., :-1] if alpha else values, None, nominal)
        range = found.offset, found.offset + found.scale
    return np.array((*range, usual), limits_dtype(sample.dtype))


def limits_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of what `find_limits` returns for pixels of a dtype."""
    return np.dtype([("low", "f8"), ("high", "f8"), ("usual", dtype)])


@cache
def _denoiser(arguments: DenoiserArguments) -> Restorer:
    return Restorer(arguments.task, arguments.scale, *arguments[:5], weights=arguments.weights)


def _own_threads() -> int | None:
    """Return the threads that a worker of a Dask cluster was given; else None, for all cores."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return int(distributed.get_worker().state.nthreads)
    except ValueError:  # this is no worker
        return None


def _narrow(
    values: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    range_: tuple[float, float],
    width: int,
    before: int,
    margin: int,
) -> slice:
    """Return the columns to compute: without those that were read to fill gaps, if there are none.

    What is filled near the margin may come from beyond it.
    """
    start = max(before - margin, 0)
    stop = min(start + width + 2 * margin, values.shape[1])
    low, high = range_
    darkest, brightest = (low + end * (high - low) for end in (DARKEST, BRIGHTEST))
    gaps = mask is not None and bool(mask.any())
    if not gaps and values.dtype != np.uint8:
        gaps = bool(values.min() < darkest or values.max() > brightest)
    return slice(0, values.shape[1]) if gaps else slice(start, stop)
