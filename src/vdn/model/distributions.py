"""The two families of the paper, in log-parameters, with their divergences in closed form.

Both take the logarithms that the networks put out, so that no positive parameter is ever made by
clamping. Notation: ``z`` the latent clean image, ``sigma2`` the noise variance.

References
----------
.. [1] Yue, Yong, Zhao, Zhang, Meng, "Variational Denoising Network: Toward Blind Noise Modeling
   and Removal", NeurIPS 2019, https://arxiv.org/abs/1908.11314
"""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints, register_kl
from torch.distributions.kl import kl_divergence

__all__ = ["Gaussian", "InverseGamma", "expected_log_likelihood", "kl_divergence"]

LOG_2PI = math.log(2 * math.pi)


class Gaussian(Distribution):
    r"""A Normal with the logarithm of its variance as parameter.

    .. math:: \mathcal N(z \mid \mu, m^2), \qquad m^2 = e^{\text{log_variance}}

    Parameters
    ----------
    mean, log_variance : Tensor
        Of one broadcastable shape, here (N, C, H, W).

    Examples
    --------
    >>> Gaussian(torch.zeros(2), torch.zeros(2)).log_prob(torch.zeros(2))
    tensor([-0.9189, -0.9189])
    """

    arg_constraints: ClassVar = {"mean": constraints.real, "log_variance": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(self, mean: Tensor, log_variance: Tensor, validate_args: bool | None = None):
        self._mean, self.log_variance = torch.broadcast_tensors(mean, log_variance)
        super().__init__(self._mean.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self._mean

    @property
    def mode(self) -> Tensor:
        return self._mean

    @property
    def variance(self) -> Tensor:
        return self.log_variance.exp()

    @property
    def stddev(self) -> Tensor:
        return torch.exp(0.5 * self.log_variance)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(shape, dtype=self.mean.dtype, device=self.mean.device)
        return self.mean + self.stddev * noise

    def log_prob(self, value: Tensor) -> Tensor:
        square = (value - self.mean).square() * torch.exp(-self.log_variance)
        return -0.5 * (LOG_2PI + self.log_variance + square)

    def cdf(self, value: Tensor) -> Tensor:
        return torch.special.ndtr((value - self.mean) / self.stddev)

    def icdf(self, value: Tensor) -> Tensor:
        return self.mean + self.stddev * torch.special.ndtri(value)

    def entropy(self) -> Tensor:
        return 0.5 * (1 + LOG_2PI + self.log_variance)


class InverseGamma(Distribution):
    r"""An inverse gamma with the logarithms of its shape and scale as parameters.

    .. math:: \text{IG}(\sigma^2 \mid \alpha, \beta)
        = \frac{\beta^\alpha}{\Gamma(\alpha)} (\sigma^2)^{-\alpha-1} e^{-\beta/\sigma^2}

    The mode is :math:`\beta/(\alpha+1)`; the mean :math:`\beta/(\alpha-1)` exists for
    :math:`\alpha>1` and the variance for :math:`\alpha>2` (infinite below).

    Parameters
    ----------
    log_alpha, log_beta : Tensor
        Of one broadcastable shape, here (N, C, H, W).

    Examples
    --------
    >>> q = InverseGamma(torch.tensor(24.0).log(), torch.tensor(25.0).log())
    >>> q.mode
    tensor(1.)
    """

    arg_constraints: ClassVar = {"log_alpha": constraints.real, "log_beta": constraints.real}
    support = constraints.positive
    has_rsample = True

    def __init__(self, log_alpha: Tensor, log_beta: Tensor, validate_args: bool | None = None):
        self.log_alpha, self.log_beta = torch.broadcast_tensors(log_alpha, log_beta)
        super().__init__(self.log_alpha.shape, validate_args=validate_args)

    @property
    def alpha(self) -> Tensor:
        return self.log_alpha.exp()

    @property
    def beta(self) -> Tensor:
        return self.log_beta.exp()

    @property
    def mode(self) -> Tensor:
        return torch.exp(self.log_beta - torch.log1p(self.alpha))

    @property
    def mean(self) -> Tensor:
        alpha = self.alpha
        return torch.where(alpha > 1, self.beta / (alpha - 1).clamp_min(1e-30), torch.inf)

    @property
    def variance(self) -> Tensor:
        alpha = self.alpha
        shrink = (alpha - 1).square() * (alpha - 2).clamp_min(1e-30)
        return torch.where(alpha > 2, self.beta.square() / shrink, torch.inf)

    @property
    def expected_log(self) -> Tensor:
        r""":math:`E[\log\sigma^2] = \log\beta - \psi(\alpha)`."""
        return self.log_beta - torch.digamma(self.alpha)

    @property
    def expected_inverse(self) -> Tensor:
        r""":math:`E[1/\sigma^2] = \alpha/\beta`."""
        return torch.exp(self.log_alpha - self.log_beta)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        alpha = self.alpha.expand(self._extended_shape(torch.Size(sample_shape)))
        gamma = torch._standard_gamma(alpha).clamp_min(torch.finfo(alpha.dtype).tiny)
        return torch.exp(self.log_beta - gamma.log())

    def log_prob(self, value: Tensor) -> Tensor:
        alpha = self.alpha
        log_value = value.log()
        return (
            alpha * self.log_beta
            - torch.lgamma(alpha)
            - (alpha + 1) * log_value
            - torch.exp(self.log_beta - log_value)
        )

    def cdf(self, value: Tensor) -> Tensor:
        return torch.special.gammaincc(self.alpha, self.beta / value)

    def entropy(self) -> Tensor:
        alpha = self.alpha
        return alpha + self.log_beta + torch.lgamma(alpha) - (1 + alpha) * torch.digamma(alpha)


@register_kl(Gaussian, Gaussian)
def kl_gaussian_gaussian(q: Gaussian, p: Gaussian) -> Tensor:
    r"""KL between two Gaussians, per element ([1]_, the term of q(z)).

    .. math:: \frac{(\mu_q-\mu_p)^2}{2 m_p^2}
        + \frac12\Big[\frac{m_q^2}{m_p^2} - \log\frac{m_q^2}{m_p^2} - 1\Big]
    """
    log_ratio = q.log_variance - p.log_variance
    square = (q.mean - p.mean).square() * torch.exp(-p.log_variance)
    return 0.5 * (square + torch.expm1(log_ratio) - log_ratio)


@register_kl(InverseGamma, InverseGamma)
def kl_inverse_gamma_inverse_gamma(q: InverseGamma, p: InverseGamma) -> Tensor:
    r"""KL between two inverse gammas, per element ([1]_, the term of q(sigma2)).

    .. math:: (\alpha-\alpha_0)\psi(\alpha) + \log\Gamma(\alpha_0) - \log\Gamma(\alpha)
        + \alpha_0(\log\beta-\log\beta_0) + \alpha\Big(\frac{\beta_0}{\beta}-1\Big)
    """
    alpha, alpha0 = q.alpha, p.alpha
    log_ratio = p.log_beta - q.log_beta
    return (
        (alpha - alpha0) * torch.digamma(alpha)
        + torch.lgamma(alpha0)
        - torch.lgamma(alpha)
        - alpha0 * log_ratio
        + alpha * torch.expm1(log_ratio)
    )


def expected_log_likelihood(y: Tensor, z: Gaussian, sigma2: InverseGamma) -> Tensor:
    r"""Expectation of log N(y | z, sigma2) under q(z) q(sigma2), per element ([1]_).

    .. math:: -\tfrac12\log 2\pi - \tfrac12(\log\beta-\psi(\alpha))
        - \frac{\alpha}{2\beta}\big[(y-\mu)^2 + m^2\big]

    Parameters
    ----------
    y : Tensor
        The noisy image, of the shape of both distributions.
    z, sigma2 : Gaussian, InverseGamma
        The posterior of the clean image and of the noise variance.

    Returns
    -------
    Tensor
        In nats, of the shape of `y`.
    """
    square = (y - z.mean).square() + z.variance
    return -0.5 * (LOG_2PI + sigma2.expected_log + sigma2.expected_inverse * square)
