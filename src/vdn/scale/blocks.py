"""Blocks to work on: on the network's grid, on the chunks' where it can be, as large as fits."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vdn.runtime.tiling import round_up

__all__ = ["choose_blocks", "uniform"]

_FINEST = 64  # pixels between the sizes that are compared


def choose_blocks(
    shape: tuple[int, int],
    unit: tuple[int, int],
    margin: int,
    multiple: int,
    max_pixels: float,
    least: tuple[int, int],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the heights and the widths of the blocks that cover a plane with the least work.

    All blocks but the last begin and end at multiples of `unit`. Each is computed with `margin`
    pixels around it, or up to the border of the plane.

    Parameters
    ----------
    shape
        Height and width of the plane.
    unit
        Sides of the chunks to respect; where they are no multiples of `multiple`, or a single one
        is too large, the blocks are cut without regard to them.
    margin, multiple
        What the network needs around a block, and the multiple that a block's origin keeps.
    max_pixels
        The most pixels of a block with its margin.
    least
        The least sides of a block.

    Examples
    --------
    >>> choose_blocks((3000, 2000), (256, 256), 176, 8, 2.8e6, (176, 176))
    ((1024, 1024, 952), (2000,))
    """
    heights, widths = (
        [_Cut.of(length, size, low, margin) for size in _sizes(length, step, multiple, low)]
        for length, step, low in zip(shape, unit, least, strict=True)
    )
    pairs = [(rows, columns) for rows in heights for columns in widths]
    fitting = [pair for pair in pairs if pair[0].longest * pair[1].longest <= max_pixels]
    if not fitting and unit != (multiple, multiple):
        return choose_blocks(shape, (multiple, multiple), margin, multiple, max_pixels, least)
    rows, columns = (
        min(fitting, key=lambda pair: pair[0].work * pair[1].work)
        if fitting
        else min(pairs, key=lambda pair: pair[0].longest * pair[1].longest)
    )
    return rows.sizes, columns.sizes


class _Cut(NamedTuple):
    """One way to cut a side.

    Attributes
    ----------
    sizes
        The pieces.
    work, longest
        All that is computed with the margins, and the most of it at a time.
    """

    sizes: tuple[int, ...]
    work: int
    longest: int

    @classmethod
    def of(cls, length: int, size: int, least: int, margin: int) -> "_Cut":
        """Cut a side into pieces; a last one that is too small is added to the one before."""
        count, rest = divmod(length, size)
        sizes = [size] * count
        if count and rest < least:
            sizes[-1] += rest
        else:
            sizes.append(rest)
        work = length + 2 * margin * (len(sizes) - 1)
        return cls(tuple(sizes), work, min(length, max(sizes) + 2 * margin))


def _sizes(length: int, unit: int, multiple: int, least: int) -> Iterator[int]:
    """Yield the sides a block may have, the smallest first."""
    if unit % multiple:
        unit = multiple
    step = unit * math.ceil(_FINEST / unit)
    size = round_up(max(least, 1), step)
    while size < length:
        yield size
        size += step
    yield length


def uniform(chunks: Sequence[int]) -> int:
    """Return the side of chunks that are all alike but the last; 1 where they are not."""
    first = chunks[0]
    alike = all(size == first for size in chunks[:-1]) and chunks[-1] <= first
    return first if alike else 1
