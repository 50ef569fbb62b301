"""A Dask array cut in any way gives what each of its pictures gives in memory."""

import pickle
from functools import cache
from itertools import pairwise
from threading import Lock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vdn
from vdn.errors import InputError

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")

from vdn.scale import blocks, denoise_array, worker  # noqa: E402

SMALL = 2.0  # MB: blocks of some hundred pixels a side for the tiny models


@pytest.fixture(autouse=True)
def threads():
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


def settings_of(weights, **changes):
    return {"model": "gray", "threads": 1, "precision": "fp32", "weights": weights} | changes


def noisy(shape, dtype, seed=0):
    values = np.random.default_rng(seed).random(shape)
    if np.dtype(dtype).kind in "iu":
        return (values * min(np.iinfo(dtype).max, 5000)).astype(dtype)
    return values.astype(dtype)


@cache
def denoiser_of(**arguments):
    return vdn.Denoiser(**arguments)


def in_memory(image, noise_sigma=None, **arguments):
    return denoiser_of(**arguments)(image, noise_sigma=noise_sigma)


def computed(result):
    lazy = result.image, result.noise_sigma, result.uncertainty
    arrays = dask.compute(*lazy)
    for array, promised in zip(arrays, lazy, strict=True):
        assert (array.shape, array.dtype) == (promised.shape, promised.dtype)
    return arrays


def assert_same(arrays, expected, index, unit, step):
    """`unit` is a hundred-thousandth of the range, `step` what rounding may add to the image."""
    wanted = expected.image, expected.noise_sigma, expected.uncertainty
    for array, each, tolerance in zip(arrays, wanted, (max(unit, step), unit, unit), strict=True):
        assert (array[index].shape, array.dtype) == (each.shape, each.dtype)
        difference = np.abs(np.asarray(array[index], np.float64) - np.asarray(each, np.float64))
        assert difference.max() <= tolerance
    return arrays[0][index]


def cut(draw, length):
    """Draw chunks of any sizes that add up to a length."""
    cuts = draw(st.lists(st.integers(1, length), max_size=3, unique=True))
    ends = [0, *sorted(each for each in cuts if each < length), length]
    return tuple(stop - start for start, stop in pairwise(ends))


@st.composite
def stacks(draw):
    """An array, its chunks, and how many axes come before the pictures."""
    channels = draw(st.sampled_from([(), (), (1,), (2,), (3,), (4,)]))
    leading = draw(st.sampled_from([(), (2,), (1, 2)]))
    height, width = draw(st.integers(1, 150)), draw(st.integers(1, 150))
    width += draw(st.sampled_from([0, 600]))  # wider than what gaps are filled from
    shape = (*leading, height, width, *channels)
    dtype = draw(st.sampled_from(["u1", "u2", "i2", "f2", "f4", "f8"]))
    array = noisy(shape, dtype, draw(st.integers(0, 3)))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    place = (slice(None),) * len(leading)
    if dtype != "u1" and draw(st.booleans()):  # a lamp and its streak, far outside the range
        row, column = generator.integers(0, (height, width))
        rows, columns = slice(row, row + 2), slice(column, column + generator.integers(1, 500))
        array[(*place, rows, columns)] *= 6
    if dtype != "f2" and draw(st.booleans()):  # NumPy's own fill value overflows in float16
        mask = generator.random(shape) < 0.02
        row, column = generator.integers(0, (height, width))
        rows, columns = slice(row, row + 30), slice(column, column + generator.integers(1, 500))
        mask[(*place, rows, columns)] = True
        array = np.ma.MaskedArray(array, mask)
    return array, tuple(cut(draw, length) for length in shape), len(leading)


@settings(max_examples=8)
@given(stacks(), st.sampled_from(["gray", "photo"]), st.integers(0, 1))
def test_whatever_the_cut_the_result_is_that_of_the_picture(weights, case, model, known):
    array, chunks, leading = case
    axis = leading + 2 if array.ndim > leading + 2 else None
    sigma = 0.1 * noisy(array.shape[leading : leading + 2], "f4") if known else None
    arguments = settings_of(weights, model=model, noise_sigma=sigma)
    result = denoise_array(
        da.from_array(array, chunks=chunks, asarray=False),
        channel_axis=axis,
        max_memory=SMALL,
        **arguments,
    )
    whole = 255 if array.dtype == np.uint8 else float(np.abs(np.asarray(array, np.float64)).max())
    step = 1 if array.dtype.kind in "iu" else 1e-3 * (array.dtype == np.float16)
    results = computed(result)
    for index in np.ndindex(array.shape[:leading]):
        expected = in_memory(array[index], **arguments)
        image = assert_same(results, expected, index, max(1e-5 * whole, 1e-6), step)
        if isinstance(array, np.ma.MaskedArray):
            np.testing.assert_array_equal(image.mask, array[index].mask)
            np.testing.assert_array_equal(image.data[image.mask], array[index].data[image.mask])


@pytest.mark.parametrize("axis", [0, 1, -1, -3])
def test_channels_may_lie_anywhere(weights, axis):
    image = noisy((130, 140, 3), np.uint8)
    arguments = settings_of(weights, model="photo")
    array = da.from_array(np.moveaxis(image, -1, axis), chunks=50)
    result = denoise_array(array, channel_axis=axis, max_memory=SMALL, **arguments)
    expected = in_memory(image, **arguments)
    assert result.image.shape == array.shape
    found = np.moveaxis(result.image.compute(), axis, -1)
    assert np.abs(found.astype(int) - expected.image).max() <= 1
    sigma = np.moveaxis(result.noise_sigma.compute(), axis, -1)
    np.testing.assert_allclose(sigma, expected.noise_sigma, atol=2e-3)


def test_auto_looks_at_the_first_plane(weights):
    image = noisy((2, 100, 90), np.uint16)
    result = denoise_array(da.from_array(image, chunks=40), threads=1, weights=weights)
    expected = vdn.denoise(image[0], threads=1, weights=weights)
    assert (result.model, result.reason) == (expected.model, expected.reason)


def test_an_ensemble_is_that_of_the_array_in_memory(weights):
    image = noisy((150, 130), np.float32)
    arguments = settings_of(weights)
    lazy = denoise_array(da.from_array(image, chunks=64), ensemble=4, max_memory=SMALL, **arguments)
    expected = denoiser_of(**arguments)(image, ensemble=4)
    np.testing.assert_allclose(lazy.image.compute(), expected.image, atol=1e-5)
    assert np.abs(expected.image - in_memory(image, **arguments).image).max() > 1e-3


def test_strength_0_returns_the_input(weights):
    image = noisy((150, 130), np.float64)
    lazy = denoise_array(da.from_array(image, chunks=64), strength=0, **settings_of(weights))
    np.testing.assert_array_equal(lazy.image.compute(), image)
    np.testing.assert_array_equal(lazy.uncertainty.compute(), lazy.noise_sigma.compute())


def test_a_known_map_may_be_lazy_too(weights):
    image, sigma = noisy((2, 150, 130), np.float32), 0.1 * noisy((2, 150, 130), np.float32, 1)
    arguments = settings_of(weights)
    result = denoise_array(
        da.from_array(image, chunks=70),
        noise_sigma=da.from_array(sigma, chunks=33),
        max_memory=SMALL,
        **arguments,
    )
    for index in range(2):
        expected = in_memory(image[index], noise_sigma=sigma[index], **arguments)
        assert_same(computed(result), expected, index, 1e-5, 0)


def test_the_three_results_take_one_pass(weights, monkeypatch):
    calls, lock, denoiser = [], Lock(), worker.Restorer.__call__

    def counting(self, *words, **named):
        with lock:
            calls.append(1)
        return denoiser(self, *words, **named)

    monkeypatch.setattr(worker.Restorer, "__call__", counting)
    array = da.from_array(noisy((200, 200), np.uint8), chunks=64)
    result = denoise_array(array, max_memory=SMALL, **settings_of(weights))
    assert not calls
    dask.compute(result.image, result.noise_sigma, result.uncertainty)
    assert len(calls) == np.prod(result.image.numblocks) > 1


def test_of_a_large_picture_the_range_is_found_in_the_same_rows(weights, monkeypatch):
    monkeypatch.setattr("vdn.image.ranges._SAMPLE", 2**12)
    image = noisy((2, 300, 310), np.uint16)
    image[1, :150] //= 200  # its range depends on the rows that are looked at
    arguments = settings_of(weights)
    lazy = denoise_array(da.from_array(image, chunks=100), max_memory=SMALL, **arguments)
    for index in range(2):
        expected = in_memory(image[index], **arguments)
        assert_same(computed(lazy), expected, index, 1e-5 * 5000, 1)


def test_nothing_is_read_before_it_is_needed(weights):
    read = []

    def block(block_info=None):
        read.append(block_info[None]["array-location"])
        return np.full((64, 64), 7, np.uint16)

    array = da.map_blocks(block, chunks=((64,) * 5, (64,) * 5), dtype=np.uint16)
    result = denoise_array(array, max_memory=SMALL, **settings_of(weights))
    assert not read
    result.image.blocks[0, 0].compute(scheduler="synchronous")
    assert 0 < len(read) <= 25 + 25  # all for the range of so small a picture, some for the block


def test_the_graph_can_be_sent_to_another_process(weights):
    array = da.from_array(noisy((100, 100), np.uint8), chunks=64)
    result = denoise_array(array, max_memory=SMALL, **settings_of(weights))
    graph = pickle.loads(pickle.dumps(result.image))
    np.testing.assert_array_equal(graph.compute(), result.image.compute())


@pytest.mark.parametrize(
    ("array", "arguments", "what"),
    [
        (da.zeros((8, 8), dtype=bool), {}, "dtype"),
        (da.zeros((8,)), {}, "rows and columns"),
        (da.zeros((0, 8)), {}, "no pixels"),
        (da.zeros((8, 8, 5)), {"channel_axis": 2}, "channels"),
        (da.zeros((8, 8)), {"channel_axis": 4}, "channel_axis"),
        (da.zeros((8, 8)), {"strength": 5}, "strength"),
        (da.zeros((8, 8)), {"range": (1, 0)}, "range"),
        (da.zeros((8, 8)), {"noise_sigma": np.ones((3, 8))}, "noise_sigma"),
        (da.zeros((8, 8))[da.zeros(8) > 0], {}, "chunks"),
    ],
)
def test_wrong_arguments_are_named(weights, array, arguments, what):
    with pytest.raises(InputError, match=what):
        denoise_array(array, **settings_of(weights, **arguments))


def test_what_is_not_finite_is_named_with_its_place(weights):
    image = noisy((2, 200, 200), np.float32)
    image[1, 150, 170] = np.nan
    result = denoise_array(da.from_array(image), max_memory=SMALL, **settings_of(weights))
    with pytest.raises(InputError, match=r"part that begins at \(1, \d+, \d+\)"):
        result.image.compute()


@settings(max_examples=50)
@given(
    st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    st.tuples(st.sampled_from([1, 8, 100, 256, 512]), st.sampled_from([1, 8, 100, 256, 512])),
    st.integers(1, 24),
    st.sampled_from([3e5, 2.8e6]),
)
def test_blocks_fit_cover_and_keep_the_grid(shape, unit, margin, max_pixels):
    margin *= 8
    least = margin, margin + 256
    sides = blocks.choose_blocks(shape, unit, margin, 8, max_pixels, least)
    for length, each, low in zip(shape, sides, least, strict=True):
        assert sum(each) == length
        assert all(size % 8 == 0 for size in each[:-1])
        assert len(each) == 1 or min(each) >= low
    largest = [
        min(max(each) + 2 * margin, length) for each, length in zip(sides, shape, strict=True)
    ]
    smallest = [min(2 * low + 64 + 2 * margin, n) for n, low in zip(shape, least, strict=True)]
    assert np.prod(largest) <= max(max_pixels, np.prod(smallest))


def test_blocks_are_of_whole_chunks_where_these_are_on_the_grid():
    rows, columns = blocks.choose_blocks((9000, 9000), (512, 256), 176, 8, 2.8e6, (176, 176))
    assert {size % 512 for size in rows[:-1]} == {0} == {size % 256 for size in columns[:-1]}
