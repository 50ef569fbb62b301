"""The variational lower bound of the paper, in closed form, and that of a degraded image."""

from dataclasses import dataclass

from torch import Tensor

from vdn.model.degradation import LinearDegradation
from vdn.model.distributions import (
    Gaussian,
    InverseGamma,
    expected_log_likelihood,
    kl_divergence,
)
from vdn.model.kernel import KernelDistribution, kernel_kl
from vdn.model.posterior import Posterior

__all__ = ["Elbo", "elbo"]


@dataclass(frozen=True)
class Elbo:
    """The terms of the bound, in nats for each value they are about.

    Attributes
    ----------
    likelihood : Tensor
        Expected log-likelihood of the noisy image, (N, C, H, W), without the border of a degraded
        one.
    kl_image, kl_noise : Tensor
        Divergences of q(z) and of q(sigma2) from their priors; never negative. (N, C, H, W), of
        the clean image and of the noisy one.
    kl_kernel : Tensor or None
        That of the kernel, (N, 3, H', W'), where it is unknown.
    """

    likelihood: Tensor
    kl_image: Tensor
    kl_noise: Tensor
    kl_kernel: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """The bound of the batch: the sum of the likelihood minus those of the divergences.

        A map of kernels counts by its mean: it says the same of one kernel many times.
        """
        total = self.likelihood.sum() - self.kl_image.sum() - self.kl_noise.sum()
        return total if self.kl_kernel is None else total - self.kl_kernel.mean((2, 3)).sum()


def elbo(
    y: Tensor,
    posterior: Posterior,
    image: Gaussian,
    noise: InverseGamma,
    degradation: LinearDegradation | None = None,
    kernel: KernelDistribution | None = None,
) -> Elbo:
    r"""The evidence lower bound of a noisy image, and degraded before the noise, its terms apart.

    .. math:: \mathcal L = E_q[\log p(y \mid z, \sigma^2, k)]
        - \text{KL}(q(z) \| p(z)) - \text{KL}(q(\sigma^2) \| p(\sigma^2))
        - \text{KL}(q(k) \| p(k))

    With :math:`y = A z + n`, A linear, the expectation over z and sigma2 is in closed form,
    :math:`E(y - Az)_i^2 = (y - A\mu)_i^2 + \sum_j A_{ij}^2 m_j^2`. That over the kernel is
    estimated without bias by one sample of it: the `degradation` given. Denoising is A = 1.

    Parameters
    ----------
    y : Tensor
        The noisy image, (N, C, H, W).
    posterior : Posterior
        What the model says of `y`.
    image, noise : Gaussian, InverseGamma
        The priors, from `image_prior` and `noise_prior`.
    degradation : LinearDegradation, optional
        What was done to the clean image before the noise, with a known kernel or one drawn from
        ``posterior.kernel``. The outer `margin` of `y`, which depends on what lies beyond the
        image, has no likelihood.
    kernel : KernelDistribution, optional
        The prior of the kernel, from `kernel_prior`.

    Returns
    -------
    Elbo
        The paper sums all elements; training here takes the mean of each term.

    References
    ----------
    .. [1] Yue et al., "Variational Denoising Network", NeurIPS 2019,
       https://arxiv.org/abs/1908.11314
    .. [2] Yue et al., "Deep Variational Network Toward Blind Image Restoration", TPAMI 2024,
       https://arxiv.org/abs/2008.10796

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
    observed, sigma2 = posterior.z, posterior.sigma2
    if degradation is not None:
        observed = degradation.marginals(observed)
    likelihood = expected_log_likelihood(y, observed, sigma2)
    if degradation is not None and (margin := degradation.margin):
        likelihood = likelihood[..., margin:-margin, margin:-margin]
    kl_kernel = None
    if kernel is not None and posterior.kernel is not None:
        kl_kernel = kernel_kl(posterior.kernel, kernel)
    return Elbo(
        likelihood=likelihood,
        kl_image=kl_divergence(posterior.z, image),
        kl_noise=kl_divergence(sigma2, noise),
        kl_kernel=kl_kernel,
    )
