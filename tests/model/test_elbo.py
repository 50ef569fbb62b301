"""The bound: the oracle of its stationary point, Monte Carlo, and its limits."""

import math

import pytest
import torch
import torch.nn.functional as F

from vdn.model import (
    Gaussian,
    InverseGamma,
    Posterior,
    elbo,
    filtered_squared_residual,
    image_prior,
    noise_prior,
)

DOUBLE = {"dtype": torch.float64}


def test_stationary_point_is_the_oracle():
    y, x = torch.tensor([0.7], **DOUBLE), torch.tensor([0.5], **DOUBLE)
    image, noise = image_prior(x, 5e-5), noise_prior(torch.tensor([(25 / 255) ** 2], **DOUBLE))
    start = [0.5, math.log(5e-5), math.log(20.0), math.log(0.2)]
    free = [torch.tensor([value], requires_grad=True, **DOUBLE) for value in start]
    optimiser = torch.optim.LBFGS(
        free,
        max_iter=500,
        tolerance_grad=1e-14,
        tolerance_change=1e-18,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimiser.zero_grad()
        posterior = Posterior(Gaussian(*free[:2]), InverseGamma(*free[2:]))
        loss = -elbo(y, posterior, image, noise).total.sum()
        loss.backward()
        return loss

    for _ in range(5):
        optimiser.step(closure)
    mu, log_m2, log_alpha, log_beta = (parameter.item() for parameter in free)
    assert mu == pytest.approx(0.500936, abs=2e-6)
    assert math.exp(log_m2) == pytest.approx(4.9766e-5, rel=1e-4)
    assert math.exp(log_alpha) == pytest.approx(24.0, rel=1e-4)
    assert math.exp(log_beta) == pytest.approx(0.255325, rel=1e-4)


def test_whole_bound_is_its_monte_carlo_estimate():
    torch.manual_seed(0)
    x = torch.rand(1, 3, 4, 5, **DOUBLE)
    y = x + 0.1 * torch.randn_like(x)
    image, noise = image_prior(x, 1e-3), noise_prior(filtered_squared_residual(y, x, 5))
    q = Posterior(
        Gaussian(x + 0.01 * torch.randn_like(x), torch.full_like(x, math.log(2e-3))),
        InverseGamma(torch.full_like(x, math.log(15.0)), torch.full_like(x, math.log(0.12))),
    )
    z, sigma2 = q.z.rsample((100_000,)), q.sigma2.rsample((100_000,))
    log_likelihood = -0.5 * (torch.log(2 * math.pi * sigma2) + (y - z).square() / sigma2)
    draws = (
        log_likelihood
        + image.log_prob(z)
        - q.z.log_prob(z)
        + noise.log_prob(sigma2)
        - q.sigma2.log_prob(sigma2)
    ).sum((1, 2, 3, 4))
    exact = elbo(y, q, image, noise).total.sum()
    assert abs(draws.mean() - exact) < 5 * draws.std() / math.sqrt(draws.numel())


def test_bound_is_tight_and_maximal_at_the_exact_posterior_of_a_conjugate_model():
    # Known z (q(z) = p(z), nearly a point): sigma2 | y is IG(alpha0 + 1/2, beta0 + (y - z)^2 / 2)
    # and the bound equals the log of a Student t density.
    y, z0 = torch.tensor(0.4, **DOUBLE), torch.tensor(0.1, **DOUBLE)
    prior = InverseGamma(*torch.tensor([3.0, 0.2], **DOUBLE).log())
    point = Gaussian(z0, torch.tensor(math.log(1e-14), **DOUBLE))
    alpha, beta = 3.5, 0.2 + 0.5 * 0.09

    def bound(a: float, b: float) -> float:
        q = InverseGamma(*torch.tensor([a, b], **DOUBLE).log())
        return elbo(y, Posterior(point, q), point, prior).total.item()

    evidence = torch.distributions.StudentT(6.0, z0, math.sqrt(0.2 / 3.0)).log_prob(y).item()
    assert bound(alpha, beta) == pytest.approx(evidence, abs=1e-9)
    for factor in (0.9, 1.1):
        assert bound(alpha * factor, beta) < bound(alpha, beta)
        assert bound(alpha, beta * factor) < bound(alpha, beta)


def test_small_eps0_gives_the_gradient_of_the_mean_squared_error():
    torch.manual_seed(2)
    x, y = torch.rand(2, 3, 4, 4, **DOUBLE), torch.rand(2, 3, 4, 4, **DOUBLE)
    q_noise = noise_prior(torch.full_like(x, 0.01))
    directions = []
    for eps0_squared in (1e-4, 1e-8):
        mu = torch.rand(2, 3, 4, 4, **DOUBLE, generator=torch.Generator().manual_seed(3))
        mu.requires_grad_()
        posterior = Posterior(Gaussian(mu, torch.full_like(x, math.log(eps0_squared))), q_noise)
        loss = -elbo(y, posterior, image_prior(x, eps0_squared), q_noise).total.sum()
        (gradient,) = torch.autograd.grad(2 * eps0_squared * loss, mu)
        (mse,) = torch.autograd.grad(F.mse_loss(mu, x, reduction="sum"), mu)
        directions.append((gradient - mse).norm() / mse.norm())
    assert directions[1] < 1e-5
    assert directions[1] < directions[0]


def test_terms_are_what_they_say():
    y = torch.rand(1, 1, 3, 3)
    image, noise = image_prior(y, 1e-4), noise_prior(torch.full_like(y, 0.02))
    terms = elbo(y, Posterior(image, noise), image, noise)
    assert terms.kl_image.abs().max() == 0
    assert terms.kl_noise.abs().max() < 1e-5
    each = terms.likelihood - terms.kl_image - terms.kl_noise
    torch.testing.assert_close(terms.total, each.sum())
