"""DnCNN: a plain chain of convolutions that predicts the noise."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vdn.networks.estimate import Estimate

__all__ = ["DnCNN"]


class DnCNN(nn.Module):
    r"""Residual learning: :math:`\hat x = y - R(y)`.

    ``depth`` 3x3 convolutions with ReLU between; in the published training form each inner one is
    followed by batch normalisation and has no bias of its own. Weights are published with the
    normalisation merged into the convolutions. DnCNN-B, the blind one, has 20 layers: merged,
    668,227 parameters for RGB and 665,921 for one channel.

    Parameters
    ----------
    channels : int
        Of the image.
    depth, width : int
        Number of convolutions, and channels between them.
    batch_norm : bool
        The training form; `merged` gives the other.

    References
    ----------
    .. [1] Zhang, Zuo, Chen, Meng, Zhang, "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN
       for Image Denoising", IEEE TIP 2017, https://arxiv.org/abs/1608.03981

    Examples
    --------
    >>> sum(p.numel() for p in DnCNN().parameters())
    668227
    >>> DnCNN(channels=1)(torch.rand(1, 1, 7, 5)).mean.shape
    torch.Size([1, 1, 7, 5])
    """

    multiple = 1

    def __init__(
        self, channels: int = 3, depth: int = 20, width: int = 64, batch_norm: bool = False
    ):
        super().__init__()
        self.channels, self.depth, self.width = channels, depth, width
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        for _ in range(depth - 2):
            layers.append(nn.Conv2d(width, width, 3, padding=1, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1))
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        # Kaiming's scale would start a chain without normalisation at a residual as large as the
        # image; a small last layer starts it near the noisy image.
        with torch.no_grad():
            cast(nn.Conv2d, self.layers[-1]).weight *= 0.1

    def forward(self, y: Tensor) -> Estimate:
        """The denoised image of (N, C, H, W)."""
        return Estimate(y - self.layers(y).float())

    def merged(self) -> "DnCNN":
        """The same function in evaluation mode, its normalisation inside the convolutions."""
        plain = DnCNN(self.channels, self.depth, self.width)
        fused: list[nn.Conv2d] = []
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                fused.append(layer)
            elif isinstance(layer, nn.BatchNorm2d):
                fused[-1] = fuse_conv_bn_eval(fused[-1].eval(), layer.eval())
        convolutions = [layer for layer in plain.layers if isinstance(layer, nn.Conv2d)]
        for target, source in zip(convolutions, fused, strict=True):
            target.load_state_dict(source.state_dict())
        return plain.eval()
