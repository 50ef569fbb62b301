r"""The blur kernel as something unknown: a Gaussian whose covariance has a distribution.

.. math:: k(u) \propto e^{-u^T \Lambda^{-1} u / 2}, \qquad
    \Lambda = \begin{pmatrix}\lambda_1 & \rho\sqrt{\lambda_1\lambda_2}\\
    \rho\sqrt{\lambda_1\lambda_2} & \lambda_2\end{pmatrix}

with :math:`\lambda_1, \lambda_2` the variances along x and y in pixels of the clean image, each an
inverse gamma, and :math:`\rho = \tanh w` with :math:`w` a Gaussian, so that it stays bounded.

References
----------
.. [1] Yue et al., "Deep Variational Network Toward Blind Image Restoration", TPAMI 2024,
   https://arxiv.org/abs/2008.10796 (which clamps a Gaussian of the correlation itself)
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vdn.model.distributions import Gaussian, InverseGamma, kl_divergence

__all__ = ["KernelDistribution", "gaussian_kernel", "kernel_kl", "kernel_prior"]

STEEPEST = 0.98
"""The largest correlation a prior believes in."""


@dataclass(frozen=True)
class KernelDistribution:
    r"""The distribution :math:`q(\lambda_1)\,q(\lambda_2)\,q(w)` of a Gaussian blur kernel.

    Attributes
    ----------
    variances : InverseGamma
        Of the kernel along x and y, (N, 2, H, W): one for all of an image has H = W = 1.
    slope : Gaussian
        The inverse hyperbolic tangent w of the correlation, (N, 1, H, W).

    Examples
    --------
    >>> q = kernel_prior(torch.tensor([[4.0, 1.0, 0.5]]))
    >>> q.mode.shape
    torch.Size([1, 3, 1, 1])
    """

    variances: InverseGamma
    slope: Gaussian

    @property
    def mode(self) -> Tensor:
        """The modes of the variances, and the median of the correlation, (N, 3, H, W)."""
        return torch.cat([self.variances.mode, self.slope.mean.tanh()], dim=1)

    @property
    def features(self) -> Tensor:
        """What a network is told: logarithms of the widths, and the correlation, (N, 3, H, W)."""
        variances, correlation = self.mode.split([2, 1], dim=1)
        return torch.cat([0.5 * variances.log(), correlation], dim=1)

    @property
    def parameters(self) -> Tensor:
        """All that says the distribution, (N, 6, H, W), in the order of `vdn.runtime.kernel`."""
        slope = self.slope.mean, self.slope.log_variance
        return torch.cat([self.variances.log_alpha, self.variances.log_beta, *slope], dim=1)

    def rsample(self) -> Tensor:
        """Draw the variances and the correlation, differentiably, (N, 3, H, W)."""
        return torch.cat([self.variances.rsample(), self.slope.rsample().tanh()], dim=1)

    def pooled(self) -> "KernelDistribution":
        """Return the distribution for the whole image: the mean of its parameters over the map."""
        log_alpha, log_beta, mean, log_variance = (
            parameter.mean((2, 3), keepdim=True)
            for parameter in (
                self.variances.log_alpha,
                self.variances.log_beta,
                self.slope.mean,
                self.slope.log_variance,
            )
        )
        return KernelDistribution(
            InverseGamma(log_alpha, log_beta, validate_args=False),
            Gaussian(mean, log_variance, validate_args=False),
        )


def kernel_prior(
    parameters: Tensor, confidence: float = 50.0, deviation: float = 0.1
) -> KernelDistribution:
    r"""The prior of a kernel whose variances and correlation are known from the training pair.

    .. math:: \lambda_j \sim \text{IG}(\kappa_0 - 1, \kappa_0 \bar\lambda_j), \qquad
        w \sim \mathcal N(\text{artanh}\,\bar\rho, r_0^2)

    Parameters
    ----------
    parameters : Tensor
        Variances along x and y, which the modes are, and correlation, (N, 3). Correlations beyond
        0.98 count as that.
    confidence : float
        :math:`\kappa_0`, above 1.
    deviation : float
        :math:`r_0`, the standard deviation of w.

    Examples
    --------
    >>> kernel_prior(torch.tensor([[4.0, 1.0, 0.0]])).mode.flatten().round(decimals=4)
    tensor([4., 1., 0.])
    """
    if confidence <= 1:
        raise ValueError(f"confidence is {confidence}; the prior has a mode only above 1")
    variances, correlation = parameters[:, :, None, None].split([2, 1], dim=1)
    log_alpha = torch.full_like(variances, math.log(confidence - 1))
    slope = correlation.clamp(-STEEPEST, STEEPEST).atanh()
    return KernelDistribution(
        InverseGamma(log_alpha, torch.log(confidence * variances), validate_args=False),
        Gaussian(slope, torch.full_like(slope, 2 * math.log(deviation)), validate_args=False),
    )


def kernel_kl(q: KernelDistribution, p: KernelDistribution) -> Tensor:
    r"""KL between two kernel distributions, for each variance and the correlation, (N, 3, H, W).

    :math:`\rho` is a bijection of :math:`w`, so their divergences are the same. A map may stand
    against one distribution for the whole image.
    """
    parts = (q.variances, p.variances), (q.slope, p.slope)
    return torch.cat([kl_divergence(*part) for part in parts], dim=1)


def gaussian_kernel(parameters: Tensor, side: int) -> Tensor:
    """The kernels of variances and correlations, on a grid, each of sum 1.

    Parameters
    ----------
    parameters : Tensor
        Variances along x and y in pixels, and correlation, (N, 3).
    side : int
        Odd side of the grid in pixels.

    Returns
    -------
    Tensor
        (N, side, side), rows along y.

    Examples
    --------
    >>> kernel = gaussian_kernel(torch.tensor([[1.0, 1.0, 0.0]]), 3)
    >>> bool(kernel[0, 0, 1] == kernel[0, 1, 0]), round(float(kernel.sum()), 4)
    (True, 1.0)
    """
    if side % 2 == 0:
        raise ValueError(f"side is {side}; a kernel has a centre pixel only if it is odd")
    offsets = torch.arange(side, dtype=parameters.dtype, device=parameters.device) - side // 2
    x_variance, y_variance, correlation = parameters[:, :, None, None].unbind(1)
    x = offsets / x_variance.sqrt()
    y = offsets[:, None] / y_variance.sqrt()
    square = x.square() - 2 * correlation * x * y + y.square()
    logits = -0.5 * square / (1 - correlation.square())
    return logits.flatten(1).softmax(1).reshape(-1, side, side)
