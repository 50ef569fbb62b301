"""The Variational Denoising Network: two networks, or three, one posterior."""

import math
from typing import Literal, overload

import torch
from torch import Tensor, nn

from vdn.model.bounds import bounded
from vdn.model.distributions import Gaussian, InverseGamma
from vdn.model.kernel import KernelDistribution
from vdn.model.posterior import Posterior
from vdn.networks.enlarge import enlarge

__all__ = ["VDN"]

LOG_LOW, LOG_HIGH = math.log(1e-8), math.log(1e4)
DARKEST, BRIGHTEST = -1.0, 2.0  # what S-Net sees is clipped to this: it answers in logarithms
LOG_BLUR = math.log(1e-3), math.log(1e3)  # of the variances of a kernel, in square pixels
LOG_CONFIDENCE = math.log(1.0), math.log(1e4)  # of their alpha
STEEPEST_SLOPE = 3.0  # a correlation of 0.995
LOG_SLOPE_VARIANCE = math.log(1e-4), math.log(1.0)


class VDN(nn.Module):
    r"""D-Net and S-Net joined into :math:`q(z, \sigma^2 \mid y)`.

    .. math:: q(z \mid y) = \mathcal N(\mu(y; W_D), m^2(y; W_D)), \qquad
        q(\sigma^2 \mid y) = \text{IG}(\alpha(y; W_S), \beta(y; W_S))

    In the *paper* form D-Net sees y alone. In the *conditioned* form it sees y and the square
    root of the mode of q(sigma2) as a map of standard deviations, so that a caller may scale
    that map or replace it. The map is handed over without its gradient, unless `end_to_end`: S-Net
    answers to the noise alone, so what it says stays an estimate of the noise.

    With a K-Net the blur is unknown too, :math:`q(z, \sigma^2, k \mid y)`. D-Net then also sees the
    widths of the kernel and its correlation, for each cell of 4 x 4 pixels and without gradient.
    A D-Net with a ``scale`` gives an image of more pixels; the noise stays that of y. Denoising
    has neither.

    Logarithms stay within those of 1e-8 and 1e4, and S-Net sees values of -1 to 2: one pixel far
    outside the nominal range cannot make a variance overflow.

    Parameters
    ----------
    dnet : nn.Module
        ``dnet(y)`` or, conditioned, ``dnet(y, sigma)`` -> the residual mean (y - mu), log m^2 and,
        if it has an error head, the log-variance of ``x - mu``: a tuple of (N, C, H, W) tensors.
        With a K-Net ``dnet(y, sigma, blur)``. If it has a ``scale`` s above 1, they are
        (N, C, s H, s W), and the residual is that of y enlarged by cubic convolution.
    snet : nn.Module
        ``snet(y)`` -> log alpha, log beta, both (N, C, H, W).
    conditioned : bool
        Which of the two forms.
    end_to_end : bool
        Let what D-Net learns from reach S-Net through the map: for objectives under which S-Net
        has no, or not only, the noise to answer to.
    knet : nn.Module, optional
        ``knet(y)`` -> what `vdn.networks.KNet` gives; for the conditioned form.

    References
    ----------
    .. [1] Yue et al., "Variational Denoising Network", NeurIPS 2019,
       https://arxiv.org/abs/1908.11314
    .. [2] Yue et al., "Deep Variational Network Toward Blind Image Restoration", TPAMI 2024,
       https://arxiv.org/abs/2008.10796 (the conditioned form, and the blur)

    Examples
    --------
    >>> from vdn.networks.paper import DNet, SNet
    >>> model = VDN(DNet(channels=1, width=4), SNet(channels=1, width=4), conditioned=False)
    >>> posterior = model(torch.zeros(1, 1, 17, 23))
    >>> posterior.mean.shape
    torch.Size([1, 1, 17, 23])
    """

    def __init__(
        self,
        dnet: nn.Module,
        snet: nn.Module,
        conditioned: bool,
        end_to_end: bool = False,
        knet: nn.Module | None = None,
    ):
        super().__init__()
        self.dnet, self.snet, self.knet = dnet, snet, knet
        self.conditioned, self.end_to_end = conditioned, end_to_end

    def noise(self, y: Tensor) -> InverseGamma:
        """The posterior of the noise variance alone, (N, C, H, W)."""
        log_alpha, log_beta = self.snet(y.clamp(DARKEST, BRIGHTEST))
        return InverseGamma(
            bounded(log_alpha.float(), LOG_LOW, LOG_HIGH),
            bounded(log_beta.float(), LOG_LOW, LOG_HIGH),
            validate_args=False,
        )

    @property
    def scale(self) -> int:
        """Output pixels a side for one input pixel."""
        return int(getattr(self.dnet, "scale", 1))

    def kernel(self, y: Tensor) -> KernelDistribution:
        """The posterior of the blur, for each cell of 4 x 4 pixels; of a model with a K-Net."""
        assert self.knet is not None
        log_alpha, log_beta, slope, log_variance = (
            parameter.to(torch.promote_types(parameter.dtype, torch.float32))
            for parameter in self.knet(y.clamp(DARKEST, BRIGHTEST))
        )
        log_alpha = bounded(log_alpha, *LOG_CONFIDENCE)
        log_variances = bounded(log_beta - torch.log1p(log_alpha.exp()), *LOG_BLUR)
        log_beta = log_variances + torch.log1p(log_alpha.exp())
        return KernelDistribution(
            InverseGamma(log_alpha, log_beta, validate_args=False),
            Gaussian(
                bounded(slope, -STEEPEST_SLOPE, STEEPEST_SLOPE),
                bounded(log_variance, *LOG_SLOPE_VARIANCE),
                validate_args=False,
            ),
        )

    @overload
    def forward(
        self,
        y: Tensor,
        sigma: Tensor | None = ...,
        strength: float | Tensor = ...,
        *,
        where: Tensor | None = ...,
    ) -> Posterior: ...

    @overload
    def forward(self, y: Tensor, *, noise_only: Literal[True]) -> InverseGamma: ...

    def forward(
        self,
        y: Tensor,
        sigma: Tensor | None = None,
        strength: float | Tensor = 1.0,
        *,
        where: Tensor | None = None,
        noise_only: bool = False,
    ) -> Posterior | InverseGamma:
        """The posterior of a noisy image.

        Parameters
        ----------
        y : Tensor
            Noisy image (N, C, H, W), nominally in [0, 1], not clipped; any H and W.
        sigma : Tensor, optional
            Standard deviations of the noise, broadcastable to `y`, in place of S-Net's map.
        strength : float or Tensor
            Multiplies the map D-Net sees. Like `sigma` it needs the conditioned form.
        where : Tensor, optional
            Where `sigma` is taken, truth values broadcastable to `y`; elsewhere D-Net sees S-Net's
            map.
        noise_only : bool
            Return the posterior of the noise variance alone; D-Net does not run.

        Raises
        ------
        ValueError
            If `sigma` or `strength` is given to the paper form, which has no such input.
        """
        sigma2 = self.noise(y)
        if noise_only:
            return sigma2
        kernel = None if self.knet is None else self.kernel(y)
        blur = [] if kernel is None else [kernel.features.detach().to(y.dtype)]
        if self.conditioned:
            if sigma is None or where is not None:
                mode = sigma2.mode if self.end_to_end else sigma2.mode.detach()
                own = mode.sqrt()
                sigma = own if sigma is None or where is None else torch.where(where, sigma, own)
            sigma = (sigma * strength).to(y.dtype).expand_as(y)
            outputs = self.dnet(y, sigma, *blur)
        elif sigma is not None or isinstance(strength, Tensor) or strength != 1.0:
            raise ValueError(
                "sigma and strength reach D-Net only in the conditioned form; this VDN is the "
                "paper's, whose D-Net sees the noisy image alone"
            )
        else:
            outputs = self.dnet(y)
        residual, log_m2, *rest = (output.float() for output in outputs)
        base = enlarge(y, self.scale)
        z = Gaussian(base - residual, bounded(log_m2, LOG_LOW, LOG_HIGH), validate_args=False)
        error = None
        if rest:
            log_variance = bounded(rest[0], LOG_LOW, LOG_HIGH)
            error = Gaussian(torch.zeros_like(log_variance), log_variance, validate_args=False)
        return Posterior(z, sigma2, error, kernel)
