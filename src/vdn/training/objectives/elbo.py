"""The bound of `vdn.model.elbo`, and terms that may stand in place of its own for the noise."""

from collections.abc import Mapping

import torch
from torch import Tensor

from vdn.model import elbo, filtered_squared_residual, image_prior, noise_prior
from vdn.training.config import Objective
from vdn.training.objectives.noise import noise_terms
from vdn.training.objectives.terms import Model, Terms, error_nll

__all__ = ["WEIGHTS", "image_variance", "objective", "weighted"]

WEIGHTS = {"likelihood": 1.0, "kl_image": 1.0, "kl_noise": 1.0, "error": 0.0, "interval": 0.0}
"""These are the bound. `error` and `interval` are the terms of `vdn.training.objectives.noise`, by
which S-Net can learn in place of `likelihood` and `kl_noise`, while D-Net learns by `kl_image`."""

XI_REFERENCE = (25 / 255) ** 2
XI_FLOOR = (2 / 255) ** 2


def objective(
    model: Model, batch: Mapping[str, Tensor], settings: Objective, weights: Mapping[str, float]
) -> Terms:
    """Negative bound, mean over all elements, plus the error head's negative log-likelihood."""
    y, x = batch["noisy"], batch["clean"]
    told = {"sigma": batch["sigma"], "where": batch["told"]} if "told" in batch else {}
    posterior = model(y, **told)
    if settings.xi == "true":
        xi = batch["sigma"].square()
    else:
        xi = filtered_squared_residual(y, x, settings.window, settings.window_sigma)
    bound = elbo(
        y, posterior, image_prior(x, image_variance(xi, settings)), noise_prior(xi, settings.window)
    )
    likelihood, kl_image, kl_noise = (
        term.mean() for term in (bound.likelihood, bound.kl_image, bound.kl_noise)
    )
    named = {
        "likelihood": likelihood,
        "kl_image": kl_image,
        "kl_noise": kl_noise,
        **error_nll(posterior, x),
    }
    if weights["error"] or weights["interval"]:
        named |= noise_terms(posterior.sigma2, xi)
    return weighted(named, weights)


def image_variance(xi: Tensor, settings: Objective) -> float | Tensor:
    """The prior variance of the image, of the shape of `xi` where it follows the noise."""
    if not settings.eps0_power:
        return settings.eps0_squared
    relative = xi.clamp_min(XI_FLOOR) / XI_REFERENCE
    return settings.eps0_squared * relative.pow(settings.eps0_power)


def weighted(named: Mapping[str, Tensor], weights: Mapping[str, float]) -> Terms:
    """The terms, with their weighted sum as the loss; the likelihood is what is to be large."""
    factors = {"error_nll": 1.0, **weights, "likelihood": -weights["likelihood"]}
    used = [factors[name] * term for name, term in named.items() if factors[name]]
    return Terms(torch.stack(used).sum(), named)
