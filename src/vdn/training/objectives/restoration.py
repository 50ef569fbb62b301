"""The bound of a degraded picture whose blur is unknown, with one sample of the kernel."""

from collections.abc import Mapping

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from vdn.model import (
    LinearDegradation,
    elbo,
    gaussian_kernel,
    image_prior,
    kernel_prior,
    noise_prior,
)
from vdn.training.config import Objective
from vdn.training.objectives.elbo import image_variance, weighted
from vdn.training.objectives.noise import noise_terms
from vdn.training.objectives.terms import Model, Terms, error_nll

__all__ = ["WEIGHTS", "objective"]

WEIGHTS = {
    "likelihood": 1.0,
    "kl_image": 1.0,
    "kl_noise": 1.0,
    "kl_kernel": 1.0,
    "error": 0.0,
    "interval": 0.0,
}
"""These are the bound; the last two are those of `vdn.training.objectives.elbo`."""


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
        **error_nll(posterior, x),
    }
    return weighted(named, weights)
