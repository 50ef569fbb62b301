"""FFDNet: denoising at half resolution, told the noise."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vdn.networks.estimate import Estimate
from vdn.networks.padding import crop, pad_to_multiple

__all__ = ["FFDNet"]

PUBLISHED = {1: (15, 64), 3: (12, 96)}
"""Depth and width by number of channels."""


class FFDNet(nn.Module):
    """A chain of 3x3 convolutions on 2x2 blocks of pixels and one map of noise levels.

    The map has one channel and half the resolution. The output is the clean image itself, not the
    noise. 852,108 parameters for RGB (12 layers of 96 channels), 485,316 for one channel (15 of
    64).

    Parameters
    ----------
    channels : int
        Of the image.
    depth, width : int, optional
        Number of convolutions, and channels between them; by default the published ones.

    References
    ----------
    .. [1] Zhang, Zuo, Zhang, "FFDNet: Toward a Fast and Flexible Solution for CNN Based Image
       Denoising", IEEE TIP 2018, https://arxiv.org/abs/1710.04026

    Examples
    --------
    >>> sum(p.numel() for p in FFDNet().parameters())
    852108
    >>> FFDNet(channels=1)(torch.rand(1, 1, 7, 5), torch.tensor(0.1)).mean.shape
    torch.Size([1, 1, 7, 5])
    """

    multiple = 2

    def __init__(self, channels: int = 3, depth: int | None = None, width: int | None = None):
        super().__init__()
        self.channels = channels
        if depth is None or width is None:
            published = PUBLISHED[channels]
            depth, width = depth or published[0], width or published[1]
        layers: list[nn.Module] = []
        for index in range(depth - 1):
            before = width if index else 4 * channels + 1
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 4 * channels, 3, padding=1))
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.orthogonal_(layer.weight, nn.init.calculate_gain("relu"))
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, y: Tensor, sigma: Tensor | None = None) -> Estimate:
        """The denoised image.

        Parameters
        ----------
        y : Tensor
            Noisy image (N, C, H, W); any H and W.
        sigma : Tensor
            Standard deviation of its noise in the same units, broadcastable to `y`. Channels are
            averaged, and so are 2x2 blocks of pixels.

        Raises
        ------
        ValueError
            Without `sigma`: the network is not blind.
        """
        if sigma is None:
            raise ValueError("FFDNet has to be told sigma, a number or a map; it is not blind")
        padded = pad_to_multiple(y, self.multiple)
        level = pad_to_multiple(sigma.to(y).expand_as(y).mean(1, keepdim=True), self.multiple)
        blocks = torch.cat([F.pixel_unshuffle(padded, 2), F.avg_pool2d(level, 2)], dim=1)
        return Estimate(crop(F.pixel_shuffle(self.layers(blocks), 2), y).float())
