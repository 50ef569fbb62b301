"""The networks of the paper, parameter for parameter."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vdn.networks.padding import crop, pad_to_multiple

__all__ = ["DNet", "SNet"]

SLOPE = 0.2


def _two_convolutions(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(width, width, 3, padding=1),
        nn.LeakyReLU(SLOPE),
    )


def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class DNet(nn.Module):
    """The U-Net of the paper: residual mean and log m^2 from the noisy image.

    Four levels of two 3x3 convolutions, average pooling down, 2x2 transposed convolutions up,
    skips concatenated. 7,700,742 parameters for RGB, 7,697,282 for one channel.

    Parameters
    ----------
    channels : int
        Of the image.
    width : int
        Channels of the first level; each level down doubles it.

    References
    ----------
    .. [1] Yue et al., NeurIPS 2019, https://arxiv.org/abs/1908.11314

    Examples
    --------
    >>> sum(p.numel() for p in DNet().parameters())
    7700742
    """

    depth = 4
    multiple = 8

    def __init__(self, channels: int = 3, width: int = 64):
        super().__init__()
        self.channels = channels
        widths = [width * 2**level for level in range(self.depth)]
        self.down = nn.ModuleList(
            _two_convolutions(before, after)
            for before, after in zip([channels, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in reversed(widths[:-1])
        )
        self.merge = nn.ModuleList(
            _two_convolutions(2 * width, width) for width in reversed(widths[:-1])
        )
        self.last = nn.Conv2d(width, 2 * channels, 3, padding=1)
        _initialise(self)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> the residual y - mu and log m^2, both (N, C, H, W)."""
        features = pad_to_multiple(y, self.multiple)
        skips = []
        for level, block in enumerate(self.down):
            if level:
                features = F.avg_pool2d(features, 2)
            features = block(features)
            skips.append(features)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            features = merge(torch.cat([up(features), skips.pop()], dim=1))
        residual, log_m2 = crop(self.last(features), y).chunk(2, dim=1)
        return residual, log_m2


class SNet(nn.Sequential):
    """The DnCNN-like S-Net of the paper: log alpha and log beta from the noisy image.

    Five 3x3 convolutions with LeakyReLU(0.2) between; 116,038 parameters for RGB, 112,578 for
    one channel; it looks 5 pixels far.

    Examples
    --------
    >>> sum(p.numel() for p in SNet().parameters())
    116038
    """

    multiple = 1

    def __init__(self, channels: int = 3, width: int = 64, depth: int = 5):
        layers: list[nn.Module] = []
        for index in range(depth):
            before = width if index else channels
            after = width if index < depth - 1 else 2 * channels
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(SLOPE)]
        super().__init__(*layers[:-1])
        _initialise(self)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> log alpha and log beta, both (N, C, H, W)."""
        log_alpha, log_beta = super().forward(y).chunk(2, dim=1)
        return log_alpha, log_beta
