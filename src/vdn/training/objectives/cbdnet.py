"""CBDNet's objective: the noise map is supervised directly, and more so where it is too low."""

from collections.abc import Mapping

from torch import Tensor

from vdn.training.config import Objective
from vdn.training.objectives.terms import Model, Terms, squared_error_terms

__all__ = ["WEIGHTS", "asymmetric_error", "objective", "total_variation"]

WEIGHTS = {"asymmetric": 0.5, "total_variation": 0.05}
"""As published."""


def asymmetric_error(estimate: Tensor, sigma: Tensor, alpha: float = 0.3) -> Tensor:
    r"""Mean of :math:`|\alpha - 1(\hat\sigma < \sigma)|\,(\hat\sigma - \sigma)^2`.

    With alpha under a half an estimate that is too low costs more: what is left of the noise looks
    worse than a little too much smoothing.

    Examples
    --------
    >>> import torch
    >>> sigma = torch.tensor([0.5])
    >>> [round(asymmetric_error(sigma + d, sigma).item(), 4) for d in (-0.1, 0.1)]
    [0.007, 0.003]
    """
    weight = (alpha - (estimate < sigma).to(sigma)).abs()
    return (weight * (estimate - sigma).square()).mean()


def total_variation(sigma: Tensor) -> Tensor:
    """Mean squared difference of vertical plus that of horizontal neighbours, (N, C, H, W)."""
    vertical, horizontal = sigma.diff(dim=-2), sigma.diff(dim=-1)
    return vertical.square().mean() + horizontal.square().mean()


def objective(
    model: Model, batch: Mapping[str, Tensor], settings: Objective, weights: Mapping[str, float]
) -> Terms:
    """Reconstruction, asymmetric error of the map and its total variation.

    References
    ----------
    .. [1] Guo, Yan, Zhang, Zuo, Zhang, "Toward Convolutional Blind Denoising of Real Photographs",
       CVPR 2019, https://arxiv.org/abs/1807.04686
    """
    estimate = model(batch["noisy"])
    image = squared_error_terms(estimate, batch["clean"], settings)
    noise = {
        "asymmetric": asymmetric_error(estimate.sigma, batch["sigma"], settings.asymmetry),
        "total_variation": total_variation(estimate.sigma),
    }
    weighted = sum(weights[name] * term for name, term in noise.items())
    return Terms(image.loss + weighted / (2 * settings.eps0_squared), {**image.named, **noise})
