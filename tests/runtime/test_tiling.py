import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import convolve

from vdn.errors import InputError
from vdn.runtime.tiling import choose_window, mirrored, round_up, tiles

lengths = st.integers(1, 150)
multiples = st.sampled_from([1, 2, 8])
halos = st.integers(0, 20)


@st.composite
def grids(draw):
    height, width, multiple, halo = draw(lengths), draw(lengths), draw(multiples), draw(halos)
    smallest = 2 * round_up(halo, multiple) + multiple
    window = tuple(
        min(smallest + multiple * draw(st.integers(0, 8)), round_up(length, multiple))
        for length in (height, width)
    )
    return height, width, window, halo, multiple


def padded_by_mirroring(image, multiple):
    for axis in (1, 2):
        length = image.shape[axis]
        positions = mirrored(slice(0, round_up(length, multiple)), length)
        image = np.take(image, positions, axis)
    return image


@given(grids())
def test_write_slices_partition_the_image(grid):
    height, width, *_ = grid
    count = np.zeros((height, width), int)
    for tile in tiles(*grid):
        count[tile.write] += 1
    assert (count == 1).all()


@given(grids())
def test_reads_are_aligned_of_one_size_and_reach_the_halo_or_the_border(grid):
    *size, window, halo, multiple = grid
    for tile in tiles(*grid):
        for read, crop, write, length, extent in zip(
            tile.read, tile.crop, tile.write, size, window, strict=True
        ):
            padded = round_up(length, multiple)
            assert read.start % multiple == 0
            assert read.stop - read.start == extent
            assert 0 <= read.start <= max(write.start - halo, 0)
            assert min(write.stop + halo, padded) <= read.stop <= padded
            assert (read.start + crop.start, read.start + crop.stop) == (write.start, write.stop)


@settings(max_examples=40, deadline=None)
@given(grids(), st.integers(0, 2**32 - 1))
def test_tiled_equals_whole_for_a_chain_of_convolutions(grid, seed):
    height, width, window, _, multiple = grid
    rng = np.random.default_rng(seed)
    kernels = rng.integers(-3, 4, (2, 3, 3))

    def chain(image):  # zero padding at each layer, radius 2
        for kernel in kernels:
            image = np.maximum(convolve(image, kernel, mode="constant"), 0)
        return image

    halo = max(grid[3], 2)
    if any(0 < w <= 2 * round_up(halo, multiple) for w in window):
        window = (round_up(height, multiple), round_up(width, multiple))
    image = rng.integers(0, 256, (1, height, width)).astype(np.float32)
    padded = padded_by_mirroring(image, multiple)[0]
    whole = chain(padded)[:height, :width]
    tiled = np.full((height, width), np.nan, np.float32)
    for tile in tiles(height, width, window, halo, multiple):
        tiled[tile.write] = chain(padded[tile.read])[tile.crop]
    np.testing.assert_array_equal(tiled, whole)


@given(lengths, lengths, halos, multiples, st.floats(0.01, 1.0))
def test_chosen_windows_fit_the_memory_and_cover_the_image(height, width, halo, multiple, share):
    whole = round_up(height, multiple) * round_up(width, multiple)
    try:
        window = choose_window(height, width, halo, multiple, 100.0, share * whole * 1e-4 + 1e-9)
    except InputError:
        return
    assert window[0] * window[1] <= share * whole + 1
    assert sum(1 for _ in tiles(height, width, window, halo, multiple)) >= 1


def test_strips_over_the_full_width_are_preferred():
    assert choose_window(4000, 1000, 64, 8, 1000.0, 1000.0)[1] == 1000


def test_what_is_held_for_a_row_counts():
    window = choose_window(4000, 1000, 64, 8, 1000.0, 1000.0, bytes_per_row=1e6)
    assert window[0] * (window[1] * 1000 + 1e6) <= 1e9


def test_too_little_memory_says_how_much_is_needed():
    with pytest.raises(InputError, match="give at least 19"):
        choose_window(1000, 1000, 64, 8, 1000.0, 1.0)
    assert choose_window(1000, 1000, 64, 8, 1000.0, 19.0) == (136, 136)


@given(lengths, lengths, multiples)
def test_padding_reflects_like_numpy(height, width, multiple):
    image = np.random.default_rng(0).random((2, height, width), dtype=np.float32)
    pads = [(0, round_up(n, multiple) - n) for n in (height, width)]
    expected = np.pad(image, [(0, 0), *pads], mode="reflect")
    np.testing.assert_array_equal(padded_by_mirroring(image, multiple), expected)


@given(grids())
def test_what_a_window_mirrors_is_near_it(grid):
    height, width, window, halo, multiple = grid
    before = 0
    for tile in tiles(height, width, window, halo, multiple):
        positions = mirrored(tile.read[0], height)
        assert positions.min() >= before  # a reader from the top need not go back
        assert positions.max() == min(tile.read[0].stop, height) - 1
        assert len(positions) == tile.read[0].stop - tile.read[0].start
        before = positions.min()


@given(
    height=st.integers(1, 900),
    width=st.integers(1, 900),
    multiple=st.sampled_from([1, 4, 8]),
    halo=st.integers(0, 40),
    memory=st.floats(0.05, 2),
)
def test_no_other_grid_of_columns_is_less_work(height, width, multiple, halo, memory):
    """The grids that are tried leave none out: as if every number of columns had been."""

    def up(length):
        return -(-length // multiple) * multiple

    rows, columns, margin = up(height), up(width), up(halo)
    best = None
    for across in range(1, max((columns - 2 * margin) // multiple, 1) + 1):
        stride = up(-(-(columns - 2 * margin) // across))
        wide = columns if across == 1 else 2 * margin + stride
        steps = 1 if across == 1 else -(-(columns - 2 * margin) // stride)
        tall = min(int(memory * 1e6 / (wide * 10)) // multiple * multiple, rows)
        if tall < rows and tall <= 2 * margin:
            continue
        down = 1 if tall == rows else -(-(rows - 2 * margin) // (tall - 2 * margin))
        if down > 1:
            stride = up(-(-(rows - 2 * margin) // down))
            tall, down = 2 * margin + stride, -(-(rows - 2 * margin) // stride)
        work = steps * down * tall * wide
        best = work if best is None else min(best, work)
    if best is None:
        with pytest.raises(InputError):
            choose_window(height, width, halo, multiple, 10, memory)
        return
    window = choose_window(height, width, halo, multiple, 10, memory)
    each = list(tiles(height, width, window, halo, multiple))
    assert len(each) * window[0] * window[1] == best


def test_a_width_that_a_damaged_file_makes_up_takes_no_time():
    begun = time.perf_counter()
    with pytest.raises(InputError, match="max_memory"):
        choose_window(37, 2**31 - 1, 120, 8, 1000, 1000, bytes_per_row=2**33)
    assert time.perf_counter() - begun < 2
