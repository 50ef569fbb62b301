"""The variational lower bound of the paper, in closed form."""

from dataclasses import dataclass

from torch import Tensor

from vdn.model.distributions import (
    Gaussian,
    InverseGamma,
    expected_log_likelihood,
    kl_divergence,
)
from vdn.model.posterior import Posterior

__all__ = ["Elbo", "elbo"]


@dataclass(frozen=True)
class Elbo:
    """The three terms of the bound, in nats per element, each (N, C, H, W).

    Attributes
    ----------
    likelihood : Tensor
        Expected log-likelihood of the noisy image.
    kl_image, kl_noise : Tensor
        Divergences of q(z) and of q(sigma2) from their priors; never negative.
    """

    likelihood: Tensor
    kl_image: Tensor
    kl_noise: Tensor

    @property
    def total(self) -> Tensor:
        """The bound: likelihood minus both divergences."""
        return self.likelihood - self.kl_image - self.kl_noise


def elbo(y: Tensor, posterior: Posterior, image: Gaussian, noise: InverseGamma) -> Elbo:
    r"""The evidence lower bound of a noisy image, per element.

    .. math:: \mathcal L = E_q[\log p(y \mid z, \sigma^2)]
        - \text{KL}(q(z) \| p(z)) - \text{KL}(q(\sigma^2) \| p(\sigma^2))

    Parameters
    ----------
    y : Tensor
        The noisy image, (N, C, H, W).
    posterior : Posterior
        What the model says of `y`.
    image, noise : Gaussian, InverseGamma
        The priors, from `image_prior` and `noise_prior`.

    Returns
    -------
    Elbo
        The paper sums its `total` over all elements; training here takes the mean.

    References
    ----------
    .. [1] Yue et al., "Variational Denoising Network", NeurIPS 2019,
       https://arxiv.org/abs/1908.11314

    Examples
    --------
    >>> import torch
    >>> from vdn.model.priors import image_prior, noise_prior
    >>> y, x = torch.tensor([0.7]), torch.tensor([0.5])
    >>> image, noise = image_prior(x, 5e-5), noise_prior(torch.tensor([0.01]))
    >>> terms = elbo(y, Posterior(image, noise), image, noise)
    >>> terms.kl_image.item(), terms.kl_noise.item()
    (0.0, 0.0)
    """
    return Elbo(
        likelihood=expected_log_likelihood(y, posterior.z, posterior.sigma2),
        kl_image=kl_divergence(posterior.z, image),
        kl_noise=kl_divergence(posterior.sigma2, noise),
    )
