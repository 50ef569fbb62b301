"""Estimates of the noise level on noise whose level is known."""

import numpy as np
import pytest

from vdn.errors import InputError
from vdn.external import (
    NOISE_ESTIMATES,
    estimate_sigma_chen,
    estimate_sigma_mad,
    estimate_sigma_signal_dependent,
)
from vdn.external.clipping import clipped_moments, unclipped_moments
from vdn.external.signal_dependent import fit_signal_dependent


def scene(size: int = 192) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    return 0.5 + 0.35 * np.sin(5 * x) * np.cos(4 * y) + 0.05 * np.sin(90 * x) * (y > 0.8)


@pytest.mark.parametrize("sigma", [2, 10, 25, 75])
def test_chen_is_within_two_percent_despite_texture(sigma):
    noise = np.random.default_rng(0).normal(0, sigma / 255, (192, 192))
    assert estimate_sigma_chen(scene() + noise) * 255 == pytest.approx(sigma, rel=0.02)


@pytest.mark.parametrize("scale", [1, 255])
def test_chen_keeps_the_units_and_takes_colour(scale):
    clean = np.stack([scene(), scene()[::-1], scene().T], axis=-1)
    noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)
    assert estimate_sigma_chen(noisy * scale) == pytest.approx(0.1 * scale, rel=0.03)


def test_chen_does_not_underestimate_small_images():
    noise = np.random.default_rng(0).normal(0, 0.1, (64, 64, 3))
    assert estimate_sigma_chen(noise) == pytest.approx(0.1, rel=0.06)
    with pytest.raises(InputError, match="smaller than a patch"):
        estimate_sigma_chen(noise[:5])


def test_mad_is_near_on_smooth_ground():
    noise = np.random.default_rng(0).normal(0, 0.1, (192, 192, 3))
    assert estimate_sigma_mad(scene()[..., None] + noise) == pytest.approx(0.1, rel=0.05)


def test_the_line_of_signal_dependent_noise_is_found():
    clean = scene()
    variance = 0.02 * clean + 0.001
    noise = np.random.default_rng(0).normal(0, np.sqrt(variance))
    fit = fit_signal_dependent(clean + noise)
    assert fit.slope == pytest.approx(0.02, rel=0.1)
    assert fit.offset == pytest.approx(0.001, abs=0.0006)
    assert fit.sigma(0.5) == pytest.approx(np.sqrt(0.011), rel=0.03)


@pytest.mark.parametrize(("mean", "sigma"), [(0.3, 0.1), (0.05, 0.2), (-0.1, 0.2)])
def test_clipping_is_described_and_turned_back(mean, sigma):
    samples = np.random.default_rng(0).normal(mean, sigma, 400000).clip(0)
    clipped = clipped_moments(mean, sigma)
    np.testing.assert_allclose(clipped, (samples.mean(), samples.std()), rtol=0.01)
    np.testing.assert_allclose(unclipped_moments(*clipped), (mean, sigma), rtol=1e-4)


def test_clipping_does_not_bend_the_line():
    clean = np.tile(np.linspace(0, 1, 256), (256, 1))
    noise = np.random.default_rng(0).normal(0, np.sqrt(0.01 * clean + 0.0005))
    clipped = np.rint(np.clip(clean + noise, 0, 1) * 255) / 255
    fit = fit_signal_dependent(clipped)
    assert fit.slope == pytest.approx(0.01, rel=0.12)
    assert fit.offset == pytest.approx(0.0005, abs=0.0004)


@pytest.mark.parametrize("sigma", [25, 50])
def test_clipped_noise_keeps_its_level_where_other_estimates_lose_it(sigma):
    noise = np.random.default_rng(0).normal(0, sigma / 255, (192, 192))
    clipped = np.rint(np.clip(scene() + noise, 0, 1) * 255) / 255
    level = np.sqrt(np.mean(estimate_sigma_signal_dependent(clipped) ** 2)) * 255
    assert level == pytest.approx(sigma, rel=0.05)
    assert abs(level - sigma) < abs(estimate_sigma_chen(clipped) * 255 - sigma)


def test_the_map_follows_the_brightness_channel_by_channel():
    clean = np.stack([scene(), np.full((192, 192), 0.5)], axis=-1)
    clean = np.concatenate([clean, clean[..., :1]], axis=-1)
    sigma = np.sqrt(np.array([0.02, 0.005, 0.001]) * clean + 0.0005)
    noisy = clean + np.random.default_rng(0).normal(0, sigma)
    estimated = estimate_sigma_signal_dependent(noisy)
    assert estimated.shape == noisy.shape
    for channel in (0, 2):
        ratio = estimated[..., channel] / sigma[..., channel]
        assert np.sqrt(np.mean((ratio - 1) ** 2)) < 0.12


@pytest.mark.parametrize("name", sorted(NOISE_ESTIMATES))
def test_every_estimate_is_a_number_or_a_map_of_the_image(name):
    image = np.random.default_rng(0).normal(0.5, 0.1, (48, 64, 3))
    estimate = np.asarray(NOISE_ESTIMATES[name](image))
    assert estimate.shape in ((), image.shape)
    assert np.sqrt(np.mean(estimate**2)) == pytest.approx(0.1, rel=0.15)


def test_too_small_for_a_line():
    with pytest.raises(InputError, match="too small"):
        fit_signal_dependent(np.zeros((16, 16)))
