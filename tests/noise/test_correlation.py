"""How far noise reaches is measured as it was made."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from vdn.noise.correlation import LAGS, measure_correlation


def scene(size=256):
    rows, columns = np.mgrid[:size, :size] / size
    clean = 90 + 50 * np.sin(3 * rows) * np.cos(4 * columns)
    clean[: size // 3, : size // 3] += 60 * np.random.default_rng(9).random((size // 3, size // 3))
    return clean


def noise(blur=0.0, seed=0, shape=(256, 256)):
    made = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), blur, mode="wrap")
    return made / made.std()


def true_correlation(made):
    """The autocorrelation at all distances across, of noise without a picture."""
    power = np.abs(np.fft.fft(made, axis=1)) ** 2
    products = np.fft.ifft(power, axis=1).real.mean(axis=0)
    return products[1 : LAGS + 1] / products[0]


def test_white_noise_has_none():
    found = measure_correlation(scene() + 5 * noise())
    assert found.independent
    assert found.length < 0.6


@pytest.mark.parametrize("blur", [1.0, 1.5, 2.0])
def test_the_length_of_blurred_noise_is_twice_its_blur(blur):
    found = measure_correlation(scene() + 5 * noise(blur))
    assert found.length == pytest.approx(2 * blur, rel=0.12)
    assert not found.independent
    expected = true_correlation(noise(blur))
    np.testing.assert_allclose(found.across[:3], expected[:3], atol=0.08)


def test_a_little_blur_and_enlargement():
    little = measure_correlation(scene() + 5 * noise(0.5))
    assert little.across[0] == pytest.approx(true_correlation(noise(0.5))[0], abs=0.06)
    doubled = zoom(noise(shape=(128, 128)), 2, order=1)
    found = measure_correlation(scene() + 5 * doubled / doubled.std())
    np.testing.assert_allclose(found.across[:2], true_correlation(doubled)[:2], atol=0.08)


def test_rows_and_columns_are_told_apart():
    streaks = gaussian_filter(np.random.default_rng(0).standard_normal((256, 256)), (0, 1.5))
    found = measure_correlation(100 + 50 * streaks)
    assert found.across[0] > 0.8
    assert abs(found.down[0]) < 0.06


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((200, 200)),
        np.full((100, 100), np.nan),
        np.ones((20, 300)),
        np.zeros((0, 5)),
        np.tile(np.arange(200, dtype=np.uint8), (200, 1)),
    ],
)
def test_where_there_is_no_noise_nothing_is_said(image):
    assert measure_correlation(image) is None


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_units_do_not_matter(unit):
    noisy = scene(128) + 5 * noise(1.0, shape=(128, 128))
    plain, scaled = measure_correlation(noisy), measure_correlation(noisy * unit)
    np.testing.assert_allclose(scaled.across, plain.across, atol=1e-4)
