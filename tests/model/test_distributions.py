"""Closed forms against torch's own distributions, integration and Monte Carlo."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Gamma, Normal
from torch.distributions import kl_divergence as torch_kl

from vdn.model.distributions import (
    Gaussian,
    InverseGamma,
    expected_log_likelihood,
    kl_divergence,
)

logs = st.floats(-3, 4)


def inverse_gamma(alpha: float, beta: float) -> InverseGamma:
    return InverseGamma(*torch.tensor([alpha, beta], dtype=torch.float64).log())


def gaussian(mean: float, variance: float) -> Gaussian:
    return Gaussian(
        torch.tensor(mean, dtype=torch.float64), torch.tensor(variance, dtype=torch.float64).log()
    )


@given(logs, logs, logs, logs)
@settings(max_examples=50, deadline=None)
def test_inverse_gamma_kl_is_that_of_the_gammas(a, b, a0, b0):
    # x -> 1/x is a bijection, so the divergence of the inverses is that of the gammas.
    q, p = inverse_gamma(math.exp(a), math.exp(b)), inverse_gamma(math.exp(a0), math.exp(b0))
    expected = torch_kl(Gamma(q.alpha, q.beta), Gamma(p.alpha, p.beta))
    torch.testing.assert_close(kl_divergence(q, p), expected, rtol=1e-8, atol=1e-8)
    assert kl_divergence(q, p) >= -1e-9


@given(st.floats(-2, 2), logs, st.floats(-2, 2), logs)
@settings(max_examples=50, deadline=None)
def test_gaussian_kl_is_torchs(mean, log_variance, mean0, log_variance0):
    q, p = gaussian(mean, math.exp(log_variance)), gaussian(mean0, math.exp(log_variance0))
    expected = torch_kl(Normal(q.mean, q.stddev), Normal(p.mean, p.stddev))
    torch.testing.assert_close(kl_divergence(q, p), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("q", [inverse_gamma(24.0, 0.2), inverse_gamma(3.5, 2.0)])
def test_inverse_gamma_moments_match_its_samples(q):
    torch.manual_seed(0)
    samples = q.rsample((400_000,))
    torch.testing.assert_close(samples.mean(), q.mean, rtol=0.01, atol=0)
    torch.testing.assert_close(samples.log().mean(), q.expected_log, rtol=0.01, atol=2e-3)
    torch.testing.assert_close((1 / samples).mean(), q.expected_inverse, rtol=0.01, atol=0)
    torch.testing.assert_close(-q.log_prob(samples).mean(), q.entropy(), rtol=0.01, atol=3e-3)
    torch.testing.assert_close((samples < q.mode).double().mean(), q.cdf(q.mode), rtol=0.01, atol=0)


def test_inverse_gamma_density_integrates_to_one_and_peaks_at_its_mode():
    q = inverse_gamma(5.0, 3.0)
    grid = torch.linspace(1e-3, 60, 2_000_001, dtype=torch.float64)
    density = q.log_prob(grid).exp()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-5)
    assert grid[density.argmax()].item() == pytest.approx(q.mode.item(), abs=1e-4)


def test_inverse_gamma_moments_that_do_not_exist_are_infinite():
    assert inverse_gamma(0.9, 1.0).mean == math.inf
    assert inverse_gamma(1.9, 1.0).variance == math.inf
    assert inverse_gamma(3.0, 2.0).variance.item() == pytest.approx(1.0)


def test_gaussian_intervals_and_density():
    q = gaussian(0.3, 0.04)
    assert q.cdf(q.icdf(torch.tensor(0.975, dtype=torch.float64))).item() == pytest.approx(0.975)
    value = torch.tensor(0.1, dtype=torch.float64)
    torch.testing.assert_close(q.log_prob(value), Normal(q.mean, q.stddev).log_prob(value))
    torch.testing.assert_close(q.entropy(), Normal(q.mean, q.stddev).entropy())


def test_expected_log_likelihood_is_its_monte_carlo_average():
    torch.manual_seed(1)
    z, sigma2 = gaussian(0.45, 0.003), inverse_gamma(24.0, 0.25)
    y = torch.tensor(0.6, dtype=torch.float64)
    draws = Normal(z.rsample((400_000,)), sigma2.rsample((400_000,)).sqrt()).log_prob(y)
    standard_error = draws.std() / math.sqrt(draws.numel())
    assert abs(expected_log_likelihood(y, z, sigma2) - draws.mean()) < 5 * standard_error


@pytest.mark.parametrize("log_alpha", [math.log(1e-8), 0.0, math.log(1e4)])
@pytest.mark.parametrize("log_beta", [math.log(1e-8), 0.0, math.log(1e4)])
@pytest.mark.parametrize("log_m2", [math.log(1e-8), math.log(1e4)])
def test_extreme_parameters_stay_finite_in_value_and_gradient(log_alpha, log_beta, log_m2):
    parameters = [torch.tensor(v, requires_grad=True) for v in (log_alpha, log_beta, log_m2)]
    q, z = InverseGamma(*parameters[:2]), Gaussian(torch.tensor(0.5), parameters[2])
    prior = InverseGamma(torch.tensor(23.5).log(), torch.tensor(24.5 * 1e-10).log())
    total = (
        expected_log_likelihood(torch.tensor(0.7), z, q)
        - kl_divergence(q, prior)
        - kl_divergence(z, Gaussian(torch.tensor(0.5), torch.tensor(math.log(1e-6))))
    )
    total.backward()
    assert total.isfinite()
    assert all(parameter.grad.isfinite() for parameter in parameters)
