"""The frames of a picture as one array, read where it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.image.dimensions import Axis, Dimensions
from vdn.image.limits import PIECE_LIMIT
from vdn.image.picture import Picture
from vdn.image.read import open_picture

__all__ = ["FrameArray", "dimensions_of"]


class FrameArray:
    """The frames of a picture as an array of the axes they have; read by one thread at a time.

    It can be pickled: the file is opened again where it is needed.

    Parameters
    ----------
    picture
        The picture, which has to stay open.
    max_bytes
        As in `vdn.image.open_picture`.

    Raises
    ------
    InputError
        When its frames differ in size or kind.

    Examples
    --------
    >>> array = FrameArray(Picture.of(np.zeros((20, 30, 3), np.uint8)))
    >>> array.shape, array[0:1, 0:5, 0:7].shape
    ((3, 20, 30), (1, 5, 7))
    """

    def __init__(self, picture: Picture, max_bytes: int = PIECE_LIMIT) -> None:
        self.dimensions = dimensions_of(picture)
        self.dtype = picture.frames[0].dtype
        self.shape = self.dimensions.shape
        self.ndim, self.size = len(self.shape), prod(self.shape)
        self._picture, self._max_bytes, self._lock = picture, max_bytes, Lock()
        frame = picture.frames[0]
        self._samples = self.ndim - 3 if len(frame.shape) == 3 else None  # axis of the channels

    def __reduce__(self) -> tuple[Callable[..., FrameArray], tuple[Any, ...]]:
        return _opened, (self._picture.source or self._picture.path, self._max_bytes)

    def __getitem__(self, region: tuple[slice, ...]) -> NDArray[Any]:
        """Return a part; `region` has a slice with a start and a stop for every axis."""
        *leading, rows, columns = region
        samples = None if self._samples is None else leading.pop(self._samples)
        counts = [part.stop - part.start for part in leading]
        shape = self.shape[: len(counts)]
        parts = []
        for index in np.ndindex(*counts):
            place = [part.start + step for part, step in zip(leading, index, strict=True)]
            number = int(np.ravel_multi_index(place, shape)) if place else 0
            with self._lock:
                window = self._picture.frames[number].window(rows, columns)
            parts.append(window if samples is None else np.moveaxis(window, -1, 0)[samples])
        whole = parts[0][None] if len(parts) == 1 else np.stack(parts)
        return whole.reshape(*counts, *whole.shape[1:])


def _opened(path: Path, max_bytes: int) -> FrameArray:
    return FrameArray(open_picture(path, max_bytes=max_bytes), max_bytes)


def dimensions_of(picture: Picture) -> Dimensions:
    """Return what the frames of a picture are: as it says, else pages along z.

    Where the axes have no unit, dots per inch give one to rows and columns.

    Raises
    ------
    InputError
        When its frames differ in size or kind.
    """
    frames = picture.frames
    if len({(frame.shape, frame.dtype, frame.channels) for frame in frames}) > 1:
        raise InputError(
            f"{picture.path}: holds images of different sizes or kinds, and a Zarr holds one "
            "array; write TIFF"
        )
    frame, found = frames[0], picture.dimensions
    if found is None:
        axes = [Axis("y", frame.shape[0]), Axis("x", frame.shape[1])]
        if len(frame.shape) == 3:
            axes.insert(0, Axis("c", frame.shape[2]))
        if len(frames) > 1:
            axes.insert(0, Axis("z", len(frames)))
        found = Dimensions(tuple(axes), name=picture.path.name.split(".")[0])
    elif len(frame.shape) == 3 and found.colour is None:
        raise InputError(f"{picture.path}: has channels in its pages and others along its axes")
    together = len(frame.shape) == 3 and frame.channels != "planes"
    found = replace(found, colour=len(found.axes) - 3 if together else None)
    dpi = picture.metadata.dpi
    if dpi and not any(axis.unit for axis in found.axes[-2:]):
        y, x = found.axes[-2:]
        steps = (
            replace(y, unit="micrometer", step=25400 / dpi[1]),
            replace(x, unit="micrometer", step=25400 / dpi[0]),
        )
        found = replace(found, axes=(*found.axes[:-2], *steps))
    return found
