"""CBDNet: an estimate of the noise, and a U-Net that is told it."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vdn.networks.estimate import Estimate
from vdn.networks.padding import crop, pad_to_multiple

__all__ = ["CBDNet", "CBDNetRelease"]


def _chain(*widths: int) -> nn.Sequential:
    """3x3 convolutions from each width to the next, each followed by a ReLU."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


def _estimator(channels: int, width: int) -> nn.Sequential:
    """Five convolutions; the last ReLU keeps the standard deviation from being negative."""
    return _chain(channels, width, width, width, width, channels)


def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class CBDNet(nn.Module):
    r"""Noise estimation, then non-blind denoising: :math:`\hat x = y + D(y, \hat\sigma(y))`.

    The estimator is five 3x3 convolutions of 32 channels. The restorer is a U-Net of widths
    64-128-256: two convolutions, average pooling, three, average pooling, six, and back up by 2x2
    transposed convolutions whose output is *added* to the level's features, three and two
    convolutions, and a 1x1 convolution. 4,365,382 parameters for RGB.

    Parameters
    ----------
    channels : int
        Of the image.
    width, estimator_width : int
        Channels of the first level of the U-Net, and of the estimator.

    References
    ----------
    .. [1] Guo, Yan, Zhang, Zuo, Zhang, "Toward Convolutional Blind Denoising of Real Photographs",
       CVPR 2019, https://arxiv.org/abs/1807.04686

    Examples
    --------
    >>> sum(p.numel() for p in CBDNet().parameters())
    4365382
    >>> CBDNet(width=4, estimator_width=4)(torch.rand(1, 3, 7, 5)).sigma.shape
    torch.Size([1, 3, 7, 5])
    """

    multiple = 4

    def __init__(self, channels: int = 3, width: int = 64, estimator_width: int = 32):
        super().__init__()
        self.channels = channels
        full, half, quarter = width, 2 * width, 4 * width
        self.estimator = _estimator(channels, estimator_width)
        self.first = _chain(2 * channels, full, full)
        self.second = _chain(full, half, half, half)
        self.third = _chain(half, *[quarter] * 6)
        self.up_second = nn.ConvTranspose2d(quarter, half, 2, stride=2)
        self.back_second = _chain(half, half, half, half)
        self.up_first = nn.ConvTranspose2d(half, full, 2, stride=2)
        self.back_first = _chain(full, full, full)
        self.last = nn.Conv2d(full, channels, 1)
        _initialise(self)
        with torch.no_grad():
            self.last.weight *= 0.1  # starts near the noisy image
            # A last layer that only ever puts out negative numbers would be dead behind its ReLU.
            self.estimator[-2].bias.fill_(25 / 255)  # type: ignore[operator]

    def forward(self, y: Tensor, sigma: Tensor | None = None) -> Estimate:
        """The denoised image and the estimated noise of (N, C, H, W).

        `sigma`, broadcastable to `y`, replaces the estimate the restorer is told; the estimate is
        still what is returned.
        """
        padded = pad_to_multiple(y, self.multiple)
        estimate = self.estimator(padded)
        told = estimate if sigma is None else pad_to_multiple(sigma.expand_as(y), self.multiple)
        full = self.first(torch.cat([padded, told.to(padded)], dim=1))
        half = self.second(F.avg_pool2d(full, 2))
        quarter = self.third(F.avg_pool2d(half, 2))
        half = self.back_second(half + self.up_second(quarter))
        full = self.back_first(full + self.up_first(half))
        residual = crop(self.last(full), y).float()
        return Estimate(y + residual, crop(estimate, y).float())


class CBDNetRelease(nn.Module):
    """CBDNet as the authors' published weights have it, for RGB.

    It differs from the figure of the paper: four convolutions at full resolution, strided 2x2
    convolutions to four times the channels and 1x1 back instead of pooling, transposed
    convolutions without bias, a 3x3 convolution last. 6,793,478 parameters. To run those weights;
    `CBDNet` is the one to train.

    Parameters
    ----------
    width, estimator_width : int
        As for `CBDNet`.

    Examples
    --------
    >>> sum(p.numel() for p in CBDNetRelease().parameters())
    6793478
    """

    multiple = 4
    channels = 3

    def __init__(self, width: int = 64, estimator_width: int = 32):
        super().__init__()
        full, half, quarter = width, 2 * width, 4 * width
        self.estimator = _estimator(3, estimator_width)
        self.first = _chain(6, *[full] * 4)
        self.second = self._down(full, half, convolutions=3)
        self.third = self._down(half, quarter, convolutions=6, last=2 * quarter)
        self.up_second = nn.ConvTranspose2d(2 * quarter, half, 2, stride=2, bias=False)
        self.back_second = _chain(half, half, half, quarter)
        self.up_first = nn.ConvTranspose2d(quarter, full, 2, stride=2, bias=False)
        self.back_first = _chain(full, full, full)
        self.last = nn.Conv2d(full, 3, 3, padding=1)

    @staticmethod
    def _down(before: int, width: int, convolutions: int, last: int = 0) -> nn.Sequential:
        widths: Sequence[int] = [width] * (convolutions + 1) + ([last] if last else [])
        return nn.Sequential(
            nn.Conv2d(before, 4 * before, 2, stride=2),
            nn.Conv2d(4 * before, width, 1),
            *_chain(*widths),
        )

    def forward(self, y: Tensor, sigma: Tensor | None = None) -> Estimate:
        """As `CBDNet.forward`."""
        padded = pad_to_multiple(y, self.multiple)
        estimate = self.estimator(padded)
        told = estimate if sigma is None else pad_to_multiple(sigma.expand_as(y), self.multiple)
        full = self.first(torch.cat([padded, told.to(padded)], dim=1))
        half = self.second(full)
        half = self.back_second(half + self.up_second(self.third(half)))
        full = self.back_first(full + self.up_first(half))
        return Estimate(y + crop(self.last(full), y).float(), crop(estimate, y).float())
