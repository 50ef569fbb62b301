"""NumPy arrays in `.npy` files, mapped into memory; never pickled objects."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.atomic import reserve
from vdn.image.encoding import Encoder, EncodeRequest
from vdn.image.frame import Frame, FrameSpec, channels_of
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture

__all__ = ["array_specs", "check_array", "encode", "open_file"]

_MOST_CHANNELS = 4


def open_file(path: Path, _: int) -> Picture:
    """Open a `.npy` file; see `array_specs` for what its axes are."""
    array = np.lib.format.open_memmap(path, mode="r")
    check_array(array.dtype, array.shape)
    specs = array_specs(array.shape, array.dtype)
    frames = [
        Frame(
            shape=spec.shape,
            dtype=spec.dtype,
            channels=spec.channels,
            name=spec.name,
            streams=True,
            read_rows=_reader(array, index, spec),
        )
        for index, spec in zip(np.ndindex(_stack(array.shape)), specs, strict=True)
    ]
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    encoding = {"shape": array.shape, "dtype": array.dtype, "fortran": fortran}
    return Picture(frames, Metadata(), "npy", path, encoding)


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write a `.npy` file of the source's axes, byte order and memory order."""
    first = request.frames[0]
    stack: tuple[int, ...] = (len(request.frames),) if len(request.frames) > 1 else ()
    if "shape" in request.encoding:
        stack = _stack(request.encoding["shape"])
    if any((frame.shape, frame.dtype) != (first.shape, first.dtype) for frame in request.frames):
        raise FileError("its images differ in size or dtype; choose .npz or .tiff")
    shape = (*stack, *first.shape)
    array = np.lib.format.open_memmap(
        path,
        mode="w+",
        dtype=request.encoding.get("dtype", first.dtype),
        shape=shape,
        fortran_order=request.encoding.get("fortran", False),
    )
    with path.open("r+b") as file:
        reserve(file, path.stat().st_size)
    for index, frame in zip(np.ndindex(_stack(shape)), request.frames, strict=True):
        row = 0
        while row < frame.shape[0]:
            rows = yield
            array[index][row : row + len(rows)] = rows
            row += len(rows)
    array.flush()


def check_array(dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Refuse arrays that are not images."""
    if dtype.kind not in "uif" or dtype.itemsize > 8:
        raise FileError(f"is an array of {dtype}; convert it to integers or floats first")
    if len(shape) < 2:
        raise FileError(f"is an array of shape {shape}; an image has at least two axes")
    if not math.prod(shape):
        raise FileError(f"is an array of shape {shape}: no pixels")


def array_specs(
    shape: tuple[int, ...], dtype: np.dtype[Any], name: str = ""
) -> Sequence[FrameSpec]:
    """Return what the images in an array are like.

    With 1 to 4 along the last of three or more axes these are channels; otherwise the last two
    axes are rows and columns. Axes before them are stacked: time, depth.

    Examples
    --------
    >>> len(array_specs((10, 5, 64, 48), np.dtype("uint16")))
    50
    >>> array_specs((10, 64, 48, 3), np.dtype("uint8"))[0].channels
    'colour'
    """
    stack = _stack(shape)
    image = shape[len(stack) :]
    many = math.prod(stack) > 1
    return [
        FrameSpec(
            shape=image,
            dtype=dtype.newbyteorder("="),
            channels=channels_of(image),
            name=" ".join(filter(None, [name, f"image {list(index)}" if many else ""])),
        )
        for index in np.ndindex(stack)
    ]


def _stack(shape: tuple[int, ...]) -> tuple[int, ...]:
    channels_last = len(shape) > 2 and shape[-1] <= _MOST_CHANNELS
    return shape[: -3 if channels_last else -2]


def _reader(array: NDArray[Any], index: tuple[int, ...], spec: FrameSpec) -> Any:
    return lambda start, stop: np.array(array[index][start:stop], spec.dtype, order="C")
