import numpy as np
import pytest

from vdn.errors import InputError
from vdn.noise.profile import fit_profile


def poisson_gaussian_sigma(image, gain, read):
    return np.sqrt(gain * np.maximum(image, 0) + read**2).astype(np.float32)


def ramp(channels=3, side=100):
    image = np.random.default_rng(0).random((side, side, channels)) ** 2
    return image.astype(np.float32)


@pytest.mark.parametrize(("gain", "read"), [(0.01, 0.02), (0.002, 0.0005), (0.0, 0.1)])
def test_poisson_gaussian_noise_gives_its_own_numbers_back(gain, read):
    image = ramp()
    profile = fit_profile(image, poisson_gaussian_sigma(image, gain, read))
    assert len(profile.channels) == 3
    np.testing.assert_allclose(profile.a, gain, rtol=0.01, atol=1e-5)
    np.testing.assert_allclose(profile.b, read**2, rtol=0.05, atol=1e-5 * gain)


def test_an_imprecise_map_with_outliers_changes_little():
    generator = np.random.default_rng(1)
    image = ramp(1)
    sigma = poisson_gaussian_sigma(image, 0.01, 0.03)
    sigma = sigma * np.exp(0.1 * generator.standard_normal(sigma.shape))
    sigma[generator.random(sigma.shape) < 0.05] *= 10
    profile = fit_profile(image, sigma)
    assert profile.a[0] == pytest.approx(0.01, rel=0.1)
    assert profile.b[0] == pytest.approx(0.0009, rel=0.2)


def test_a_few_odd_brightnesses_do_not_pull_the_line():
    image = ramp(1)
    sigma = poisson_gaussian_sigma(image, 0.01, 0.03)
    sigma[image > np.quantile(image, 0.94)] = 0.01  # clipped highlights look noiseless
    profile = fit_profile(image, sigma)
    assert profile.a[0] == pytest.approx(0.01, rel=0.1)


def test_channels_are_fitted_by_themselves():
    image = ramp(2)
    sigma = np.sqrt(np.array([0.01, 0.03]) * image + np.array([0.001, 0.002]))
    profile = fit_profile(image, sigma)
    np.testing.assert_allclose(profile.a, [0.01, 0.03], rtol=0.02)
    np.testing.assert_allclose(profile.b, [0.001, 0.002], rtol=0.02)


@pytest.mark.parametrize("scale", [255, 65535])
def test_the_units_are_those_of_the_image(scale):
    image = ramp(1)
    sigma = poisson_gaussian_sigma(image, 0.01, 0.03)
    one, scaled = fit_profile(image, sigma), fit_profile(image * scale, sigma * scale)
    assert scaled.a[0] == pytest.approx(one.a[0] * scale, rel=1e-3)
    assert scaled.b[0] == pytest.approx(one.b[0] * scale**2, rel=1e-2)


def test_the_curve_has_points_in_order_that_lie_on_the_line():
    image = ramp(1)
    channel = fit_profile(image, poisson_gaussian_sigma(image, 0.01, 0.03)).channels[0]
    assert len(channel.intensity) == len(channel.sigma) == 32
    assert list(channel.intensity) == sorted(channel.intensity)
    np.testing.assert_allclose(channel.sigma_at(np.array(channel.intensity)), channel.sigma, 0.02)


@pytest.mark.parametrize("brightness", [0.0, 0.5])
def test_one_brightness_has_a_level_but_no_slope(brightness):
    profile = fit_profile(np.full((8, 8), brightness), np.full((8, 8), 0.2))
    assert profile.a == (0.0,)
    assert profile.b[0] == pytest.approx(0.04)
    assert "about constant" in profile.describe()


def test_one_pixel_and_no_noise_have_a_profile():
    profile = fit_profile(np.full((1, 1, 3), 0.5), np.zeros((1, 1, 3)))
    assert profile.a == profile.b == (0.0, 0.0, 0.0)
    assert "none" in profile.describe()


def test_two_brightnesses_are_enough_for_a_line():
    image = np.repeat([[0.0, 1.0]], 8, axis=0)
    profile = fit_profile(image, np.sqrt(0.02 * image + 0.01))
    assert profile.a[0] == pytest.approx(0.02)
    assert profile.b[0] == pytest.approx(0.01)


def test_words_name_the_kind_of_noise():
    image = ramp()
    constant = fit_profile(image, np.full_like(image, 0.05)).describe()
    shot = fit_profile(image, poisson_gaussian_sigma(image, 0.01, 0.02)).describe()
    shadows = fit_profile(image, 0.1 - 0.05 * image).describe()
    assert constant == "about constant: standard deviation 0.05"
    assert shot.startswith("signal dependent, stronger in bright parts")
    assert shadows.startswith("signal dependent, stronger in dark parts")


def test_shapes_and_values_that_cannot_be_fitted_are_refused():
    with pytest.raises(InputError, match=r"\(4, 4\)"):
        fit_profile(np.zeros((4, 4, 3)), np.zeros((4, 4)))
    with pytest.raises(InputError, match="finite"):
        fit_profile(np.full((4, 4), np.nan), np.zeros((4, 4)))
