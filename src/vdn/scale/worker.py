"""What is done to one block, in whatever thread, process or machine that takes it."""

import sys
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
from vdn.restorer import Restored, Restorer

__all__ = ["DenoiserArguments", "Grid", "denoise_block", "find_limits", "limits_dtype", "take"]

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

    @property
    def models(self) -> Models:
        """Models as those of the restorer."""
        return Models(*self[:6], goal=Goal(self.task))


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

    def stretches(self, block: tuple[int, ...]) -> list[tuple[int, int, int]]:
        """Return, for rows and columns: where it begins, its length, and what is read before."""
        place = block[self.leading : self.leading + 2]
        return [
            (sum(sides[:index]), sides[index], depth if index else 0)
            for sides, index, depth in zip(self.sides, place, self.depth, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class _Part:
    """The result for a block and what was read around it.

    Attributes
    ----------
    denoised
        The result; its image without the surroundings.
    inner
        Rows and columns of the block in the maps.
    """

    denoised: Restored
    inner: tuple[slice, slice]


def denoise_block(
    pixels: NDArray[Any],
    limits: NDArray[Any],
    sigma: NDArray[Any] | float | None = None,
    *,
    block_id: tuple[int, ...],
    grid: Grid,
    arguments: DenoiserArguments,
    strength: float,
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
    grid, arguments, strength
        How to do it.

    Raises
    ------
    InputError
        When pixels are not finite, or the noise is no standard deviation; it says where.
    """
    (top, height, above), (left, width, before) = grid.stretches(block_id)
    plane = pixels[(0,) * grid.leading]
    known = sigma[(0,) * grid.leading] if isinstance(sigma, np.ndarray) else sigma
    low, high, usual = limits.item()
    values, mask = filled(plane, usual)
    if grid.depth[1] > grid.margin:
        narrow = _narrow(values, mask, (low, high), width, before, grid.margin)
        plane, values = plane[:, narrow], values[:, narrow]
        mask = None if mask is None else mask[:, narrow]
        known = known[:, narrow] if isinstance(known, np.ndarray) else known
        before -= narrow.start
    inner = slice(above, above + height), slice(before, before + width)
    try:
        with _network:
            denoiser = _denoiser(arguments._replace(threads=arguments.threads or _own_threads()))
            result = denoiser(values, strength, known, range=(low, high))
    except InputError as error:
        index = (*block_id[: grid.leading], top - above, left - before)
        raise InputError(f"in the part that begins at {index}: {error}") from error
    image = masked_like(result.image, plane, mask)[inner]
    part = np.empty((1,) * pixels.ndim, object)
    part[(0,) * pixels.ndim] = _Part(replace(result, image=image.copy()), inner)
    return part


def take(part: NDArray[Any], name: str, leading: int) -> NDArray[Any]:
    """Return one of the results for a block: "image", "noise_sigma" or "uncertainty".

    `leading` is the number of axes before the rows.
    """
    found: _Part = part.item()
    pixels = getattr(found.denoised, name)
    if name != "image":
        pixels = pixels[found.inner].copy()
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
    return Restorer(arguments.task, None, *arguments[:5], weights=arguments.weights)


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
    start, stop = max(before - margin, 0), min(before + width + margin, values.shape[1])
    low, high = range_
    darkest, brightest = (low + end * (high - low) for end in (DARKEST, BRIGHTEST))
    gaps = mask is not None and bool(mask.any())
    if not gaps and values.dtype != np.uint8:
        gaps = bool(values.min() < darkest or values.max() > brightest)
    return slice(0, values.shape[1]) if gaps else slice(start, stop)
