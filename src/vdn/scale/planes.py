"""A Dask array as a stack of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.errors import InputError
from vdn.image.arrays import check_image
from vdn.image.frame import Frame, channels_of
from vdn.image.masks import filled, usual_value
from vdn.image.ranges import sample_rows
from vdn.scale.blocks import uniform
from vdn.scale.worker import find_limits, limits_dtype

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["Planes"]


@dataclass(frozen=True, eq=False)
class Planes:
    """The pictures that an array holds.

    Attributes
    ----------
    array
        (..., H, W), or (..., H, W, C).
    channels
        C, alpha included; 0 where there is no such axis.
    """

    array: da.Array
    channels: int

    def __post_init__(self) -> None:
        shape = self.array.shape
        if self.array.ndim < (3 if self.channels else 2):
            raise InputError(f"array has shape {shape}; the last axes have to be rows and columns")
        if np.isnan(shape).any():
            raise InputError(
                f"array has shape {shape}; its chunks have to be known, see compute_chunk_sizes()"
            )
        if not self.array.size:
            raise InputError(f"array has shape {shape}: no pixels")
        check_image(np.empty((1, 1, *self.shape[2:]), self.array.dtype))

    @property
    def leading(self) -> int:
        """Axes before the rows."""
        return self.array.ndim - len(self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one picture."""
        shape: tuple[int, ...] = self.array.shape[-3 if self.channels else -2 :]
        return shape

    @property
    def chunks(self) -> tuple[int, int]:
        """Rows and columns of a chunk; 1 where they are irregular."""
        rows, columns = self.array.chunks[self.leading : self.leading + 2]
        return uniform(rows), uniform(columns)

    @property
    def masked(self) -> bool:
        """Whether chunks are masked arrays."""
        return isinstance(self.array._meta, np.ma.MaskedArray)

    @property
    def map_channels(self) -> int:
        """Channels of a map; 0 where it has no such axis."""
        return {2: 0, 4: 3}.get(self.channels, self.channels)

    def first(self) -> Frame:
        """Return the first picture, read when its rows are asked for."""
        plane = self.array[(0,) * self.leading]

        def rows(start: int, stop: int) -> NDArray[Any]:
            usual = usual_value(_sample(plane)[0].compute()) if self.masked else None
            return filled(plane[start:stop].compute(), usual)[0]

        return Frame(
            shape=self.shape,
            dtype=self.array.dtype,
            channels=channels_of(self.shape),
            streams=True,
            read_rows=rows,
        )

    def limits(self, range: tuple[float, float] | None, nominal: bool) -> da.Array:
        """Return what `find_limits` finds in each picture, with one in the place of H, W and C.

        In pictures that are looked at as a whole it is found with the blocks. In larger ones it is
        found now: blocks that wait for rows from all over the picture would fill the memory.
        """
        import dask.array as da
        from dask import compute, delayed

        count = self.array.shape[: self.leading]
        dtype = limits_dtype(self.array.dtype)
        ends = (None,) * len(self.shape)
        if range is not None and not (np.isfinite(range).all() and range[0] < range[1]):
            raise InputError(f"range={range!r}; give (black, white), finite, black below white")
        if self.array.dtype == np.uint8 and range is None:
            range = 0.0, 255.0
        if range is not None and not self.masked:
            known = np.empty(count, dtype)
            known[...] = *range, 0
            return da.from_array(known, chunks=1)[(..., *ends)]
        find = delayed(partial(find_limits, nominal=nominal, range=range))
        found = np.empty(count, object)
        for index in np.ndindex(*count):
            sample, whole = _sample(self.array[index])
            found[index] = find(sample)
        if not whole:
            known = np.empty(count, dtype)
            known[...] = np.reshape(compute(*found.flat), count)
            return da.from_array(known, chunks=1)[(..., *ends)]

        def block(*index: int) -> Any:
            if len(index) < len(count):
                return [block(*index, each) for each in np.arange(count[len(index)])]
            return da.from_delayed(found[index], (), dtype)[(None,) * len(count)]

        return da.block(block())[(..., *ends)]

    def known_noise(self, sigma: ArrayLike | da.Array | None) -> da.Array | float | None:
        """Return the noise that the user knows: a number, or (..., H, W[, C]) like the array."""
        import dask.array as da

        if sigma is None or np.ndim(sigma) == 0:
            return None if sigma is None else float(np.asarray(sigma))
        given = da.asarray(sigma)
        sides = self.array.shape[: self.leading + 2]
        if self.channels and given.shape not in (sides, self.shape[:2]):
            wanted = [(*sides, each) for each in (1, self.map_channels or 1)]
        else:
            given = given[..., None] if self.channels else given
            wanted = [(*sides, 1) if self.channels else sides]
            if given.shape[: 2 + bool(self.channels)] == wanted[0][self.leading :]:
                given = da.broadcast_to(given, wanted[0])
        if given.shape not in wanted:
            raise InputError(
                f"noise_sigma has shape {np.shape(sigma)}; give a number, a map {self.shape[:2]} "
                f"or an array {' or '.join(map(str, wanted))}"
            )
        return given


def _sample(plane: da.Array) -> tuple[da.Array, bool]:
    """Return the rows that the range is found from, and whether they are all."""
    import dask.array as da

    rows = list(sample_rows(*plane.shape[:2]))
    if len(rows) == 1:
        return plane, True
    return da.concatenate([plane[start:stop] for start, stop in rows]), False
