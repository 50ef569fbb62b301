"""Windows that cover an image, so that working on each gives what working on the whole gives.

The network pads with zeros at the border of what it is given. In the middle of an image this spoils
a frame `halo` pixels wide, which is read but not written; at the border of the image it is what the
whole image would get. All windows of an image have one size: an engine prepares itself once.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError

__all__ = ["Tile", "choose_window", "pad_to_multiple", "round_up", "tiles"]


class Tile(NamedTuple):
    """One window: what to read of the padded image, what to keep of it, where to write that.

    Examples
    --------
    >>> result[tile.write] = network(padded[tile.read])[tile.crop]  # doctest: +SKIP
    """

    read: tuple[slice, slice]
    crop: tuple[slice, slice]
    write: tuple[slice, slice]


def round_up(length: int, multiple: int) -> int:
    """Return the smallest multiple of `multiple` that is at least `length`.

    Examples
    --------
    >>> round_up(17, 8)
    24
    """
    return -(-length // multiple) * multiple


def pad_to_multiple(planes: NDArray[np.float32], multiple: int) -> NDArray[np.float32]:
    """Reflect an image (C, H, W) at its bottom and right border up to a multiple of `multiple`.

    A plane one pixel wide is repeated, one narrower than the padding reflected again and again.
    An image that fits already is returned as it is when it is contiguous.

    Examples
    --------
    >>> pad_to_multiple(np.array([[[1.0, 2.0, 3.0]]], np.float32), 5)[0, 0]
    array([1., 2., 3., 2., 1.], dtype=float32)
    """
    channels, height, width = planes.shape
    shape = channels, round_up(height, multiple), round_up(width, multiple)
    if shape == planes.shape:
        return np.ascontiguousarray(planes)
    padded = np.empty(shape, np.float32)
    padded[:, :height, :width] = planes
    padded[:, height:, :width] = padded[:, _reflected(height, shape[1]), :width]
    padded[:, :, width:] = padded[:, :, _reflected(width, shape[2])]
    return padded


def _reflected(length: int, padded: int) -> NDArray[np.intp]:
    """Return for the positions `length ... padded - 1` the position each one mirrors."""
    period = max(2 * (length - 1), 1)
    phase = np.arange(length, padded) % period
    return np.minimum(phase, period - phase) if length > 1 else np.zeros_like(phase)


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
) -> tuple[int, int]:
    """Return the window (height, width) that covers the image with the least work in the memory.

    One window for the whole image when it fits. Else, of the grids whose windows take at most
    `max_memory`, the one that computes the fewest pixels; that is strips over the full width
    until those become too thin.

    Parameters
    ----------
    height, width, halo, multiple
        As in `tiles`.
    bytes_per_pixel
        What the network needs for a pixel of the window.
    max_memory
        The bound on a window's memory, in MB (10^6 bytes).

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
    margin, pixels = round_up(halo, multiple), int(max_memory * 1e6 / bytes_per_pixel)
    best: tuple[int, tuple[int, int]] | None = None
    for across in range(1, max((columns - 2 * margin) // multiple, 1) + 1):
        window_width, across = _balanced(columns, margin, multiple, across)
        window_height = min(pixels // window_width // multiple * multiple, rows)
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
        smallest = min(2 * margin + multiple, rows) * min(2 * margin + multiple, columns)
        needed = smallest * bytes_per_pixel / 1e6
        raise InputError(
            f"max_memory={max_memory:g} MB holds no window of this model on an image of "
            f"{height} x {width}; give at least {needed:.0f}"
        )
    return best[1]


def _balanced(length: int, margin: int, multiple: int, count: int) -> tuple[int, int]:
    """Return the smallest window that covers `length` in `count` steps, and the steps it takes."""
    if count == 1:
        return length, 1
    stride = round_up(-(-(length - 2 * margin) // count), multiple)
    return 2 * margin + stride, -(-(length - 2 * margin) // stride)
