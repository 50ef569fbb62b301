"""How values become those of the network, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdn.errors import InputError
from vdn.image import Frame, Range, find_ranges, to_unit


def picture(low, high, dtype, size=(80, 90)):
    values = np.random.default_rng(0).random(size) * (high - low) + low
    return values.astype(dtype)


def range_of(array, **changes):
    (found,) = find_ranges(Frame.of(array, **changes))
    return found


@pytest.mark.parametrize(("bits", "white"), [(8, 255), (10, 1023), (12, 4095), (14, 16383)])
def test_the_bits_of_a_sensor_are_found(bits, white):
    assert range_of(picture(0, white + 0.99, "uint16")) == Range(0, white)


@pytest.mark.parametrize(
    ("dtype", "high", "white"),
    [("uint16", 65535, 65535), ("int16", 32767, 32767), ("int8", 127, 127), ("float32", 1, 1)],
)
def test_a_full_range_is_taken_as_given(dtype, high, white):
    assert range_of(picture(0, high, dtype)) == Range(0, white)


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (-1000, 3000, "int16"),
        (-1000, 3000, "float32"),
        (0, 4e9, "uint32"),
        (-2e9, 2e9, "int32"),
        (0, 5e4, "float64"),
        (0, 1e-5, "float32"),
        (20000, 20500, "uint16"),
        (0.5, 0.51, "float32"),
        (-1, 1, "float32"),
    ],
)
def test_other_units_are_stretched(low, high, dtype):
    found = range_of(picture(low, high, dtype))
    assert found.offset == pytest.approx(low, abs=0.01 * (high - low))
    assert found.scale == pytest.approx(high - low, rel=0.02)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "int32"])
@pytest.mark.parametrize("high", [1, 900, 3900])
def test_hot_and_dead_pixels_change_little(dtype, high):
    image = picture(0, high, dtype)
    before = range_of(image)
    image[3, 4], image[50, 60], image[7, 7] = 32767, 32767, 0
    after = range_of(image)
    assert (after.offset, after.scale) == pytest.approx(
        (before.offset, before.scale), abs=high / 50
    )


def test_noise_without_a_picture_is_within_what_networks_know():
    noise = np.random.default_rng(0).normal(1e6, 37, (200, 200))
    unit = to_unit(noise)
    assert unit.planes.std() == pytest.approx(1 / 6.2, rel=0.05)


@pytest.mark.parametrize("value", [0, 7, -3, 1e9])
def test_constant_pictures_have_a_range(value):
    unit = to_unit(np.full((5, 6), value, np.float64))
    assert np.isfinite(unit.planes).all()
    assert unit.scale > 0
    np.testing.assert_array_equal(unit.restore(unit.planes), np.full((5, 6), value))


def test_the_range_does_not_depend_on_how_a_picture_is_read():
    tall = picture(-50, 900, "float32", (9000, 600))
    frame = Frame.of(tall)
    asked = []
    streamed = frame.reading(lambda a, b: asked.append((a, b)) or tall[a:b])
    assert find_ranges(streamed) == (to_unit(tall).range,)
    assert len(asked) == 16
    assert (asked[0][0], asked[-1][1]) == (0, 9000)
    assert sum(b - a for a, b in asked) * 600 <= 2**22


def test_a_part_in_the_range_of_the_whole_is_a_part_of_the_whole():
    image = picture(-1000, 3000, "int16")
    whole = to_unit(image)
    part = to_unit(image[20:40, 5:30], whole.range)
    np.testing.assert_array_equal(part.planes, whole.planes[20:40, 5:30])
    np.testing.assert_array_equal(
        part.restore(part.planes * 0.9), whole.restore(whole.planes * 0.9)[20:40, 5:30]
    )
    cut = whole.part(slice(20, 40), slice(5, 30))
    np.testing.assert_array_equal(cut.planes, part.planes)
    np.testing.assert_array_equal(cut.restore(cut.planes * 0.9), part.restore(part.planes * 0.9))


def test_every_channel_of_planes_has_a_range_of_its_own():
    image = np.stack([picture(0, white, "uint16") for white in (255, 1000, 4000, 16000, 65535)], -1)
    scales = [found.scale for found in find_ranges(Frame.of(image))]
    assert scales == [255, 1023, 4095, 16383, 65535]


def test_alpha_does_not_count():
    image = picture(0, 1000, "uint16", (20, 20, 2))
    image[..., 1] = 65535
    assert range_of(image).scale == 1023


@given(st.sampled_from(["uint64", "int64", "float64"]), st.integers(0, 2**32))
def test_64_bits_come_back_where_nothing_changed(dtype, seed):
    raw = np.random.default_rng(seed).integers(0, 2**63, (4, 5), np.uint64, endpoint=True)
    image = raw.astype(dtype)
    unit = to_unit(image)
    assert unit.restore(unit.planes).tobytes() == image.tobytes()


@pytest.mark.parametrize("mark", [np.nan, -9999.0, 0.25])
def test_pixels_without_data_come_back_and_disturb_nothing(mark):
    clean = picture(0, 1, "float32", (12, 40))
    image = clean.copy()
    image[2, 5:9] = image[3, :4] = image[5] = image[7, 39] = mark
    gaps = image != clean
    unit = to_unit(image, no_data=mark)
    assert np.isfinite(unit.planes).all()
    assert unit.range == to_unit(clean).range
    np.testing.assert_array_equal(unit.planes[..., 0][~gaps], clean[~gaps])
    assert min(clean[2, 4], clean[2, 9]) < unit.planes[2, 6, 0] < max(clean[2, 4], clean[2, 9])
    assert (unit.planes[3, :4, 0] == clean[3, 4]).all()
    restored = unit.restore(unit.planes * 0.5)
    assert restored[gaps].tobytes() == image[gaps].tobytes()
    np.testing.assert_allclose(restored[~gaps], clean[~gaps] / 2, rtol=1e-6)
    band = to_unit(image[2:6], unit.range, no_data=mark)
    np.testing.assert_array_equal(band.planes, unit.planes[2:6])


def test_infinity_is_refused_beside_pixels_without_data():
    image = np.ones((4, 5))
    image[1, 1], image[2, 3] = np.nan, np.inf
    with pytest.raises(InputError, match=r"1 values .* row 12, column 23, channel 0"):
        to_unit(image, no_data=np.nan, origin=(10, 20))


def test_values_of_a_smoothed_picture_are_in_the_units_of_the_user():
    image = picture(-1000, 3000, "int16")
    unit = to_unit(image)
    np.testing.assert_allclose(unit.values_to_user(unit.planes), image, atol=1e-3)
    assert unit.map_to_user(np.full(unit.planes.shape, 0.5)).max() == pytest.approx(unit.scale / 2)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_64_bits_saturate(dtype):
    largest = np.iinfo(dtype).max
    image = (np.arange(500, dtype=dtype) * dtype(largest // 499)).reshape(20, 25)
    unit = to_unit(image)
    raised, lowered = (unit.restore(unit.planes + np.float32(step)) for step in (0.5, -0.5))
    assert raised[-1, -1] == largest
    assert (raised >= image).all()
    assert (lowered <= image).all()
    assert lowered.min() == (0 if dtype is np.uint64 else lowered[0, 0])


@pytest.mark.parametrize("contrast", [1 / 40, 1 / 25, 1 / 12])
def test_pictures_of_less_than_a_32nd_of_their_range_are_stretched(contrast):
    span = 65535 * contrast
    image = (40_000 + np.linspace(0, span, 8000)).reshape(80, 100).astype(np.uint16)
    found = range_of(image)
    if contrast < 1 / 32:
        assert (found.offset, found.scale) == pytest.approx((40_000, span), rel=0.01)
    else:
        assert (found.offset, found.scale) == (0, 65535)


@pytest.mark.parametrize("gain", [1, 100, 0.37])
@pytest.mark.parametrize("mean", [0.03, 0.1, 0.3, 1, 3, 10])
def test_counted_photons_are_not_taken_for_outliers(mean, gain):
    rng = np.random.default_rng(0)
    light = mean * (1 + np.sin(np.linspace(0, 9, 256))[:, None] * np.ones(256))
    counts = rng.poisson(light)
    values = (gain * counts).astype(np.float32)
    (found,) = find_ranges(Frame.of(values), nominal=False)
    assert found.offset == 0
    # What the network is shown goes to twice the range: all but one pixel of a thousand are there.
    assert np.quantile(values, 0.999) <= 2 * found.scale
