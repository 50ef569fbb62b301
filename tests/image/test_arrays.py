import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vdn.errors import InputError
from vdn.image import to_unit

INTEGERS = ["uint8", "uint16", ">u2", "uint32", "uint64", "int8", "int16", ">i4", "int64"]
DTYPES = [*INTEGERS, "float16", "float32", ">f4", "float64"]
LAYOUTS = [(), (1,), (2,), (3,), (4,)]


@st.composite
def images(draw):
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    if dtype.kind in "ui":
        elements = st.integers(np.iinfo(dtype).min, np.iinfo(dtype).max)
    else:
        bound = 60000 if dtype.itemsize == 2 else 2.0**60
        width = 8 * dtype.itemsize
        elements = st.floats(-bound, bound, width=width)
    shape = size + draw(st.sampled_from(LAYOUTS))
    return draw(hnp.arrays(dtype.newbyteorder("="), shape, elements=elements)).astype(dtype)


@given(images())
def test_unchanged_planes_restore_the_image_bit_for_bit(image):
    before = image.tobytes()
    unit = to_unit(image)
    restored = unit.restore(unit.planes.copy())
    assert restored.dtype == image.dtype
    assert restored.shape == image.shape
    assert restored.tobytes() == before == image.tobytes()


@given(images())
def test_planes_are_float32_of_one_or_three_channels(image):
    planes = to_unit(image).planes
    assert planes.dtype == np.float32
    assert planes.shape[:2] == image.shape[:2]
    assert planes.shape[2] == (3 if image.ndim == 3 and image.shape[2] >= 3 else 1)
    assert np.isfinite(planes).all()


@pytest.mark.parametrize(("dtype", "white"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_white_is_one(dtype, white):
    unit = to_unit(np.array([[0, white]], dtype))
    assert unit.planes[..., 0].tolist() == [[0, 1]]
    assert unit.scale == white


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_integers_are_rounded_and_clipped_at_the_end(dtype):
    largest = np.iinfo(dtype).max
    unit = to_unit(np.array([[0, 100, largest]], dtype))
    change = np.array([-3, 0.6, 2], np.float32) / np.float32(largest)
    assert unit.restore(unit.planes + change[None, :, None]).tolist() == [[0, 101, largest]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_beyond_the_nominal_range_survive(dtype):
    image = np.array([[-0.25, 0.5, 1.5]], dtype)
    unit = to_unit(image)
    assert unit.scale == 1
    np.testing.assert_array_equal(unit.planes[..., 0], image)
    np.testing.assert_array_equal(unit.restore(unit.planes + 1), image + 1)


def test_float64_keeps_its_digits():
    image = np.array([[1 / 3, 2 / 3]])
    unit = to_unit(image)
    half = unit.planes / 2
    np.testing.assert_array_equal(unit.restore(half), image - half[..., 0].astype(np.float64))


def test_a_float_cannot_leave_the_range_of_its_dtype():
    unit = to_unit(np.full((2, 2), 60000, np.float16))
    assert unit.restore(unit.planes * 3).max() == np.finfo(np.float16).max


def test_floats_in_units_of_their_own_are_scaled_robustly():
    image = np.linspace(0, 1000, 10_000).reshape(100, 100)
    image[0, 0] = 1e6
    unit = to_unit(image)
    low, high = np.percentile(image, [0.1, 99.9])
    assert (unit.range.offset, unit.scale) == pytest.approx((low, high - low))
    assert unit.planes[-1, -1, 0] == pytest.approx(1, rel=2e-3)
    assert unit.planes[0, 0, 0] < 2  # the outlier is not shown to a network
    assert unit.restore(unit.planes - 0.5)[0, 0] == 1e6


def test_a_few_bright_lights_do_not_change_the_scale():
    image = np.full((200, 200), 0.5, np.float32)
    image[:3, :3] = 500
    assert to_unit(image).scale == 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_alpha_is_untouched_and_maps_have_none(layout):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (4, 5, *layout), np.uint8)
    unit = to_unit(image)
    restored = unit.restore(np.zeros_like(unit.planes))
    if layout in ((2,), (4,)):
        np.testing.assert_array_equal(restored[..., -1], image[..., -1])
        restored = restored[..., :-1]
    assert not restored.any()
    map_ = unit.map_to_user(np.full(unit.planes.shape, 0.1, np.float32))
    expected = {(): (4, 5), (1,): (4, 5, 1), (2,): (4, 5), (3,): (4, 5, 3), (4,): (4, 5, 3)}
    assert map_.shape == expected[layout]
    assert map_.dtype == np.float32
    np.testing.assert_allclose(map_, 25.5, rtol=1e-6)


def test_sigma_goes_to_the_range_of_the_network():
    unit = to_unit(np.zeros((2, 3, 3), np.uint8))
    assert unit.sigma_to_unit(51) == pytest.approx(0.2)
    flat = unit.sigma_to_unit(np.full((2, 3), 51))
    full = unit.sigma_to_unit(np.full((2, 3, 3), 51))
    assert flat.shape == (2, 3, 1)
    assert full.shape == (2, 3, 3)
    assert flat.dtype == full.dtype == np.float32
    np.testing.assert_allclose(full, 0.2, rtol=1e-6)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted_and_located(wrong):
    image = np.zeros((4, 5, 3), np.float32)
    image[1, 2, 0] = image[3, 4, 1] = wrong
    with pytest.raises(InputError, match=r"2 values .* row 1, column 2, channel 0"):
        to_unit(image)


def test_alpha_need_not_be_finite():
    image = np.zeros((2, 2, 2), np.float32)
    image[..., 1] = np.nan
    assert np.isnan(to_unit(image).restore(np.zeros((2, 2, 1), np.float32))[..., 1]).all()


@pytest.mark.parametrize("dtype", ["bool", "complex64"])
def test_other_dtypes_are_named_with_a_way_out(dtype):
    with pytest.raises(InputError, match=rf"{dtype}.*(convert|denoise)"):
        to_unit(np.zeros((2, 2), dtype))


def test_objects_are_refused():
    with pytest.raises(InputError, match="object"):
        to_unit(np.array([[None]]))


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (3, 0, 3), (3, 3, 0), (2, 2, 5), (1, 2, 3, 3)])
def test_other_shapes_are_named(shape):
    with pytest.raises(InputError, match=r"shape \(.*(give|no pixels)"):
        to_unit(np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [-1e300, 1e6, 1e300])
def test_values_far_from_all_others_pass_through(value):
    image = np.full((100, 100), 1.0)
    image[0, 0] = value
    unit = to_unit(image)
    assert np.abs(unit.planes).max() <= 2
    assert unit.restore(unit.planes * 0.9)[0, 0] == value
    assert unit.restore(unit.planes * 0.9)[5, 5] == pytest.approx(0.9)
