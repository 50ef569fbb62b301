"""The planes of an array of any number of axes, each of which is denoised by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.image.frame import Frame, channels_of

__all__ = ["Planes", "plane_axes"]

Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Planes:
    """The planes of the data of a layer; only what is asked for is read.

    Attributes
    ----------
    data
        An array, or what is sliced like one and read then: of dask, zarr and others.
    axes
        Those of the rows and of the columns of a plane, ascending.
    rgb
        Whether the last axis are three colours, or four with alpha.

    Raises
    ------
    InputError
        When the array has no such axes.

    Examples
    --------
    >>> planes = Planes(np.zeros((5, 2, 64, 48), np.uint8), (2, 3))
    >>> len(planes), planes.shape
    (10, (64, 48))
    """

    data: Any
    axes: tuple[int, int]
    rgb: bool = False

    def __post_init__(self) -> None:
        if self.axes not in plane_axes(self.ndim):
            raise InputError(
                f"an image of shape {self.data.shape} has no planes along the axes {self.axes}; "
                f"give one of {plane_axes(self.ndim)}"
            )

    @property
    def ndim(self) -> int:
        """The number of axes without that of the colours."""
        return len(self.data.shape) - self.rgb

    @property
    def leading(self) -> tuple[int, ...]:
        """The axes that number the planes."""
        return tuple(axis for axis in range(self.ndim) if axis not in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of a plane: (H, W) or (H, W, C)."""
        colours = self.data.shape[self.ndim :]
        return tuple(map(int, (*(self.data.shape[axis] for axis in self.axes), *colours)))

    @property
    def map_shape(self) -> tuple[int, ...]:
        """That of a map over all planes: one number a pixel."""
        return tuple(map(int, self.data.shape[: self.ndim]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the pixels."""
        return np.dtype(self.data.dtype)

    @property
    def in_memory(self) -> bool:
        """Whether nothing has to be read or computed to look at all pixels."""
        return isinstance(self.data, np.ndarray)

    def __len__(self) -> int:
        return int(np.prod([self.data.shape[axis] for axis in self.leading], dtype=int))

    def __iter__(self) -> Iterator[Index]:
        """Yield the numbers of the planes, one for each of the `leading` axes."""
        return np.ndindex(*(int(self.data.shape[axis]) for axis in self.leading))

    def place(
        self, index: Index, rows: slice = slice(None), columns: slice = slice(None)
    ) -> tuple[int | slice, ...]:
        """Return where a plane, or a part of it, is in the array."""
        places = dict(zip(self.leading, index, strict=True))
        wanted = dict(zip(self.axes, (rows, columns), strict=True))
        return tuple((places | wanted)[axis] for axis in range(self.ndim))

    def read(
        self, index: Index, rows: slice = slice(None), columns: slice = slice(None)
    ) -> NDArray[Any]:
        """Return the pixels of a plane, or of a part of it, (h, w[, C])."""
        return np.asarray(self.data[self.place(index, rows, columns)])

    def frame(self, index: Index) -> Frame:
        """Return a plane as a frame, of which parts are read when they are asked for."""
        return Frame(
            shape=self.shape,
            dtype=self.dtype,
            channels=channels_of(self.shape),
            streams=True,
            read_rows=lambda start, stop: self.read(index, slice(start, stop)),
            read_window=lambda rows, columns: self.read(index, rows, columns),
        )


def plane_axes(ndim: int) -> tuple[tuple[int, int], ...]:
    """Return the pairs of axes that may be the rows and columns of a plane, the usual one first.

    Examples
    --------
    >>> plane_axes(4)
    ((2, 3), (1, 2), (0, 1))
    """
    return tuple((axis, axis + 1) for axis in reversed(range(ndim - 1)))
