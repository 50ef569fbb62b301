"""What the model returns: the posterior of the clean image and of the noise variance."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vdn.model.distributions import Gaussian, InverseGamma
from vdn.model.kernel import KernelDistribution

__all__ = ["Posterior"]


@dataclass(frozen=True)
class Posterior:
    r"""The factorised posterior :math:`q(z \mid y)\,q(\sigma^2 \mid y)` of one batch.

    Attributes
    ----------
    z : Gaussian
        The clean image, (N, C, H, W); of a model that enlarges, with `scale` times the sides.
    sigma2 : InverseGamma
        The noise variance, (N, C, H, W).
    error : Gaussian or None
        Where the network has an error head: the distribution of ``x - mean``, centred on zero.
        Its width is the honest error bar; that of `z` stays near eps0 whatever the image.
    kernel : KernelDistribution or None
        Where the network has a K-Net: the blur kernel about each place.

    Examples
    --------
    >>> zero = torch.zeros(1, 1, 2, 2)
    >>> q = Posterior(Gaussian(zero, zero), InverseGamma(zero + 3, zero))
    >>> q.mean.shape, q.sigma.shape
    (torch.Size([1, 1, 2, 2]), torch.Size([1, 1, 2, 2]))
    """

    z: Gaussian
    sigma2: InverseGamma
    error: Gaussian | None = None
    kernel: KernelDistribution | None = None

    @property
    def mean(self) -> Tensor:
        """The denoised image mu, (N, C, H, W)."""
        return self.z.mean

    @property
    def sigma(self) -> Tensor:
        """Standard deviation of the noise: the root of the mode of q(sigma2), (N, C, H, W)."""
        return self.sigma2.mode.sqrt()

    def interval(self, level: float = 0.9) -> tuple[Tensor, Tensor]:
        """Central interval of q(z) that holds `level` of its mass, lower and upper (N, C, H, W)."""
        if not 0 < level < 1:
            raise ValueError(f"level is {level}; it must lie between 0 and 1")
        tail = torch.tensor((1 - level) / 2, dtype=self.mean.dtype, device=self.mean.device)
        return self.z.icdf(tail), self.z.icdf(1 - tail)

    def sigma_interval(self, level: float = 0.9) -> tuple[Tensor, Tensor]:
        """Central interval of the noise standard deviation, lower and upper (N, C, H, W)."""
        if not 0 < level < 1:
            raise ValueError(f"level is {level}; it must lie between 0 and 1")
        from scipy.stats import invgamma

        alpha, beta = self.sigma2.alpha.detach().cpu(), self.sigma2.beta.detach().cpu()
        low, high = (
            torch.as_tensor(invgamma.ppf(quantile, alpha, scale=beta)).to(self.mean).sqrt()
            for quantile in ((1 - level) / 2, (1 + level) / 2)
        )
        return low, high

    def sample(self, generator_shape: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
        """Draw (z, sigma2) from the posterior, each ``generator_shape + (N, C, H, W)``."""
        with torch.no_grad():
            return self.z.rsample(generator_shape), self.sigma2.rsample(generator_shape)
