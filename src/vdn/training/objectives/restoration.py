"""The bound of a degraded picture whose blur is unknown, with one sample of the kernel."""

import math
from collections.abc import Mapping

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from vdn.model import (
    Gaussian,
    KernelDistribution,
    LinearDegradation,
    elbo,
    gaussian_kernel,
    image_prior,
    kernel_prior,
    noise_prior,
)
from vdn.model.kernel import STEEPEST
from vdn.runtime.kernel import FLOOR
from vdn.training.config import Objective
from vdn.training.objectives.elbo import image_variance, weighted
from vdn.training.objectives.noise import noise_terms
from vdn.training.objectives.terms import Model, Terms, error_nll

__all__ = ["WEIGHTS", "kernel_terms", "objective"]

WEIGHTS = {
    "likelihood": 1.0,
    "kl_image": 1.0,
    "kl_noise": 1.0,
    "kl_kernel": 1.0,
    "error": 0.0,
    "interval": 0.0,
    "kernel_error": 0.0,
    "kernel_interval": 0.0,
}
"""These are the bound. By `error` and `interval` S-Net can learn in place of `kl_noise`, see
`vdn.training.objectives.noise`, and by the last two K-Net in place of `kl_kernel`: that grows
without bound where a kernel is taken for too narrow."""

LOG_FLOOR = math.log(FLOOR)
"""Widths below 0.3 pixels differ less and less."""


def objective(
    model: Model,
    batch: Mapping[str, Tensor],
    settings: Objective,
    weights: Mapping[str, float],
    taps: np.ndarray,
) -> Terms:
    """Negative bound, each term a mean, plus the error head's negative log-likelihood.

    Parameters
    ----------
    model, batch, settings, weights
        As of every objective; the batch has also ``kernel``, see `vdn.data.batches`.
    taps : numpy.ndarray
        Weights of the reduction along each axis.
    """
    y, x = batch["noisy"], batch["clean"]
    posterior = model(y)
    scale = x.shape[-1] // y.shape[-1]
    xi = batch["sigma"].square()
    eps0_squared = image_variance(xi, settings)
    if isinstance(eps0_squared, Tensor) and scale > 1:
        eps0_squared = F.interpolate(eps0_squared, scale_factor=float(scale), mode="nearest")
    drawn = posterior.kernel.pooled().rsample()[:, :, 0, 0]
    kernel = gaussian_kernel(drawn, settings.kernel_side)
    bound = elbo(
        y,
        posterior,
        image_prior(x, eps0_squared),
        noise_prior(xi, settings.window),
        LinearDegradation.of_blur(kernel, taps, scale),
        kernel_prior(batch["kernel"], settings.kernel_confidence, settings.kernel_deviation),
    )
    assert bound.kl_kernel is not None
    named = {
        "likelihood": bound.likelihood.mean(),
        "kl_image": bound.kl_image.mean(),
        "kl_noise": bound.kl_noise.mean(),
        "kl_kernel": bound.kl_kernel.mean(),
        **noise_terms(posterior.sigma2, xi),
        **kernel_terms(posterior.kernel, batch["kernel"][:, :, None, None]),
        **error_nll(posterior, x),
    }
    return weighted(named, weights)


def kernel_terms(posterior: KernelDistribution, truth: Tensor) -> dict[str, Tensor]:
    """Return the two terms for the kernel, each a mean over a batch.

    Those of `vdn.training.objectives.noise.noise_terms` for the variances, with a floor of 0.3
    pixels, and likewise the absolute error of the correlation, and the negative log-likelihood of
    the true slope about the one that is said, held fixed.

    Parameters
    ----------
    posterior : KernelDistribution
        What K-Net says, a map.
    truth : Tensor
        Variances and correlation, (N, 3, 1, 1).
    """
    shape = (-1, -1, *posterior.slope.mean.shape[2:])
    variances, correlation = truth.expand(shape).split([2, 1], dim=1)
    widths = noise_terms(posterior.variances, variances, LOG_FLOOR)
    said = posterior.slope.mean
    slope = Gaussian(said.detach(), posterior.slope.log_variance, validate_args=False)
    true_slope = correlation.clamp(-STEEPEST, STEEPEST).atanh()
    return {
        "kernel_error": widths["error"] + F.smooth_l1_loss(said.tanh(), correlation, beta=0.1),
        "kernel_interval": widths["interval"] - slope.log_prob(true_slope).mean(),
    }
