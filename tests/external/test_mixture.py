"""Noise that is a mixture of Gaussians, with and without a low-rank part under it."""

import numpy as np
import pytest

from vdn.errors import InputError
from vdn.external.mixture import Mixture, fit_low_rank, fit_mixture


def simulated(seed=0, shape=(80, 60), rank=3):
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=(shape[0], rank)) @ generator.normal(size=(rank, shape[1]))
    which = generator.choice(3, size=shape, p=[0.7, 0.2, 0.1])
    return truth, truth + np.array([0.1, 1.0, 5.0])[which] * generator.normal(size=shape)


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def test_the_density_integrates_to_one_and_its_moments_are_the_mixture_s():
    mixture = Mixture(np.array([0.6, 0.4]), np.array([0.5, 2.0]))
    x = np.linspace(-20, 20, 20001)
    density = np.exp(mixture.log_density(x))
    assert np.trapezoid(density, x) == pytest.approx(1)
    assert np.trapezoid(density * x**2, x) == pytest.approx(mixture.sigma**2)


def test_weights_are_the_expected_inverse_variance():
    mixture = Mixture(np.array([0.6, 0.4]), np.array([0.5, 2.0]))
    assert mixture.responsibilities(np.zeros((4, 5))).shape == (2, 4, 5)
    np.testing.assert_allclose(mixture.responsibilities(np.arange(9.0)).sum(axis=0), 1)
    assert mixture.weights(1e3) == pytest.approx(1 / 2.0**2)
    shares = np.array([0.6 / 0.5, 0.4 / 2.0])
    assert mixture.weights(0.0) == pytest.approx(shares @ [4, 0.25] / shares.sum())


def test_the_components_of_a_mixture_are_recovered():
    generator = np.random.default_rng(0)
    sigmas = generator.choice([0.1, 1.0, 5.0], p=[0.5, 0.3, 0.2], size=40000)
    found = fit_mixture(generator.normal(0, sigmas), components=3)
    np.testing.assert_allclose(found.sigmas, [0.1, 1.0, 5.0], rtol=0.06)
    np.testing.assert_allclose(found.shares, [0.5, 0.3, 0.2], atol=0.02)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_low_rank_part_is_far_nearer_than_that_of_a_plain_svd(seed):
    truth, data = simulated(seed)
    fit = fit_low_rank(data, rank=3, components=3)
    left, values, right = np.linalg.svd(data, full_matrices=False)
    plain = (left[:, :3] * values[:3]) @ right[:3]
    assert rms(fit.matrix - truth) < 0.2 * rms(plain - truth)
    np.testing.assert_allclose(fit.noise.sigmas, [0.1, 1.0, 5.0], rtol=0.25)
    np.testing.assert_allclose(fit.noise.shares, [0.7, 0.2, 0.1], atol=0.05)


def test_the_likelihood_never_falls():
    fit = fit_low_rank(simulated()[1], rank=3, components=3)
    assert (np.diff(fit.log_likelihood) > -1e-9).all()


def test_gaussian_noise_gives_the_plain_svd():
    generator = np.random.default_rng(0)
    data = generator.normal(size=(30, 2)) @ generator.normal(size=(2, 20))
    data += generator.normal(0, 0.1, data.shape)
    fit = fit_low_rank(data, rank=2, components=1)
    left, values, right = np.linalg.svd(data, full_matrices=False)
    np.testing.assert_allclose(fit.matrix, (left[:, :2] * values[:2]) @ right[:2], atol=1e-6)


def test_missing_entries_are_filled_in():
    truth, data = simulated()
    observed = np.random.default_rng(1).random(data.shape) < 0.8
    data[~observed] = np.nan
    fit = fit_low_rank(data, rank=3, components=3, observed=observed)
    assert rms((fit.matrix - truth)[~observed]) < 0.15


@pytest.mark.parametrize(("shape", "rank"), [((5,), 1), ((5, 4), 5), ((5, 4), 0)])
def test_impossible_problems_are_refused(shape, rank):
    with pytest.raises(InputError, match="rank"):
        fit_low_rank(np.zeros(shape), rank)


def test_nothing_to_fit_is_refused():
    with pytest.raises(InputError, match="samples"):
        fit_mixture(np.empty(0))
    with pytest.raises(InputError, match="NaN"):
        fit_low_rank(np.full((4, 4), np.nan), 1)
