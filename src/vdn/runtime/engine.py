"""What an engine is: a network ready to run on planes of any size its multiple allows."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "WORKING_MEMORY",
    "Engine",
    "NoisePosterior",
    "Planes",
    "Posterior",
    "memory_share",
]

Planes = NDArray[np.float32]
"""Float32 (C, H, W), nominally in [0, 1], H and W multiples of the network's multiple."""

WORKING_MEMORY = 1100.0
"""MB that windows and bands take where no bound is set: with more there is little left to gain."""

_UNKNOWN_MEMORY = 8000.0  # MB, of a machine that does not tell
_CGROUP = Path("/sys/fs/cgroup")  # where Linux keeps the limits of a container
_CGROUP_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # of version 2 and 1


def memory_share(cgroup: Path = _CGROUP) -> float:
    """Return a quarter of the memory in MB: of the machine's, or of what a container may use.

    2000 where it cannot be found out (Windows).

    Examples
    --------
    >>> memory_share() > 0
    True
    """
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
    except (AttributeError, ValueError, OSError):
        total = _UNKNOWN_MEMORY
    for name in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # no such file; "max" for no limit
            total = min(total, int((cgroup / name).read_text()) / 1e6)
    return total / 4


class NoisePosterior(NamedTuple):
    """Logarithms of the inverse-gamma parameters of the noise variance, each (C, H, W)."""

    log_alpha: Planes
    log_beta: Planes


class Posterior(NamedTuple):
    """Everything the network predicts for an image (C, H, W).

    The mean and the variance of its error have the pixels of the output: of a network that enlarges
    `scale` times a side, (C, scale H, scale W). `kernel` is what `vdn.runtime.kernel` describes, of
    networks that infer a blur.
    """

    mean: Planes
    log_alpha: Planes
    log_beta: Planes
    log_error_variance: Planes
    kernel: Planes | None = None

    @classmethod
    def empty(cls, shape: tuple[int, int, int], scale: int = 1) -> "Posterior":
        """Return memory for the posterior of planes of a shape.

        Examples
        --------
        >>> Posterior.empty((3, 8, 8)).mean.shape
        (3, 8, 8)
        """
        channels, height, width = shape
        output = channels, scale * height, scale * width
        return cls(*(np.empty(size, np.float32) for size in (output, shape, shape, output)))


class Engine(Protocol):
    """A network ready to run; the arrays it returns belong to the caller.

    Whoever runs it on many windows of one size gives it the same `out` to write into, of the shape
    of the planes: fresh memory for each window costs a large image a tenth of its time.
    """

    @property
    def bytes_per_pixel(self) -> float:
        """Working memory for a pixel of the input."""
        ...

    @property
    def noise_bytes_per_pixel(self) -> float:
        """The same for `run_noise`."""
        ...

    def run(
        self,
        planes: Planes,
        sigma: Planes | None = None,
        strength: float = 1.0,
        out: Posterior | None = None,
    ) -> Posterior:
        """Predict with `strength` times `sigma`; `None` is the network's own noise map."""
        ...

    def run_noise(self, planes: Planes) -> NoisePosterior:
        """Estimate the noise alone."""
        ...
