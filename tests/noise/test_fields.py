import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vdn.errors import InputError
from vdn.noise.fields import (
    TEST_MAPS,
    CompoundedResize,
    bump,
    gaussian_mixture,
    peaks,
    resize,
    sincos,
)

SIDES = st.integers(1, 40)


@pytest.mark.parametrize(
    ("case", "mean", "rms", "psnr"),
    [("case1", 40.7, 41.5, 15.8), ("case2", 45.1, 47.9, 14.5), ("case3", 46.8, 48.0, 14.5)],
)
def test_the_test_maps_have_the_published_statistics(case, mean, rms, psnr):
    sigma = TEST_MAPS[case]((256, 256)).astype(np.float64)
    root = np.sqrt(np.mean(sigma**2))
    assert sigma.mean() * 255 == pytest.approx(mean, abs=0.1)
    assert root * 255 == pytest.approx(rms, abs=0.1)
    assert -20 * np.log10(root) == pytest.approx(psnr, abs=0.06)


@pytest.mark.parametrize("case", TEST_MAPS)
@given(height=SIDES, width=SIDES)
@settings(max_examples=15, deadline=None)
def test_the_test_maps_fit_any_image_and_keep_their_range(case, height, width):
    sigma = TEST_MAPS[case]((height, width))
    assert sigma.shape == (height, width)
    assert sigma.dtype == np.float32
    assert sigma.min() >= np.float32(10 / 255)
    assert sigma.max() <= np.float32(75 / 255)


def test_peaks_is_the_function_at_known_points():
    sigma = peaks().astype(np.float64)

    def formula(x, y):
        return (
            3 * (1 - x) ** 2 * np.exp(-(x**2) - (y + 1) ** 2)
            - 10 * (x / 5 - x**3 - y**5) * np.exp(-(x**2) - y**2)
            - np.exp(-((x + 1) ** 2) - y**2) / 3
        )

    # The extremes of peaks: 8.106 near (-0.009, 1.581) and -6.551 near (0.228, -1.626).
    axis = np.linspace(-3, 3, 256)
    row, column = np.unravel_index(sigma.argmax(), sigma.shape)
    assert (axis[column], axis[row]) == pytest.approx((-0.009, 1.581), abs=0.02)
    row, column = np.unravel_index(sigma.argmin(), sigma.shape)
    assert (axis[column], axis[row]) == pytest.approx((0.228, -1.626), abs=0.02)
    for row, column in ((0, 0), (100, 30), (128, 200), (255, 128)):
        expected = 10 + 65 * (formula(axis[column], axis[row]) + 6.551) / (8.106 + 6.551)
        assert sigma[row, column] * 255 == pytest.approx(expected, abs=0.02)


def test_sincos_runs_faster_down_than_across():
    sigma = sincos().astype(np.float64)
    across = np.sin(np.linspace(1, 10, 256))
    down = np.cos(np.linspace(1, 20, 256))
    assert np.corrcoef(sigma[7], across)[0, 1] == pytest.approx(1)
    assert np.corrcoef(sigma[:, 7], down)[0, 1] == pytest.approx(1)


def test_gaussian_mixture_is_published_by_default_and_random_on_request():
    again = gaussian_mixture(generator=np.random.RandomState(10000))
    other = gaussian_mixture(generator=np.random.default_rng(1))
    np.testing.assert_array_equal(gaussian_mixture(), again)
    assert not np.allclose(gaussian_mixture(), other)
    assert other.min() == np.float32(10 / 255)
    assert other.max() == np.float32(75 / 255)


def test_compounded_resize_differs_little_from_the_plain_one():
    compounded = CompoundedResize(peaks())
    first, second = compounded((128, 192)), compounded((192, 128))
    np.testing.assert_array_equal(first, peaks((128, 192)))
    plain = peaks((192, 128))
    assert second.shape == plain.shape
    assert not np.array_equal(second, plain)
    np.testing.assert_allclose(second, plain, atol=1 / 255)


def test_compounded_resize_is_safe_from_its_callers():
    compounded = CompoundedResize(peaks())
    compounded((16, 16))[:] = 0
    assert compounded((16, 16)).min() > 0


@given(old=st.tuples(SIDES, SIDES), new=st.tuples(SIDES, SIDES))
@settings(max_examples=40, deadline=None)
def test_resize_keeps_constants_and_planes_stay_monotonic(old, new):
    np.testing.assert_allclose(resize(np.full(old, 0.3), new), np.float32(0.3))
    ramp = np.add.outer(np.arange(old[0]), np.arange(old[1])).astype(np.float64)
    resized = resize(ramp, new)
    assert (np.diff(resized, axis=0) >= -1e-5).all()
    assert (np.diff(resized, axis=1) >= -1e-5).all()
    assert resized.mean() == pytest.approx(ramp.mean(), abs=1e-3)


def test_resize_refuses_a_stack():
    with pytest.raises(InputError, match=r"\(4, 4, 3\)"):
        resize(np.zeros((4, 4, 3)), (8, 8))


@given(height=SIDES, width=SIDES, seed=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_bump_stays_in_its_range_on_any_shape(height, width, seed):
    sigma = bump((height, width), np.random.default_rng(seed), low=0.1, high=0.2)
    assert sigma.shape == (height, width)
    assert sigma.dtype == np.float32
    assert np.isfinite(sigma).all()
    assert sigma.min() >= np.float32(0.1)
    assert sigma.max() <= np.float32(0.2 + 5 / 255)
    if sigma.size > 1:
        assert np.ptp(sigma) >= 5 / 255 - 1e-6


def test_bump_ends_are_distributed_as_published():
    generator = np.random.default_rng(0)
    maps = [bump((32, 32), generator) for _ in range(2000)]
    low, high = np.mean([m.min() for m in maps]), np.mean([m.max() for m in maps])
    assert low * 255 == pytest.approx(25, abs=1.5)  # the smaller of two uniform values
    assert high * 255 == pytest.approx(50 + 5, abs=1.5)


def test_bump_repeats_with_its_seed():
    one, same, other = (bump((20, 30), np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_bump_has_one_top_and_falls_away_from_it():
    sigma = bump((64, 64), np.random.default_rng(3))
    row, column = np.unravel_index(sigma.argmax(), sigma.shape)
    assert (np.diff(sigma[: row + 1, column]) >= 0).all()
    assert (np.diff(sigma[row, column:]) <= 0).all()


@pytest.mark.parametrize("range_", [{"low": -0.1}, {"low": 0.5, "high": 0.1}, {"margin": -1}])
def test_bump_refuses_a_wrong_range(range_):
    with pytest.raises(InputError):
        bump((8, 8), np.random.default_rng(0), **range_)


@pytest.mark.parametrize("shape", [(0, 5), (5, 5, 3)])
def test_shapes_that_are_no_image_are_refused(shape):
    with pytest.raises(InputError, match="shape"):
        bump(shape, np.random.default_rng(0))
    with pytest.raises(InputError, match="shape"):
        peaks(shape)
