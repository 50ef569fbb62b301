"""The light family: plain 3x3 convolutions at half resolution, without normalisation.

Everything is local and convolutional, so that a large image may be cut into tiles whose result
is exactly that of the whole, and the time goes into the arithmetic that CPUs are best at.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vdn.networks.padding import crop, pad_to_multiple

__all__ = ["LightDNet", "LightSNet", "UNetSNet"]


def _convolution(
    before: int, after: int, gain: float = 1.0, bias: float | Tensor | None = 0.0
) -> nn.Conv2d:
    """A 3x3 convolution that starts at `gain` times Kaiming's weights and at `bias`, if any."""
    layer = nn.Conv2d(before, after, 3, padding=1, bias=bias is not None)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    with torch.no_grad():
        layer.weight *= gain
        if layer.bias is not None:
            layer.bias.copy_(torch.as_tensor(bias))
    return layer


class _ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), without biases, so that f(kx) = k f(x) for k > 0."""

    def __init__(self, width: int):
        super().__init__()
        self.first = _convolution(width, width, bias=None)
        self.second = _convolution(width, width, gain=0.2, bias=None)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.second(F.relu(self.first(F.relu(features))))


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_ResidualBlock(width) for _ in range(count)))


class _UNet(nn.Module):
    """A convolution, then residual blocks on levels of half the resolution each.

    But for the bias of the first convolution homogeneous: f(kx) = k f(x) for k > 0.
    """

    def __init__(
        self, inputs: int, widths: Sequence[int], blocks: Sequence[int], bias: float | None = None
    ):
        super().__init__()
        if len(widths) != len(blocks):
            raise ValueError(f"widths {widths} and blocks {blocks} must have one entry a level")
        self.multiple = 2 ** len(widths)
        self.head = _convolution(inputs, widths[0], bias=bias)
        levels = list(zip(widths[:-1], widths[1:], blocks[:-1], strict=True))
        self.encoder = nn.ModuleList(_blocks(wide, count) for wide, _, count in levels)
        self.down = nn.ModuleList(
            nn.Conv2d(wide, deep, 2, stride=2, bias=False) for wide, deep, _ in levels
        )
        self.bottom = _blocks(widths[-1], blocks[-1])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(deep, wide, 2, stride=2, bias=False) for wide, deep, _ in levels
        )
        self.decoder = nn.ModuleList(_blocks(wide, count) for wide, _, count in levels)
        for layer in [*self.down, *self.up]:
            fan_in = layer.in_channels * (4 if isinstance(layer, nn.Conv2d) else 1)
            nn.init.normal_(layer.weight, std=math.sqrt(1 / fan_in))

    def features(self, inputs: Tensor) -> Tensor:
        """Return the features of the first level after all levels, (N, widths[0], H, W)."""
        features, skips = self.head(inputs), []
        for encode, down in zip(self.encoder, self.down, strict=True):
            features = encode(features)
            skips.append(features)
            features = down(features)
        features = self.bottom(features)
        for up, decode in zip(reversed(self.up), reversed(self.decoder), strict=True):
            features = decode(up(features) + skips.pop())
        return F.relu(features)


class LightDNet(_UNet):
    """A residual U-Net at half resolution, conditioned on a map of noise standard deviations.

    The path from (y, sigma) to the residual mean has no biases and only ReLUs: it is
    homogeneous, f(k y, k sigma) = k f(y, sigma) for every k > 0, which is what lets noise levels
    outside the training range still be removed.

    Parameters
    ----------
    channels : int
        Of the image.
    widths, blocks : tuple of int
        Channels and residual blocks of each level; the last level is the bottom.
    error_width : int
        Channels of the hidden layer of the error head; 0 for no error head.

    Examples
    --------
    >>> y = torch.rand(1, 3, 20, 30)
    >>> net = LightDNet(widths=(8, 16), blocks=(1, 1))
    >>> [output.shape for output in net(y, torch.full_like(y, 0.1))]
    [torch.Size([1, 3, 20, 30]), torch.Size([1, 3, 20, 30]), torch.Size([1, 3, 20, 30])]
    """

    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, ...] = (48, 96, 192),
        blocks: tuple[int, ...] = (2, 2, 3),
        error_width: int = 24,
    ):
        super().__init__(8 * channels, widths, blocks)
        self.channels = channels
        self.residual = _convolution(widths[0], 4 * channels, gain=0.01, bias=None)
        self.log_m2 = _convolution(widths[0], 4 * channels, gain=0.01, bias=math.log(5e-5))
        self.error = None
        if error_width:
            last = _convolution(error_width, 4 * channels, gain=0.1, bias=2 * math.log(5 / 255))
            hidden = _convolution(widths[0] + 4 * channels, error_width)
            self.error = nn.Sequential(hidden, nn.ReLU(), last)

    def forward(self, y: Tensor, sigma: Tensor) -> tuple[Tensor, ...]:
        """The residual y - mu, log m^2 and the log-variance of the error, each (N, C, H, W)."""
        noisy, level = (_unshuffled(t, self.multiple) for t in (y, sigma))
        features = self.features(torch.cat([noisy, level], dim=1))
        outputs = [self.residual(features), self.log_m2(features)]
        if self.error is not None:
            outputs.append(self.error(torch.cat([features, level], dim=1).detach()))
        return tuple(crop(F.pixel_shuffle(output, 2), y) for output in outputs)


class LightSNet(nn.Module):
    """Plain convolutions at half resolution: log alpha and log beta from the noisy image.

    Parameters
    ----------
    channels : int
        Of the image.
    width, depth : int
        Channels and number of the 3x3 convolutions.
    log_alpha, sigma : float
        Where the network starts: the shape p^2/2 - 1/2 the bound leads to, and a standard
        deviation in the middle of the range.

    Examples
    --------
    >>> log_alpha, log_beta = LightSNet(width=8)(torch.rand(1, 3, 15, 16))
    >>> log_alpha.shape
    torch.Size([1, 3, 15, 16])
    """

    multiple = 2

    def __init__(
        self,
        channels: int = 3,
        width: int = 32,
        depth: int = 5,
        log_alpha: float = math.log(24.0),
        sigma: float = 25 / 255,
    ):
        super().__init__()
        self.channels = channels
        layers: list[nn.Module] = []
        for index in range(depth - 1):
            layers += [_convolution(width if index else 4 * channels, width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, _noise_head(width, channels, log_alpha, sigma))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> log alpha and log beta, both (N, C, H, W)."""
        return _log_alpha_beta(self.layers(_unshuffled(y, self.multiple)), y)


class UNetSNet(_UNet):
    """A residual U-Net at half resolution: log alpha and log beta from a wide neighbourhood.

    What tells texture, text and grain from noise lies further away than plain convolutions see.

    Parameters
    ----------
    channels : int
        Of the image.
    widths, blocks : tuple of int
        Channels and residual blocks of each level; the last level is the bottom.
    log_alpha, sigma : float
        Where the network starts: unsure, and in the middle of the range.

    Examples
    --------
    >>> log_alpha, log_beta = UNetSNet(widths=(8, 16), blocks=(1, 1))(torch.rand(1, 3, 15, 16))
    >>> log_alpha.shape
    torch.Size([1, 3, 15, 16])
    """

    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, ...] = (24, 48, 96),
        blocks: tuple[int, ...] = (1, 1, 2),
        log_alpha: float = math.log(4.0),
        sigma: float = 25 / 255,
    ):
        super().__init__(4 * channels, widths, blocks, bias=0.0)
        self.channels = channels
        self.last = _noise_head(widths[0], channels, log_alpha, sigma)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> log alpha and log beta, both (N, C, H, W)."""
        features = self.features(_unshuffled(y, self.multiple))
        return _log_alpha_beta(self.last(features), y)


def _noise_head(width: int, channels: int, log_alpha: float, sigma: float) -> nn.Conv2d:
    start = torch.tensor([log_alpha, log_alpha + 2 * math.log(sigma)])
    bias = start.repeat_interleave(4 * channels)
    return _convolution(width, 8 * channels, gain=0.1, bias=bias)


def _unshuffled(y: Tensor, multiple: int) -> Tensor:
    return F.pixel_unshuffle(pad_to_multiple(y, multiple), 2)


def _log_alpha_beta(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    log_alpha, log_beta = (crop(F.pixel_shuffle(half, 2), y) for half in output.chunk(2, 1))
    return log_alpha, log_beta
