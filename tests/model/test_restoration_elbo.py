"""The bound of a degraded image: denoising is its special case, and Monte Carlo its oracle."""

import math

import pytest
import torch

from vdn.model import (
    Gaussian,
    InverseGamma,
    KernelDistribution,
    LinearDegradation,
    Posterior,
    elbo,
    gaussian_kernel,
    image_prior,
    kernel_prior,
    noise_prior,
)
from vdn.resampling import bicubic_taps, direct_taps

DOUBLE = {"dtype": torch.float64}


def posterior_of(x, y, kernel=None):
    z = Gaussian(x + 0.02 * torch.randn_like(x), torch.log(1e-3 + 2e-3 * torch.rand_like(x)))
    log_alpha = torch.full_like(y, math.log(15.0))
    return Posterior(z, InverseGamma(log_alpha, torch.full_like(y, math.log(0.12))), kernel=kernel)


def kernel_posterior(count):
    ones = torch.ones(count, 2, 1, 1, **DOUBLE)
    variances = InverseGamma(ones * math.log(40.0), ones * math.log(50.0))
    slope = Gaussian(0.3 * ones[:, :1], ones[:, :1] * math.log(0.02))
    return KernelDistribution(variances, slope)


@pytest.mark.parametrize("side", [1, 5])
def test_denoising_is_the_case_of_no_blur_and_no_reduction(side):
    torch.manual_seed(0)
    x = torch.rand(2, 3, 9, 11, **DOUBLE)
    y = x + 0.1 * torch.randn_like(x)
    q, priors = posterior_of(x, y), (image_prior(x, 1e-3), noise_prior(torch.full_like(y, 0.01)))
    identity = torch.zeros(2, side, side, **DOUBLE)
    identity[:, side // 2, side // 2] = 1
    degradation = LinearDegradation.of_blur(identity, bicubic_taps(1), 1)
    plain, special = elbo(y, q, *priors), elbo(y, q, *priors, degradation)
    margin = degradation.margin
    inside = (..., slice(margin, 9 - margin), slice(margin, 11 - margin))
    torch.testing.assert_close(special.likelihood, plain.likelihood[inside])
    torch.testing.assert_close(special.kl_image, plain.kl_image)
    torch.testing.assert_close(special.kl_noise, plain.kl_noise)
    if side == 1 and margin == 0:
        torch.testing.assert_close(special.total, plain.total)


@pytest.mark.parametrize(("scale", "taps"), [(1, direct_taps), (2, bicubic_taps)])
def test_the_likelihood_is_its_monte_carlo_average_for_a_known_kernel(scale, taps):
    torch.manual_seed(1)
    kernel = gaussian_kernel(torch.tensor([[1.2, 0.7, 0.4]], **DOUBLE), 5)
    degradation = LinearDegradation.of_blur(kernel, taps(scale), scale)
    x = torch.rand(1, 1, 12 * scale, 12 * scale, **DOUBLE)
    y = degradation(x) + 0.1 * torch.randn(1, 1, 12, 12, **DOUBLE)
    q = posterior_of(x, y)
    terms = elbo(y, q, image_prior(x, 1e-3), noise_prior(torch.full_like(y, 0.01)), degradation)
    count, margin = 1_000, degradation.margin
    z = q.z.rsample((count,))[:, 0]
    many = LinearDegradation(degradation.kernel.expand(count, -1, -1), scale)
    sigma2 = q.sigma2.rsample((count,))[:, 0]
    draws = -0.5 * (torch.log(2 * math.pi * sigma2) + (y - many(z)).square() / sigma2)
    draws = draws[..., margin:-margin, margin:-margin].sum((1, 2, 3))
    error = abs(draws.mean() - terms.likelihood.sum())
    assert error < 5 * draws.std() / math.sqrt(count)


def test_one_sample_of_the_kernel_estimates_the_whole_bound_without_bias():
    torch.manual_seed(2)
    count, scale, side = 2_000, 2, 5
    prior = kernel_prior(torch.tensor([[1.1, 0.9, 0.2]], **DOUBLE))
    q_kernel = kernel_posterior(1)
    x = torch.rand(1, 1, 16, 16, **DOUBLE)
    y = 0.5 * torch.rand(1, 1, 8, 8, **DOUBLE) + 0.25
    priors = image_prior(x, 1e-3), noise_prior(torch.full_like(y, 0.01))
    q = posterior_of(x, y, q_kernel)
    samples = kernel_posterior(count).rsample()
    blurs = gaussian_kernel(samples[:, :, 0, 0], side)
    degradations = LinearDegradation.of_blur(blurs, bicubic_taps(scale), scale)

    # The estimate: closed in z and sigma2, one kernel a draw.
    terms = [
        elbo(y, q, *priors, LinearDegradation(kernel[None], scale), prior).total
        for kernel in degradations.kernel[:200]
    ]
    estimate = torch.stack(terms)

    # Everything drawn.
    margin = degradations.margin
    z, sigma2 = q.z.rsample((count,))[:, 0], q.sigma2.rsample((count,))[:, 0]
    residual = (y - degradations(z)).square()
    likelihood = -0.5 * (torch.log(2 * math.pi * sigma2) + residual / sigma2)
    variances, slope = samples[:, :2], samples[:, 2:].atanh()
    draws = (
        likelihood[..., margin:-margin, margin:-margin].sum((1, 2, 3))
        + (priors[0].log_prob(z) - q.z.log_prob(z)).sum((1, 2, 3))
        + (priors[1].log_prob(sigma2) - q.sigma2.log_prob(sigma2)).sum((1, 2, 3))
        + (prior.variances.log_prob(variances) - q_kernel.variances.log_prob(variances)).sum(
            (1, 2, 3)
        )
        + (prior.slope.log_prob(slope) - q_kernel.slope.log_prob(slope)).sum((1, 2, 3))
    )
    error = math.hypot(
        float(draws.std()) / math.sqrt(count), float(estimate.std()) / math.sqrt(len(estimate))
    )
    assert abs(float(draws.mean() - estimate.mean())) < 5 * error
    assert estimate.std() < draws.std() / 3  # what the closed forms are for


def test_the_gradient_reaches_the_image_and_the_kernel():
    torch.manual_seed(3)
    mean = torch.rand(2, 1, 16, 16, requires_grad=True)
    parameter = torch.full((2, 2, 1, 1), math.log(30.0), requires_grad=True)
    slope = torch.zeros(2, 1, 1, 1, requires_grad=True)
    q_kernel = KernelDistribution(
        InverseGamma(parameter, parameter + 0.1), Gaussian(slope, torch.full_like(slope, -4.0))
    )
    y = torch.rand(2, 1, 8, 8)
    q = posterior_of(mean, y, q_kernel)
    drawn = gaussian_kernel(q_kernel.rsample()[:, :, 0, 0], 5)
    degradation = LinearDegradation.of_blur(drawn, bicubic_taps(2), 2)
    elbo(
        y, q, image_prior(mean.detach(), 1e-3), noise_prior(torch.full_like(y, 0.01)), degradation
    ).likelihood.sum().backward()
    for leaf in (mean, parameter, slope):
        assert leaf.grad.isfinite().all()
        assert leaf.grad.abs().max() > 0
