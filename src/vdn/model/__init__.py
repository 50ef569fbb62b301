"""The paper: distributions, priors, posterior, bound and the model that joins two networks."""

from vdn.model.degradation import LinearDegradation
from vdn.model.distributions import Gaussian, InverseGamma, expected_log_likelihood
from vdn.model.elbo import Elbo, elbo
from vdn.model.kernel import KernelDistribution, gaussian_kernel, kernel_kl, kernel_prior
from vdn.model.posterior import Posterior
from vdn.model.priors import filtered_squared_residual, image_prior, noise_prior
from vdn.model.vdn import VDN

__all__ = [
    "VDN",
    "Elbo",
    "Gaussian",
    "InverseGamma",
    "KernelDistribution",
    "LinearDegradation",
    "Posterior",
    "elbo",
    "expected_log_likelihood",
    "filtered_squared_residual",
    "gaussian_kernel",
    "image_prior",
    "kernel_kl",
    "kernel_prior",
    "noise_prior",
]
