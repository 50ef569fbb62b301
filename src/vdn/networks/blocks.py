"""What the light networks are built of."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ResidualBlock", "convolution", "residual_blocks"]


def convolution(
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


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), without biases, so that f(kx) = k f(x) for k > 0."""

    def __init__(self, width: int):
        super().__init__()
        self.first = convolution(width, width, bias=None)
        self.second = convolution(width, width, gain=0.2, bias=None)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.second(F.relu(self.first(F.relu(features))))


def residual_blocks(width: int, count: int) -> nn.Sequential:
    """So many residual blocks, one after the other."""
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
