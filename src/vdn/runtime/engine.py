"""What an engine is: a network ready to run on planes of any size its multiple allows."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEFAULT_MEMORY", "Engine", "NoisePosterior", "Planes", "Posterior"]

Planes = NDArray[np.float32]
"""Float32 (C, H, W), nominally in [0, 1], H and W multiples of the network's multiple."""

DEFAULT_MEMORY = 2048.0
"""Working memory of a network in MB when the user sets none: a megapixel or more in one piece."""


class NoisePosterior(NamedTuple):
    """Logarithms of the inverse-gamma parameters of the noise variance, each (C, H, W)."""

    log_alpha: Planes
    log_beta: Planes


class Posterior(NamedTuple):
    """Everything the network says about an image, each (C, H, W)."""

    mean: Planes
    log_alpha: Planes
    log_beta: Planes
    log_error_variance: Planes


class Engine(Protocol):
    """A network ready to run; the arrays it returns belong to the caller."""

    @property
    def bytes_per_pixel(self) -> float:
        """Working memory a pixel of the input takes."""
        ...

    def run(self, planes: Planes, sigma: Planes | None = None, strength: float = 1.0) -> Posterior:
        """Denoise with `strength` times `sigma`; `None` is the network's own noise map."""
        ...

    def run_noise(self, planes: Planes) -> NoisePosterior:
        """Estimate the noise alone."""
        ...
