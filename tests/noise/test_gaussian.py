import numpy as np
import pytest

from vdn.errors import InputError
from vdn.noise.fields import peaks
from vdn.noise.gaussian import add_gaussian, add_poisson_gaussian, poisson_gaussian_sigma


def test_a_number_is_the_standard_deviation_everywhere():
    clean = np.full((150, 150, 3), 0.9)
    noisy = add_gaussian(clean, 0.3, np.random.default_rng(0))
    assert noisy.dtype == np.float32
    assert noisy.max() > 1  # not clipped
    assert (noisy - clean).std() == pytest.approx(0.3, rel=0.02)
    assert (noisy - clean).mean() == pytest.approx(0, abs=0.005)


def test_a_map_scales_every_channel_and_channels_are_independent():
    sigma = peaks((200, 200))
    noise = add_gaussian(np.zeros((200, 200, 3)), sigma, np.random.default_rng(0))
    normal = noise / sigma[:, :, None]
    np.testing.assert_allclose(np.cov(normal.reshape(-1, 3).T), np.eye(3), atol=0.03)


def test_a_map_with_channels_scales_each():
    sigma = np.broadcast_to([0.1, 0.4], (100, 100, 2))
    noise = add_gaussian(np.zeros((100, 100, 2)), sigma, np.random.default_rng(0))
    np.testing.assert_allclose(noise.std(axis=(0, 1)), [0.1, 0.4], rtol=0.03)


def test_zero_sigma_changes_nothing_and_the_input_is_left_alone():
    clean = np.random.default_rng(0).random((9, 9), dtype=np.float32)
    before = clean.copy()
    np.testing.assert_array_equal(add_gaussian(clean, 0, np.random.default_rng(0)), before)
    add_gaussian(clean, 1, np.random.default_rng(0))
    np.testing.assert_array_equal(clean, before)


@pytest.mark.parametrize("sigma", [-1, np.full((4, 5), 0.1), np.full((5, 4, 2), 0.1), np.nan])
def test_a_sigma_that_does_not_fit_is_refused(sigma):
    with pytest.raises(InputError, match="sigma"):
        add_gaussian(np.zeros((5, 4, 3)), sigma, np.random.default_rng(0))


def test_poisson_gaussian_has_the_mean_and_sigma_it_says():
    clean = np.repeat(np.linspace(-0.1, 1, 6), 20_000).reshape(6, -1)
    noisy = add_poisson_gaussian(clean, 0.02, 0.05, np.random.default_rng(0))
    sigma = poisson_gaussian_sigma(clean, 0.02, 0.05)
    assert noisy.dtype == sigma.dtype == np.float32
    np.testing.assert_allclose(noisy.mean(axis=1), clean[:, 0], atol=0.005)
    np.testing.assert_allclose(noisy.std(axis=1), sigma[:, 0], rtol=0.03)


def test_without_read_noise_photons_are_counted_whole():
    noisy = add_poisson_gaussian(np.full((20, 20), 0.5), 0.1, 0, np.random.default_rng(0))
    np.testing.assert_allclose(noisy * 10, np.rint(noisy * 10), atol=1e-5)


@pytest.mark.parametrize(("gain", "read"), [(-1, 0), (0, -1)])
def test_negative_noise_is_refused(gain, read):
    with pytest.raises(InputError, match="gain"):
        add_poisson_gaussian(np.zeros((4, 4)), gain, read, np.random.default_rng(0))


def test_a_flat_array_is_no_image():
    with pytest.raises(InputError, match="shape"):
        add_gaussian(np.zeros(4), 1, np.random.default_rng(0))
