"""K-Net: the blur about every place of an image, from a wide neighbourhood of it."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vdn.networks.blocks import convolution, residual_blocks
from vdn.networks.padding import pad_to_multiple

__all__ = ["KNet"]


class KNet(nn.Module):
    """Residual blocks at a quarter of the resolution, then means over `window` x `window` cells.

    The means take the place of pooling over the whole image: what is said of a place depends on
    its neighbourhood alone, so that tiles give what the whole gives, and blur may vary.

    Parameters
    ----------
    channels : int
        Of the image.
    width, depth : int
        Channels and number of the residual blocks.
    window : int
        Odd number of cells of 4 x 4 pixels that are averaged.
    multiple : int
        Sides are padded to multiples of it, itself a multiple of 4.

    Examples
    --------
    >>> [part.shape for part in KNet(width=8)(torch.rand(1, 3, 17, 24))]
    [torch.Size([1, 2, 5, 6]), torch.Size([1, 2, 5, 6]), torch.Size([1, 1, 5, 6]), \
torch.Size([1, 1, 5, 6])]
    """

    cell = 4

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        depth: int = 2,
        window: int = 9,
        multiple: int = 4,
    ):
        super().__init__()
        self.channels, self.window, self.multiple = channels, window, multiple
        self.head = convolution(self.cell**2 * channels, width)
        self.body = residual_blocks(width, depth)
        log_alpha = math.log(10.0)  # unsure, and in the middle: a width of one pixel
        start = [log_alpha] * 2 + [math.log(11.0)] * 2 + [0.0, 2 * math.log(0.3)]
        self.last = convolution(width, len(start), gain=0.1, bias=torch.tensor(start))

    def forward(self, y: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) -> a value for each cell of 4 x 4 pixels.

        Log alpha and log beta of the variances along x and y, each (N, 2, H / 4, W / 4), and the
        mean and the log-variance of the slope of the correlation, each (N, 1, H / 4, W / 4).
        """
        cells = F.pixel_unshuffle(pad_to_multiple(y, self.multiple), self.cell)
        said = self.last(F.relu(self.body(self.head(cells))))
        reach = self.window // 2
        said = F.avg_pool2d(said, self.window, 1, reach, count_include_pad=False)
        return said.split([2, 2, 1, 1], dim=1)
