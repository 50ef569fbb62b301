"""Windows that cover an image, so that working on each gives what working on the whole gives.

The network pads with zeros at the border of what it is given. In the middle of an image this spoils
a frame `halo` pixels wide, which is read but not written; at the border of the image it is what the
whole image would get. All windows of an image have one size: an engine prepares itself once.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError

__all__ = ["Tile", "choose_window", "mirrored", "round_up", "tiles", "times"]


class Tile(NamedTuple):
    """One window: what to read of the padded image, what to keep of it, where to write that.

    Examples
    --------
    >>> result[tile.write] = network(padded[tile.read])[tile.crop]  # doctest: +SKIP
    """

    read: tuple[slice, slice]
    crop: tuple[slice, slice]
    write: tuple[slice, slice]

    def crop_of(self, rows: int) -> tuple[slice, slice]:
        """Return what to keep of a result for the window that has so many rows.

        Examples
        --------
        >>> tile = next(tiles(7, 7, (8, 8), 8, 8))
        >>> tile.crop_of(16)[0], tile.crop_of(2)[0]
        (slice(0, 14, None), slice(0, 2, None))
        """
        scale = Fraction(rows, self.read[0].stop - self.read[0].start)
        return times(self.crop[0], scale), times(self.crop[1], scale)


def times(part: slice, scale: int | Fraction) -> slice:
    """Return the part of a result that has `scale` times the pixels a side; ends are rounded out.

    Examples
    --------
    >>> times(slice(2, 3), 2), times(slice(4, 7), Fraction(1, 4))
    (slice(4, 6, None), slice(1, 2, None))
    """
    return slice(math.floor(part.start * scale), math.ceil(part.stop * scale))


def round_up(length: int, multiple: int) -> int:
    """Return the smallest multiple of `multiple` that is at least `length`.

    Examples
    --------
    >>> round_up(17, 8)
    24
    """
    return -(-length // multiple) * multiple


def mirrored(padded: slice, length: int) -> NDArray[np.intp]:
    """Return the position in an image that stands for each position of a stretch of the padded one.

    Beyond its last pixel an image is continued by its mirror image; one pixel wide it is repeated,
    and narrower than the padding it is mirrored again and again.

    Parameters
    ----------
    padded
        The stretch, as in the `read` of a tile.
    length
        Pixels of the image before padding.

    Examples
    --------
    >>> mirrored(slice(0, 5), 3).tolist()
    [0, 1, 2, 1, 0]
    """
    if length == 1:
        return np.zeros(padded.stop - padded.start, np.intp)
    phase = np.arange(padded.start, padded.stop) % (2 * (length - 1))
    return np.minimum(phase, 2 * (length - 1) - phase)


def tiles(
    height: int, width: int, window: tuple[int, int], halo: int, multiple: int
) -> Iterator[Tile]:
    """Cover an image of `height` by `width` pixels with windows of one size.

    The `write` slices partition the image; `read` slices begin and end at multiples of `multiple`
    and reach `halo` pixels beyond what is written, or to the border of the padded image.

    Parameters
    ----------
    height, width
        Size of the image before padding.
    window
        Height and width of a window, multiples of `multiple`, as `choose_window` gives them.
    halo
        Radius of dependence of the network, in pixels.
    multiple
        The network's multiple.

    Raises
    ------
    InputError
        When a window is no multiple, or too small to hold more than its two halos.

    Examples
    --------
    >>> [tile.write[1] for tile in tiles(8, 40, (8, 24), 8, 8)]
    [slice(0, 16, None), slice(16, 24, None), slice(24, 40, None)]
    """
    columns = list(_spans(width, window[1], halo, multiple))
    for row in _spans(height, window[0], halo, multiple):
        for column in columns:
            yield Tile(*zip(row, column, strict=True))


def _spans(
    length: int, window: int, halo: int, multiple: int
) -> Iterator[tuple[slice, slice, slice]]:
    padded, margin = round_up(length, multiple), round_up(halo, multiple)
    window = min(window, padded)
    if window % multiple or (window < padded and window <= 2 * margin):
        raise InputError(
            f"window of {window} pixels over {length} does not do; give a multiple of {multiple} "
            f"above twice the halo of {margin}"
        )
    starts = [*range(0, padded - window, max(window - 2 * margin, 1)), padded - window]
    borders = [0, *(start + margin for start in starts[1:]), length]
    for start, low, high in zip(starts, borders[:-1], borders[1:], strict=True):
        yield slice(start, start + window), slice(low - start, high - start), slice(low, high)


def choose_window(
    height: int,
    width: int,
    halo: int,
    multiple: int,
    bytes_per_pixel: float,
    max_memory: float,
    bytes_per_row: float = 0.0,
    held: float = 0.0,
) -> tuple[int, int]:
    """Return the window (height, width) that covers the image with the least work in the memory.

    One window for the whole image when it fits. Else, of the grids whose windows take at most
    `max_memory`, the one that computes the fewest pixels.

    Parameters
    ----------
    height, width, halo, multiple
        As in `tiles`.
    bytes_per_pixel
        What the network needs for a pixel of the window.
    max_memory
        The bound on the memory, in MB (10^6 bytes).
    bytes_per_row
        What is held beside the network for a row of the window, over the image's whole width.
    held
        What is held whatever the window, in MB.

    Raises
    ------
    InputError
        When not even the smallest window fits.

    Examples
    --------
    >>> choose_window(512, 512, 32, 8, bytes_per_pixel=1000, max_memory=300)
    (512, 512)
    >>> choose_window(512, 512, 32, 8, bytes_per_pixel=1000, max_memory=150)
    (288, 512)
    """
    rows, columns = round_up(height, multiple), round_up(width, multiple)
    margin = round_up(halo, multiple)
    best: tuple[int, tuple[int, int]] | None = None
    for window_width, across in _grids(columns, margin, multiple):
        row = window_width * bytes_per_pixel + bytes_per_row
        window_height = min(int((max_memory - held) * 1e6 / row) // multiple * multiple, rows)
        if window_height < rows and window_height <= 2 * margin:
            continue
        down = (
            1 if window_height == rows else -(-(rows - 2 * margin) // (window_height - 2 * margin))
        )
        window_height, down = _balanced(rows, margin, multiple, down)
        work = across * down * window_height * window_width
        if best is None or work < best[0]:
            best = work, (window_height, window_width)
    if best is None:
        least_rows, least_columns = (min(2 * margin + multiple, side) for side in (rows, columns))
        needed = held + least_rows * (least_columns * bytes_per_pixel + bytes_per_row) / 1e6
        raise InputError(
            f"max_memory={max_memory:g} MB holds no window of this model on an image of "
            f"{height} x {width}; give at least {math.ceil(needed)}"
        )
    return best[1]


def _grids(length: int, margin: int, multiple: int) -> Iterator[tuple[int, int]]:
    """Yield every window that covers `length` in a number of steps, and that number.

    There are about twice as many as the root of the length, so that not even a length that a
    damaged file makes up takes long.
    """
    count = 1
    while count <= max((length - 2 * margin) // multiple, 1):
        window, count = _balanced(length, margin, multiple, count)
        yield window, count
        stride = window - 2 * margin
        if count == 1:
            count = 2
        elif stride <= multiple:
            return
        else:
            count = max(count + 1, -(-(length - 2 * margin) // (stride - multiple)))


def _balanced(length: int, margin: int, multiple: int, count: int) -> tuple[int, int]:
    """Return the smallest window that covers `length` in `count` steps, and the steps it takes."""
    if count == 1:
        return length, 1
    stride = round_up(-(-(length - 2 * margin) // count), multiple)
    return 2 * margin + stride, -(-(length - 2 * margin) // stride)
