"""The light family: plain 3x3 convolutions at half resolution, without normalisation.

Everything is local and convolutional, so that a large image may be cut into tiles whose result
is exactly that of the whole, and the time goes into the arithmetic that CPUs are best at.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vdn.networks.blocks import convolution, residual_blocks
from vdn.networks.padding import crop, pad_to_multiple

__all__ = ["LightDNet", "LightSNet", "UNetSNet"]

_LEAST_VARIANCE = 1e-8


class _UNet(nn.Module):
    """A convolution, then residual blocks on levels of half the resolution each.

    But for the bias of the first convolution homogeneous: f(kx) = k f(x) for k > 0.
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        bias: float | None = None,
        unshuffle: int = 2,
    ):
        super().__init__()
        if len(widths) != len(blocks):
            raise ValueError(f"widths {widths} and blocks {blocks} must have one entry a level")
        self.multiple = unshuffle * 2 ** (len(widths) - 1)
        self.head = convolution(inputs, widths[0], bias=bias)
        levels = list(zip(widths[:-1], widths[1:], blocks[:-1], strict=True))
        self.encoder = nn.ModuleList(residual_blocks(wide, count) for wide, _, count in levels)
        self.down = nn.ModuleList(
            nn.Conv2d(wide, deep, 2, stride=2, bias=False) for wide, deep, _ in levels
        )
        self.bottom = residual_blocks(widths[-1], blocks[-1])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(deep, wide, 2, stride=2, bias=False) for wide, deep, _ in levels
        )
        self.decoder = nn.ModuleList(residual_blocks(wide, count) for wide, _, count in levels)
        for layer in [*self.down, *self.up]:
            fan_in = layer.in_channels * (4 if isinstance(layer, nn.Conv2d) else 1)
            nn.init.normal_(layer.weight, std=math.sqrt(1 / fan_in))

    def features(self, inputs: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        """Return the features of the first level after all levels, (N, widths[0], H, W).

        The first ones are multiplied by `gain`.
        """
        features, skips = self.head(inputs) * gain, []
        for encode, down in zip(self.encoder, self.down, strict=True):
            features = encode(features)
            skips.append(features)
            features = down(features)
        features = self.bottom(features)
        for up, decode in zip(reversed(self.up), reversed(self.decoder), strict=True):
            features = decode(up(features) + skips.pop())
        return F.relu(features)


class LightDNet(_UNet):
    """A residual U-Net, conditioned on a map of noise standard deviations, that may enlarge.

    The path from (y, sigma) to the residual mean has no biases and only ReLUs: it is
    homogeneous, f(k y, k sigma) = k f(y, sigma) for every k > 0, which is what lets noise levels
    outside the training range still be removed. A blur acts on it as factors of its first
    features, which keeps that.

    Parameters
    ----------
    channels : int
        Of the image.
    widths, blocks : tuple of int
        Channels and residual blocks of each level; the last level is the bottom. One level is a
        network of plain convolutions.
    error_width : int
        Channels of the hidden layer of the error head; 0 for no error head.
    scale : int
        Output pixels a side for one input pixel.
    unshuffle : int
        Input pixels a side that the first level sees as one: 2 for half the resolution.
    blur : bool
        Whether it is told the blur: widths along x and y and the correlation, for each 4 x 4
        pixels.

    Examples
    --------
    >>> y = torch.rand(1, 3, 20, 30)
    >>> net = LightDNet(widths=(8, 16), blocks=(1, 1))
    >>> [output.shape for output in net(y, torch.full_like(y, 0.1))]
    [torch.Size([1, 3, 20, 30]), torch.Size([1, 3, 20, 30]), torch.Size([1, 3, 20, 30])]
    >>> net = LightDNet(widths=(8,), blocks=(1,), scale=2, unshuffle=1)
    >>> net(y, torch.full_like(y, 0.1))[0].shape
    torch.Size([1, 3, 40, 60])
    """

    cell = 4

    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, ...] = (48, 96, 192),
        blocks: tuple[int, ...] = (2, 2, 3),
        error_width: int = 24,
        scale: int = 1,
        unshuffle: int = 2,
        blur: bool = False,
    ):
        super().__init__(2 * unshuffle**2 * channels, widths, blocks, unshuffle=unshuffle)
        self.channels, self.scale, self.unshuffle = channels, scale, unshuffle
        outputs, levels = (unshuffle * scale) ** 2 * channels, unshuffle**2 * channels
        self.residual = convolution(widths[0], outputs, gain=0.01, bias=None)
        self.log_m2 = convolution(widths[0], outputs, gain=0.01, bias=math.log(5e-5))
        self.error = None
        if error_width:
            last = convolution(error_width, outputs, gain=0.1, bias=2 * math.log(5 / 255))
            hidden = convolution(widths[0] + levels, error_width)
            self.error = nn.Sequential(hidden, nn.ReLU(), last)
        self.modulation = None
        if blur:
            self.multiple = math.lcm(self.multiple, self.cell)
            self.modulation = nn.Conv2d(3, widths[0], 1)
            nn.init.zeros_(self.modulation.weight)
            nn.init.ones_(self.modulation.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, y: Tensor, sigma: Tensor, blur: Tensor | None = None) -> tuple[Tensor, ...]:
        """The residual, log m^2 and the log-variance of the error, each (N, C, s H, s W).

        The residual is what the mean lacks to `y`, enlarged. `blur`, where it is told one, is
        (N, 3, H / 4, W / 4), H and W rounded up to `multiple`.
        """
        noisy, level = (self._packed(t) for t in (y, sigma))
        gain: Tensor | float = 1.0
        if self.modulation is not None:
            assert blur is not None
            each = self.cell // self.unshuffle
            gain = F.interpolate(self.modulation(blur), scale_factor=float(each), mode="nearest")
        features = self.features(torch.cat([noisy, level], dim=1), gain)
        outputs = [self.residual(features), self.log_m2(features)]
        if self.error is not None:
            outputs.append(self.error(torch.cat([features, level], dim=1).detach()))
        each, (height, width) = self.unshuffle * self.scale, y.shape[-2:]
        shuffled = (F.pixel_shuffle(output, each) if each > 1 else output for output in outputs)
        return tuple(
            output[..., : height * self.scale, : width * self.scale] for output in shuffled
        )

    def _packed(self, image: Tensor) -> Tensor:
        image = pad_to_multiple(image, self.multiple)
        return F.pixel_unshuffle(image, self.unshuffle) if self.unshuffle > 1 else image


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
    offset : float
        A standard deviation subtracted from the estimate, in quadrature: what the network finds
        where there is no noise.

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
        offset: float = 0.0,
    ):
        super().__init__()
        self.channels, self.offset = channels, offset
        layers: list[nn.Module] = []
        for index in range(depth - 1):
            layers += [convolution(width if index else 4 * channels, width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, _noise_head(width, channels, log_alpha, sigma))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> log alpha and log beta, both (N, C, H, W)."""
        return _log_alpha_beta(self.layers(_unshuffled(y, self.multiple)), y, self.offset)


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
    offset : float
        As in `LightSNet`.

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
        offset: float = 0.0,
    ):
        super().__init__(4 * channels, widths, blocks, bias=0.0)
        self.channels, self.offset = channels, offset
        self.last = _noise_head(widths[0], channels, log_alpha, sigma)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> log alpha and log beta, both (N, C, H, W)."""
        features = self.features(_unshuffled(y, self.multiple))
        return _log_alpha_beta(self.last(features), y, self.offset)


def _noise_head(width: int, channels: int, log_alpha: float, sigma: float) -> nn.Conv2d:
    start = torch.tensor([log_alpha, log_alpha + 2 * math.log(sigma)])
    bias = start.repeat_interleave(4 * channels)
    return convolution(width, 8 * channels, gain=0.1, bias=bias)


def _unshuffled(y: Tensor, multiple: int) -> Tensor:
    return F.pixel_unshuffle(pad_to_multiple(y, multiple), 2)


def _log_alpha_beta(output: Tensor, y: Tensor, offset: float) -> tuple[Tensor, Tensor]:
    log_alpha, log_beta = (crop(F.pixel_shuffle(half, 2), y) for half in output.chunk(2, 1))
    if offset:  # off the mode, beta / (alpha + 1)
        log_total = F.softplus(log_alpha)
        mode = (log_beta - log_total).exp() - offset**2
        log_beta = mode.clamp_min(_LEAST_VARIANCE).log() + log_total
    return log_alpha, log_beta
