"""What happens to a clean image before the noise: a blur and a reduction, linear in the image."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vdn.model.distributions import Gaussian

__all__ = ["LinearDegradation"]

_LEAST = 1e-30  # of a variance whose logarithm is taken


@dataclass(frozen=True)
class LinearDegradation:
    r"""The operator :math:`A z = (k \otimes z)\!\downarrow_s`, with a kernel for each image.

    A value of the output is the sum of the kernel times the pixels of the image about it. The
    kernel is centred on the square of s x s pixels that an output pixel covers; borders mirror,
    edge pixels repeated, and images whose sides s does not divide end in a smaller square.

    Attributes
    ----------
    kernel : Tensor
        (N, K, K), K - s even.
    scale : int
        s.

    Examples
    --------
    >>> identity = LinearDegradation(torch.ones(1, 1, 1))
    >>> identity(torch.arange(3.0).reshape(1, 1, 1, 3)).flatten()
    tensor([0., 1., 2.])
    """

    kernel: Tensor
    scale: int = 1

    def __post_init__(self) -> None:
        side = self.kernel.shape[-1]
        if (side - self.scale) % 2:
            raise ValueError(
                f"the kernel has side {side} and scale is {self.scale}; both must be even, or odd"
            )

    @classmethod
    def of_blur(cls, kernel: Tensor, taps: np.ndarray, scale: int) -> "LinearDegradation":
        """Return the blur by a kernel (N, K, K), K odd, and then the reduction by `scale`.

        `taps` are the weights of the reduction along each axis, see `vdn.resampling`.
        """
        weights = torch.as_tensor(np.outer(taps, taps), dtype=kernel.dtype, device=kernel.device)
        reach = len(taps) - 1
        padded = F.pad(kernel, (reach,) * 4)[:, None]
        return cls(F.conv2d(padded, weights.flip(0, 1)[None, None])[:, 0], scale)

    @property
    def margin(self) -> int:
        """Pixels at each border of the output that depend on what was made up beyond the image."""
        return -(-max(self.kernel.shape[-1] - self.scale, 0) // (2 * self.scale))

    def __call__(self, image: Tensor) -> Tensor:
        """Degrade (N, C, H, W) to (N, C, H / s, W / s), rounded up."""
        return self._apply(image, self.kernel)

    def marginals(self, z: Gaussian) -> Gaussian:
        r"""Return the mean and the variance of each value of A z, for z of independent values.

        .. math:: (A z)_i \sim \mathcal N\big((A\mu)_i,\ \textstyle\sum_j A_{ij}^2 m_j^2\big)

        At the outer `margin` pixels, where a mirrored pixel counts more than once, the variance is
        too small.
        """
        variance = self._apply(z.variance, self.kernel.square())
        return Gaussian(self(z.mean), variance.clamp_min(_LEAST).log(), validate_args=False)

    def _apply(self, image: Tensor, kernel: Tensor) -> Tensor:
        side = kernel.shape[-1]
        for axis in (2, 3):
            size = image.shape[axis]
            count = -(-size // self.scale)
            first = (self.scale - side) // 2
            places = np.arange(first, first + side + self.scale * (count - 1)) % (2 * size)
            inside = torch.from_numpy(np.minimum(places, 2 * size - 1 - places))
            image = image.index_select(axis, inside.to(image.device))
        planes = image.transpose(0, 1)  # channels share the kernel of their image
        degraded = F.conv2d(planes, kernel[:, None], stride=self.scale, groups=len(kernel))
        return degraded.transpose(0, 1)
