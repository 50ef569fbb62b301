"""The loss: the bound of `vdn.model.elbo`, and the error head's own likelihood."""

from dataclasses import dataclass

from torch import Tensor

from vdn.model import Posterior, elbo, filtered_squared_residual, image_prior, noise_prior
from vdn.training.config import Objective

__all__ = ["Terms", "objective"]

XI_REFERENCE = (25 / 255) ** 2
XI_FLOOR = (2 / 255) ** 2


@dataclass(frozen=True)
class Terms:
    """Means over a batch, each a scalar tensor; `loss` is what is minimised."""

    loss: Tensor
    likelihood: Tensor
    kl_image: Tensor
    kl_noise: Tensor
    error_nll: Tensor


def objective(batch: dict[str, Tensor], posterior: Posterior, settings: Objective) -> Terms:
    """Negative bound (mean over all elements) plus the negative log-likelihood of the error head.

    The error head learns from the residual ``x - mean`` without its gradient, so it cannot move
    the mean.

    Parameters
    ----------
    batch : dict
        ``noisy``, ``clean`` and ``sigma``, each (N, C, H, W), as `vdn.data.patches` makes them.
    """
    y, x = batch["noisy"], batch["clean"]
    if settings.xi == "true":
        xi = batch["sigma"].square()
    else:
        xi = filtered_squared_residual(y, x, settings.window, settings.window_sigma)
    eps0_squared: float | Tensor = settings.eps0_squared
    if settings.eps0_power:
        relative = xi.clamp_min(XI_FLOOR) / XI_REFERENCE
        eps0_squared = settings.eps0_squared * relative.pow(settings.eps0_power)
    terms = elbo(y, posterior, image_prior(x, eps0_squared), noise_prior(xi, settings.window))
    error_nll = y.new_zeros(())
    if posterior.error is not None:
        error_nll = -posterior.error.log_prob((x - posterior.mean).detach()).mean()
    return Terms(
        loss=error_nll - terms.total.mean(),
        likelihood=terms.likelihood.mean(),
        kl_image=terms.kl_image.mean(),
        kl_noise=terms.kl_noise.mean(),
        error_nll=error_nll,
    )
