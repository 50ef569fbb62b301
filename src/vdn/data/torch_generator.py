"""A random generator for noise models whose noise lies on a device."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["TorchGenerator"]


class TorchGenerator:
    """The methods of `numpy.random.Generator` that noise models use, with noise on a device.

    Parameters of the noise come from NumPy on the host, so that what is to be computed is known
    there and nothing has to be read back from the device; see `vdn.noise.arrays.Generator`.

    Parameters
    ----------
    seed : sequence of int
        What both sources depend on, and on nothing else.
    device : torch.device
        Where the noise lies.

    Examples
    --------
    >>> first, second = (TorchGenerator((0, 1), torch.device("cpu")) for _ in range(2))
    >>> torch.equal(first.standard_normal((2, 3)), second.standard_normal((2, 3)))
    True
    """

    def __init__(self, seed: tuple[int, ...], device: torch.device) -> None:
        self.host = np.random.default_rng(seed)
        self.device = device
        self.uniform, self.random = self.host.uniform, self.host.random
        self.integers = self.host.integers
        self._torch = None
        if device.type != "meta":  # which has no values, and so no generator of any
            self._torch = torch.Generator(device)
            self._torch.manual_seed(int(self.host.integers(2**63)))

    def standard_normal(self, size: tuple[int, ...], dtype: Any = None) -> Tensor:
        """Return float32 values of N(0, 1); `dtype` is that of NumPy and not heeded."""
        return torch.randn(size, generator=self._torch, device=self.device)

    def uniform_values(self, size: tuple[int, ...]) -> Tensor:
        """Return float32 values between 0 and 1."""
        return torch.rand(size, generator=self._torch, device=self.device)

    def poisson(self, lam: Tensor) -> Tensor:
        """Return as many counts as there are rates, as floats."""
        return torch.poisson(lam, generator=self._torch)
