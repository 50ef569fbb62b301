"""Pictures and maps on disk as the page shows them: upright, in levels of half the size each."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.frame import Frame
from vdn.image.ranges import Range
from vdn.result_plot import luminance

__all__ = [
    "Raster",
    "flips_columns",
    "flips_rows",
    "is_transposed",
    "make_map",
    "make_screen",
    "on_screen",
    "png",
    "stored",
    "upright",
]

TILE = 512  # pixels a side
_ROWS = 256
_ENOUGH = 1024  # the smallest level has no longer side than this


@dataclass(frozen=True)
class Raster:
    """Levels of an image, (H, W[, 3]) each, in `.npy` files that are mapped when looked at.

    Attributes
    ----------
    folder, name
        Where the files are, and what their names begin with.
    shape
        (H, W) of the whole.
    levels
        How many there are.
    """

    folder: Path
    name: str
    shape: tuple[int, int]
    levels: int

    def level(self, index: int) -> NDArray[Any]:
        """Return a level, mapped from its file."""
        level: NDArray[Any] = np.load(self.folder / f"{self.name}-{index}.npy", mmap_mode="r")
        return level

    @cached_property
    def display_range(self) -> tuple[float, float]:
        """The ends of the scale of colours of a map: its percentiles 1 and 99."""
        low, high = map(float, np.percentile(self.level(self.levels - 1), (1, 99)))
        return low, max(high, low + 1e-6 * abs(low) + 1e-30)

    def tile(self, level: int, row: int, column: int) -> NDArray[Any] | None:
        """Return a tile of at most `TILE` pixels a side; None where there is none."""
        if not 0 <= level < self.levels or min(row, column) < 0:
            return None
        rows, columns = (slice(TILE * place, TILE * (place + 1)) for place in (row, column))
        found = np.asarray(self.level(level)[rows, columns])
        return found if found.size else None


def on_screen(pixels: NDArray[Any], range_: Range) -> NDArray[np.uint8]:
    """Return pixels of a frame as 8 bits, (H, W) or (H, W, 3); those of 8 bits as they are.

    Of channels that are no colours the first is shown; alpha is not.
    """
    if pixels.ndim == 3:
        pixels = pixels[..., :3] if pixels.shape[2] in (3, 4) else pixels[..., 0]
    if pixels.dtype == np.uint8 and range_.offset == 0 and range_.scale == 255:
        return pixels
    unit = (pixels.astype(np.float32) - np.float32(range_.offset)) / np.float32(range_.scale)
    return np.rint(255 * np.clip(np.nan_to_num(unit), 0, 1)).astype(np.uint8)


def is_transposed(orientation: int) -> bool:
    """Whether rows are to be looked at as columns, by EXIF's orientation."""
    return orientation in (5, 6, 7, 8)


def flips_rows(orientation: int) -> bool:
    """Whether the picture is then turned upside down."""
    return orientation in (3, 4, 7, 8)


def flips_columns(orientation: int) -> bool:
    """Whether it is then mirrored from left to right."""
    return orientation in (2, 3, 6, 7)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return a view of stored pixels as they are to be looked at.

    Examples
    --------
    >>> upright(np.array([[1, 2], [3, 4]]), 6).tolist()
    [[3, 1], [4, 2]]
    """
    if is_transposed(orientation):
        pixels = pixels.swapaxes(0, 1)
    return _flipped(pixels, orientation)


def stored(view: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return a view of upright pixels as they are stored: the inverse of `upright`."""
    view = _flipped(view, orientation)
    return view.swapaxes(0, 1) if is_transposed(orientation) else view


def _flipped(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    down, across = (-1 if flips(orientation) else 1 for flips in (flips_rows, flips_columns))
    return pixels[::down, ::across]


def make_screen(frame: Frame, orientation: int, range_: Range, folder: Path, name: str) -> Raster:
    """Make the levels of a frame as the screen shows it, with the black and white of a range."""
    first = on_screen(frame.rows(0, 1), range_)

    def rows() -> Iterator[tuple[int, NDArray[Any]]]:
        for start in range(0, frame.shape[0], _ROWS):
            stop = min(start + _ROWS, frame.shape[0])
            yield start, on_screen(frame.rows(start, stop), range_)

    shape = (*frame.shape[:2], *first.shape[2:])
    return _make(rows(), shape, np.dtype(np.uint8), orientation, folder, name)


def make_map(frame: Frame, orientation: int, folder: Path, name: str) -> Raster:
    """Make the levels of a map of standard deviations; of colours, those of the luminance.

    Of channels that are no colours the first is shown.
    """

    def rows() -> Iterator[tuple[int, NDArray[Any]]]:
        for start in range(0, frame.shape[0], _ROWS):
            band = np.atleast_3d(frame.rows(start, min(start + _ROWS, frame.shape[0])))
            yield start, luminance(band if band.shape[2] == 3 else band[..., :1])

    shape = frame.shape[0], frame.shape[1]
    return _make(rows(), shape, np.dtype(np.float32), orientation, folder, name)


def _make(
    bands: Iterator[tuple[int, NDArray[Any]]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    orientation: int,
    folder: Path,
    name: str,
) -> Raster:
    looks = (shape[1], shape[0], *shape[2:]) if is_transposed(orientation) else shape
    path = folder / f"{name}-0.npy"
    whole = np.lib.format.open_memmap(path, "w+", dtype, looks)
    target = stored(whole, orientation)
    for start, band in bands:
        target[start : start + len(band)] = band
    levels = 1
    level: NDArray[Any] = whole
    while max(level.shape[:2]) > _ENOUGH:
        level = _halved(level, folder / f"{name}-{levels}.npy")
        levels += 1
    return Raster(folder, name, (looks[0], looks[1]), levels)


def _halved(level: NDArray[Any], path: Path) -> NDArray[Any]:
    """Write the level of half the size: means of 2x2 pixels."""
    height, width = ((length + 1) // 2 for length in level.shape[:2])
    half = np.lib.format.open_memmap(path, "w+", level.dtype, (height, width, *level.shape[2:]))
    for start in range(0, height, _ROWS):
        band = np.asarray(level[2 * start : 2 * (start + _ROWS)], np.float32)
        odd = [(0, length % 2) for length in band.shape[:2]] + [(0, 0)] * (band.ndim - 2)
        band = np.pad(band, odd, mode="edge") if any(after for _, after in odd) else band
        mean = (band[::2, ::2] + band[1::2, ::2] + band[::2, 1::2] + band[1::2, 1::2]) / 4
        rounded = np.rint(mean) if level.dtype == np.uint8 else mean
        half[start : start + len(mean)] = rounded.astype(level.dtype)
    return half


def png(
    pixels: NDArray[np.uint8], icc: bytes = b"", colours: NDArray[np.uint8] | None = None
) -> bytes:
    """Return a PNG of pixels (H, W) or (H, W, 3); with `colours`, (256, 3), as a palette."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if colours is not None:
        picture = picture.convert("P")
        picture.putpalette(colours.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1, icc_profile=icc or None)
    return buffer.getvalue()
