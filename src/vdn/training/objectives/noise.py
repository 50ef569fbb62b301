"""S-Net by itself: the true variance at every pixel, and how far off its estimate of it is."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from vdn.model import InverseGamma
from vdn.training.config import Objective
from vdn.training.objectives.terms import Model, Terms

__all__ = ["WEIGHTS", "noise_terms", "objective"]

WEIGHTS = {"error": 1.0, "interval": 0.1}

FLOOR = math.log((1 / 255) ** 2)
"""Below a standard deviation of 1/255 differences count less and less."""

LEAST_RATIO = -2.5
"""Of the logarithms of true and estimated variance, where the likelihood falls exponentially."""


def noise_terms(
    posterior: InverseGamma, variance: Tensor, log_floor: float = FLOOR
) -> dict[str, Tensor]:
    r"""Return the two terms, each a mean over a batch.

    ``error`` is the absolute error of :math:`\log(\sigma^2 + f)` of the mode, f being 1/255
    squared: what is learned is the median, which neither a few noisy patches nor a few clean ones
    that look alike can pull away. ``interval`` is the negative log-likelihood of the true variance
    under the posterior, f added to both, its mode held fixed, so that alpha alone learns from it:
    the posterior is as wide as its mode is wrong.

    Parameters
    ----------
    posterior : InverseGamma
        What S-Net says, (N, C, H, W).
    variance : Tensor
        The true variance, of that shape.
    log_floor : float
        The logarithm of f.

    Examples
    --------
    >>> q = InverseGamma(torch.tensor(24.0).log(), torch.tensor(0.25).log())
    >>> round(float(noise_terms(q, torch.tensor(0.01))["error"]), 4)
    0.0
    """
    log_mode = posterior.log_beta - torch.log1p(posterior.alpha)
    floor = torch.full_like(log_mode, log_floor)
    estimate, truth = (torch.logaddexp(each, floor) for each in (log_mode, variance.log()))
    log_beta = torch.log1p(posterior.alpha)
    width = InverseGamma(posterior.log_alpha, log_beta, validate_args=False)
    ratio = (truth - estimate.detach()).clamp_min(LEAST_RATIO)
    return {
        "error": smooth_l1_loss(estimate, truth, beta=0.1),
        "interval": -(width.log_prob(ratio.exp()) + ratio).mean(),  # of the logarithm of the ratio
    }


def objective(
    model: Model, batch: Mapping[str, Tensor], settings: Objective, weights: Mapping[str, float]
) -> Terms:
    """Both terms; D-Net does not run, which makes a step many times cheaper."""
    posterior = model(batch["noisy"], noise_only=True)
    terms = noise_terms(posterior, batch["sigma"].square())
    loss = weights["error"] * terms["error"] + weights["interval"] * terms["interval"]
    return Terms(loss, terms)
