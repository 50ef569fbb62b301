"""An array on its way into the stores made of it, region by region, whatever its size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.extras import needs_extra
from vdn.image.codecs.ome_zarr import ZarrImage
from vdn.image.pyramid import coarsen, factors
from vdn.image.ranges import sample_rows
from vdn.runtime.tiling import times
from vdn.scale.method import Method
from vdn.scale.planes import Planes
from vdn.scale.stores import missing
from vdn.scale.worker import (
    Grid,
    Part,
    Stretch,
    denoise_part,
    find_limits,
    limits_dtype,
)

__all__ = ["Pass", "Source"]

_COARSENED = 1024  # rows and columns of a coarser level that are made at a time
_TOGETHER = 4096  # tasks that Dask is given at a time, so that its graph does not grow
_IN_FLIGHT = 3  # regions in a process: one is read, one denoised, one written
_REGION = 2**22  # the most pixels of a region, where chunks allow: more are hardly faster


@dataclass(frozen=True, eq=False)
class Source:
    """An array that is read part by part.

    Attributes
    ----------
    array
        Anything with a shape, a dtype, and parts by slices; its last axes are rows and columns. It
        is read from several threads at a time.
    colour
        The axis of the channels where they make one picture, else None.
    unit
        Sides of the parts that are read at one go: chunks, tiles.
    """

    array: Any
    colour: int | None = None
    unit: tuple[int, ...] = ()

    def read(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Return a part, in the byte order of this machine."""
        part = self.array[region]
        if hasattr(part, "dask"):
            part = part.compute(scheduler="synchronous")
        part = np.asanyarray(part)
        return part.astype(part.dtype.newbyteorder("="), copy=False)

    def read_plane(self, index: Sequence[int], *window: slice) -> NDArray[Any]:
        """Return a part of a plane, (h, w[, C]); `index` has a number for each other axis."""
        whole = (*(slice(number, number + 1) for number in index), *window)
        axis = self.colour
        if axis is None:
            return self.read(whole).reshape([part.stop - part.start for part in window])
        region = list(whole)
        region[axis] = slice(0, self.array.shape[axis])
        pixels = np.moveaxis(self.read(tuple(region)), axis, -1)
        return pixels.reshape(pixels.shape[-3:])

    def planes(self) -> Planes:
        """Return the array as a stack of pictures."""
        with needs_extra("scale"):
            import dask.array as da
        array = self.array
        if not hasattr(array, "dask"):
            array = da.from_array(array, chunks=self.unit or "auto", name=False)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if self.colour is None:
            return Planes(array, 0)
        return Planes(da.moveaxis(array, self.colour, -1), array.shape[self.colour])


class Pass:
    """One array on its way into those made of it.

    Parameters
    ----------
    source
        The array.
    outputs
        The images to write, by name: "image", "noise_sigma", "uncertainty".
    method
        How they are made.
    known
        The noise where it is known: a number, or a source of maps over the array.
    range
        The values that are black and white; by default they are found in every plane.
    """

    def __init__(
        self,
        source: Source,
        outputs: Mapping[str, ZarrImage],
        method: Method,
        known: Source | float | None,
        range: tuple[float, float] | None = None,
    ) -> None:
        planes = source.planes()
        self._source, self._outputs, self._method = source, outputs, method
        self._known, self._range = known, range
        first = next(iter(outputs.values())).finest
        unit = first.shards or first.chunks
        most = min(method.max_pixels, _REGION)
        bounded = replace(method, max_pixels=most / np.prod(unit[:-2]))
        self._grid = bounded.grid(planes, unit[-2:])
        self._cut = _whole_units(self._sides(), unit)
        self.count = int(np.prod(planes.array.shape[: planes.leading]))
        self.variance: NDArray[np.float64] = np.zeros(1)
        self.pixels = 0

    def run(self, advance: Callable[[float], None] = lambda pixels: None) -> None:
        """Compute and write what is missing, the finest level first.

        `advance` is called with the pixels that were done since the last call.
        """
        tasks = self._finest(advance)
        for squares, count in _computed(tasks, advance):
            self.variance = self.variance + squares
            self.pixels += count
        for image in self._outputs.values():
            for finer, coarser in pairwise(image.arrays):
                for _ in _computed(_coarser(finer, coarser, image.method == "nearest")):
                    pass

    def _sides(self) -> list[tuple[int, ...]]:
        """Return the sides of what is worked on at a time: a plane, and the blocks in it."""
        colour = self._source.colour
        others = enumerate(self._source.array.shape[:-2])
        leading = [(count,) if axis == colour else (1,) * count for axis, count in others]
        return [*leading, *self._grid.sides]

    def _finest(self, advance: Callable[[float], None]) -> Iterator[tuple[Any, int]]:
        """Yield a task for every region that is missing, and its pixels."""
        import dask

        arrays = {name: image.finest for name, image in self._outputs.items()}
        work = _Work(self._source, self._known, self._grid, self._method, arrays)
        limits = _Limits(self._source, self._range, self._method.choice.card.nominal_range)
        for region in _regions(self._cut):
            size = int(np.prod([part.stop - part.start for part in region]))
            if any(missing(array, work.place(region, array)) for array in arrays.values()):
                planes = list(_indices(region, self._source.colour))
                whole = [part.stop - part.start for part in region[-2:]]
                found = limits.of(planes, whole == list(self._source.array.shape[-2:]))
                yield dask.delayed(partial(work, region), pure=False)(found), size
            else:
                advance(size)


class _Limits:
    """The range of every plane, found once for all its regions.

    Where a plane is looked at as a whole that is a task; of larger ones a few rows are read now.
    """

    def __init__(self, source: Source, range: tuple[float, float] | None, nominal: bool) -> None:
        self._source, self._nominal = source, nominal
        self._range = (0.0, 255.0) if range is None and source.array.dtype == np.uint8 else range
        self._found: dict[tuple[int, ...], Any] = {}

    def of(self, planes: Sequence[tuple[int, ...]], whole: bool) -> list[Any]:
        """Return what `find_limits` finds in planes; None where a task has all rows to find it."""
        if whole and self._range is None and len(self._rows) == 1:
            return [None] * len(planes)
        self._found = {index: self._found.get(index) for index in planes}
        return [self._of_plane(index) for index in planes]

    @property
    def _rows(self) -> list[tuple[int, int]]:
        return list(sample_rows(*self._source.array.shape[-2:]))

    def _of_plane(self, index: tuple[int, ...]) -> Any:
        import dask

        if self._found[index] is None:
            if self._range is not None:
                dtype = limits_dtype(self._source.array.dtype)
                self._found[index] = np.array((*self._range, 0), dtype)
            elif len(self._rows) == 1:
                find = partial(_limits_of, self._source, index, self._rows, self._nominal)
                self._found[index] = dask.delayed(find, pure=False)()
            else:
                found = _limits_of(self._source, index, self._rows, self._nominal)
                self._found[index] = found
        return self._found[index]


def _limits_of(
    source: Source, index: tuple[int, ...], rows: Sequence[tuple[int, int]], nominal: bool
) -> NDArray[Any]:
    width = slice(0, source.array.shape[-1])
    sample = [source.read_plane(index, slice(*each), width) for each in rows]
    return find_limits(sample[0] if len(sample) == 1 else np.concatenate(sample), nominal)


@dataclass(frozen=True, eq=False)
class _Work:
    """What is done to a region: read, denoised, written."""

    source: Source
    known: Source | float | None
    grid: Grid
    method: Method
    arrays: Mapping[str, Any]

    def __call__(
        self, region: tuple[slice, ...], limits: Sequence[Any]
    ) -> tuple[NDArray[np.float64], int]:
        """Return the squares of the noise, summed a channel, and how many there were."""
        places = {name: self.place(region, array) for name, array in self.arrays.items()}
        results = {
            name: np.empty([each.stop - each.start for each in place], self.arrays[name].dtype)
            for name, place in places.items()
        }
        squares: Any = 0.0
        count = 0
        planes = _indices(region, self.source.colour)
        for index, found in zip(planes, limits, strict=True):
            part, crop = self._plane(index, region[-2:], found)
            at = [number - each.start for number, each in zip(index, region, strict=False)]
            for name, target in results.items():
                scale = self._scale(self.arrays[name])
                shown = times(crop[0], scale), times(crop[1], scale)
                self._put(target, list(at), part[name][shown])
            sides = [each.stop - each.start for each in region[-2:]]
            squares = squares + self._mean_squares(part, crop) * np.prod(sides)
            count += int(np.prod(sides))
            del part  # the next needs its memory
        for name, array in self.arrays.items():
            target = array.with_config({"write_empty_chunks": True})  # one that is there is done
            target[places[name]] = results[name]
        return squares, count

    def place(self, region: Sequence[slice], array: Any) -> tuple[slice, ...]:
        """Return where a region of the source is in an array made of it.

        That may have more rows and columns, and fewer channels: a map has no alpha.
        """
        scale = self._scale(array)
        enlarged = (*region[:-2], *(times(part, scale) for part in region[-2:]))
        return tuple(
            slice(part.start, min(part.stop, length))
            for part, length in zip(enlarged, array.shape, strict=True)
        )

    def _scale(self, array: Any) -> int:
        """Return the pixels a side of an array for one of the source."""
        scale: int = array.shape[-1] // self.source.array.shape[-1]
        return scale

    def _mean_squares(self, part: Part, crop: tuple[slice, slice]) -> NDArray[np.float64]:
        """Return the mean squares of the noise; with what was read around, if no map is made."""
        if "noise_sigma" not in self.arrays:
            return np.square(part.denoised.sigma)
        found = np.square(part["noise_sigma"][crop], dtype=np.float64).mean(axis=(0, 1))
        return np.atleast_1d(found)

    def _put(self, target: NDArray[Any], place: list[int], pixels: NDArray[Any]) -> None:
        """Put a plane where it belongs."""
        colour = self.source.colour
        if colour is None:
            target[tuple(place)] = pixels
        else:
            del place[colour : colour + 1]
            np.moveaxis(target, colour, -1)[tuple(place)] = np.atleast_3d(pixels)

    def _plane(
        self, index: tuple[int, ...], window: Sequence[slice], limits: NDArray[Any] | None
    ) -> tuple[Any, tuple[slice, slice]]:
        """Return the result for a part of a plane, and what of it was asked for."""
        grid, method, source = self.grid, self.method, self.source
        sides = source.array.shape[-2:]
        multiple = method.choice.card.multiple
        place, read, crop = [], [], []
        for part, length, depth in zip(window, sides, grid.depth, strict=True):
            start = part.start // multiple * multiple
            before = min(depth, start)
            place.append(Stretch(start, part.stop - start, before))
            # The first is read as far as the others, for the network to see parts of one shape.
            stop = start - before + (part.stop - start) + 2 * depth
            read.append(slice(start - before, min(stop, length)))
            crop.append(slice(part.start - start, part.stop - start))
        pixels = source.read_plane(index, *read)
        given = self.known
        known = given.read_plane(index, *read) if isinstance(given, Source) else given
        if limits is None:
            limits = find_limits(pixels, method.choice.card.nominal_range)
        found = denoise_part(
            pixels,
            limits,
            known,
            place,
            grid=grid,
            arguments=method.arguments,
            request=method.request,
            plane=index,
        )
        return found, (crop[0], crop[1])


def _computed(
    tasks: Iterable[tuple[Any, int]], advance: Callable[[float], None] = lambda pixels: None
) -> Iterator[Any]:
    """Yield what tasks come to, given to Dask as many at a time as it keeps without growing."""
    import dask
    from dask.callbacks import Callback

    sizes: dict[Any, int] = {}

    def done(key: Any, *rest: Any) -> None:
        if key in sizes:
            advance(sizes[key])

    workers = dask.config.get("num_workers", _IN_FLIGHT)
    tasks = iter(tasks)
    while batch := list(islice(tasks, _TOGETHER)):
        sizes.clear()
        sizes.update((task.key, size) for task, size in batch)
        with Callback(posttask=done), dask.config.set(num_workers=workers):
            yield from dask.compute(*(task for task, _ in batch))


def _coarser(finer: Any, coarser: Any, nearest: bool) -> Iterator[tuple[Any, int]]:
    """Yield the tasks that write a level from the one before."""
    import dask

    factors(finer.shape, coarser.shape)
    unit = coarser.shards or coarser.chunks
    sides = [1] * (coarser.ndim - 2) + [_COARSENED] * 2
    pieces = [
        _even(length, -(-side // step) * step)
        for length, side, step in zip(coarser.shape, sides, unit, strict=True)
    ]
    for region in _regions(pieces):
        if missing(coarser, region):
            write = partial(_write_coarser, finer, coarser, region, nearest)
            yield dask.delayed(write, pure=False)(), 0


def _write_coarser(finer: Any, coarser: Any, region: Sequence[slice], nearest: bool) -> None:
    """Compute a part of a level from the finer one; both are Zarr arrays."""
    by = factors(finer.shape, coarser.shape)
    source = tuple(
        slice(part.start * step, min(part.stop * step, length))
        for part, step, length in zip(region, by, finer.shape, strict=True)
    )
    shape = [part.stop - part.start for part in region]
    coarser[tuple(region)] = coarsen(finer[source], by, shape, nearest)


def _indices(region: Sequence[slice], colour: int | None) -> Iterator[tuple[int, ...]]:
    """Yield the place of every plane in a region; channels that are one picture count once."""
    starts = [part.start for part in region[:-2]]
    counts = [
        1 if axis == colour else part.stop - part.start for axis, part in enumerate(region[:-2])
    ]
    for index in np.ndindex(*counts):
        yield tuple(start + step for start, step in zip(starts, index, strict=True))


def _whole_units(
    chunks: Sequence[tuple[int, ...]], unit: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Return chunks that hold whole units: the given ones where they do."""
    return tuple(
        sides
        if all(edge % step == 0 for edge in np.cumsum(sides[:-1]))
        else _even(sum(sides), step * max(1, round(max(sides) / step)))
        for sides, step in zip(chunks, unit, strict=True)
    )


def _even(length: int, side: int) -> tuple[int, ...]:
    count, rest = divmod(length, side)
    return (side,) * count + ((rest,) if rest else ())


def _regions(chunks: Sequence[tuple[int, ...]]) -> Iterator[tuple[slice, ...]]:
    """Yield the pixels of every chunk."""
    edges = [np.cumsum([0, *sides]).tolist() for sides in chunks]
    for index in np.ndindex(*map(len, chunks)):
        yield tuple(slice(edge[i], edge[i + 1]) for edge, i in zip(edges, index, strict=True))
