"""The blur kernel: its shape, its samples, and its divergence against Monte Carlo."""

import math

import pytest
import torch

from vdn.model import (
    Gaussian,
    InverseGamma,
    KernelDistribution,
    gaussian_kernel,
    kernel_kl,
    kernel_prior,
)

DOUBLE = {"dtype": torch.float64}


def distribution(alphas, betas, slope, variance) -> KernelDistribution:
    alpha, beta = (torch.tensor(each, **DOUBLE).view(1, 2, 1, 1) for each in (alphas, betas))
    mean, spread = (torch.tensor(each, **DOUBLE).view(1, 1, 1, 1) for each in (slope, variance))
    return KernelDistribution(InverseGamma(alpha.log(), beta.log()), Gaussian(mean, spread.log()))


@pytest.mark.parametrize("parameters", [(2.0, 2.0, 0.0), (4.0, 1.5, 0.6), (1.5, 3.0, -0.8)])
def test_a_kernel_has_the_covariance_it_is_made_from(parameters):
    kernel = gaussian_kernel(torch.tensor([parameters], **DOUBLE), 41)[0]
    offsets = torch.arange(41, **DOUBLE) - 20
    x, y = offsets.expand(41, 41), offsets[:, None].expand(41, 41)
    x_variance, y_variance, correlation = parameters
    covariance = correlation * math.sqrt(x_variance * y_variance)
    assert kernel.sum().item() == pytest.approx(1)
    assert (kernel * x).sum().item() == pytest.approx(0, abs=1e-12)
    assert (kernel * x * x).sum().item() == pytest.approx(x_variance, rel=2e-3)
    assert (kernel * y * y).sum().item() == pytest.approx(y_variance, rel=2e-3)
    assert (kernel * x * y).sum().item() == pytest.approx(covariance, abs=2e-3)


def test_a_kernel_of_no_width_is_the_identity():
    kernel = gaussian_kernel(torch.tensor([[0.04, 0.04, 0.0]]), 5)[0]
    assert kernel[2, 2] > 0.9999


def test_a_kernel_without_a_centre_is_refused():
    with pytest.raises(ValueError, match="side is 4"):
        gaussian_kernel(torch.ones(1, 3), 4)
    with pytest.raises(ValueError, match="confidence is 1"):
        kernel_prior(torch.ones(1, 3), confidence=1)


def test_the_prior_peaks_at_the_true_kernel():
    truth = torch.tensor([[4.0, 0.25, -0.7], [1.0, 1.0, 0.0]], **DOUBLE)
    prior = kernel_prior(truth)
    torch.testing.assert_close(prior.mode[:, :, 0, 0], truth)
    assert kernel_kl(prior, prior).abs().max() < 1e-9


def test_the_divergence_is_its_monte_carlo_estimate():
    torch.manual_seed(0)
    q = distribution([30.0, 12.0], [60.0, 9.0], 0.4, 0.02)
    p = kernel_prior(torch.tensor([[2.2, 0.7, 0.3]], **DOUBLE), confidence=20, deviation=0.2)
    variances, slope = q.variances.rsample((50_000,)), q.slope.rsample((50_000,))
    draws = torch.cat(
        [
            q.variances.log_prob(variances) - p.variances.log_prob(variances),
            q.slope.log_prob(slope) - p.slope.log_prob(slope),
        ],
        dim=2,
    )[:, 0, :, 0, 0]
    exact = kernel_kl(q, p)[0, :, 0, 0]
    assert ((draws.mean(0) - exact).abs() < 5 * draws.std(0) / math.sqrt(len(draws))).all()
    assert (exact > 0).all()


def test_samples_stay_where_a_covariance_is_one_and_carry_gradients():
    torch.manual_seed(1)
    many = 4000
    parameters = [torch.full((many, 2, 1, 1), value, requires_grad=True) for value in (3.0, 3.5)]
    wide = [torch.full((many, 1, 1, 1), value, requires_grad=True) for value in (1.0, 0.0)]
    drawn = KernelDistribution(InverseGamma(*parameters), Gaussian(*wide)).rsample()
    variances, correlation = drawn.split([2, 1], dim=1)
    assert (variances > 0).all()
    assert (correlation.abs() < 1).all()
    assert torch.quantile(correlation, 0.5).item() == pytest.approx(math.tanh(1.0), abs=0.03)
    gaussian_kernel(drawn[:, :, 0, 0], 9)[:, 4, 4].sum().backward()
    for parameter in (*parameters, *wide):
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().max() > 0


def test_a_map_of_kernels_pools_into_one_and_stands_against_one_prior():
    torch.manual_seed(2)
    variances = InverseGamma(torch.randn(2, 2, 3, 4), torch.randn(2, 2, 3, 4))
    q = KernelDistribution(variances, Gaussian(torch.randn(2, 1, 3, 4), torch.randn(2, 1, 3, 4)))
    assert q.pooled().mode.shape == (2, 3, 1, 1)
    torch.testing.assert_close(
        q.pooled().variances.log_beta[:, :, 0, 0], variances.log_beta.mean((2, 3))
    )
    divergence = kernel_kl(q, kernel_prior(torch.tensor([[1.0, 1.0, 0.0], [2.0, 1.0, 0.5]])))
    assert divergence.shape == (2, 3, 3, 4)
