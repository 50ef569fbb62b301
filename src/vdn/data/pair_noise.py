"""A real pair: two pictures of one scene, and how the noise of the one depends on brightness."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vdn.data.pairs import Pair, PairFiles
from vdn.data.pool import Crops, ImagePool
from vdn.noise.arrays import indices
from vdn.noise.profile import fit_profile
from vdn.noise.smoothing import blur, gaussian_kernel, smooth

__all__ = ["ROUNDING", "MeasuredPair", "PairPool", "measure_pair"]

ROUNDING = 0.25 / 255
"""The least standard deviation of an 8-bit picture: about what rounding leaves."""

_WINDOW = 5.0  # standard deviation, in pixels, of the window in which variances are taken
_SMOOTHING = 1.5  # of the brightness they are sorted by
_LEVELS = 1024  # of brightness, in the table of a curve on a device


@dataclass(frozen=True, eq=False)
class MeasuredPair:
    """A noisy and a clean picture of one scene.

    Attributes
    ----------
    noisy, clean : numpy.ndarray
        uint8 (H, W, C), aligned.
    curves : tuple of (numpy.ndarray, numpy.ndarray)
        One a channel: brightness, ascending, and the standard deviation of the noise there, both
        in [0, 1] units.
    """

    noisy: np.ndarray
    clean: np.ndarray
    curves: tuple[tuple[np.ndarray, np.ndarray], ...]

    def sigma(self, clean: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the noise of a crop of `clean`, float32 in [0, 1].

        Parameters
        ----------
        clean : numpy.ndarray
            float32 (h, w, C) in [0, 1].
        """
        brightness = smooth(clean, _SMOOTHING)
        planes = [np.interp(brightness[..., c], *curve) for c, curve in enumerate(self.curves)]
        return np.maximum(np.stack(planes, axis=-1), ROUNDING).astype(np.float32)


class PairPool:
    """Real pairs from which batches are taken: measured ones on the device, others in files.

    Parameters
    ----------
    pairs : sequence
        All `MeasuredPair`, or all `vdn.data.pairs.PairFiles`, read when their turn comes.
    size : int
        Side of the crops.
    device : torch.device
        Where they are made.
    """

    def __init__(
        self, pairs: Sequence[MeasuredPair | PairFiles], size: int, device: torch.device
    ) -> None:
        self._size, self._device = size, device
        self._files = [pair for pair in pairs if not isinstance(pair, MeasuredPair)]
        if self._files:
            return
        measured = [pair for pair in pairs if isinstance(pair, MeasuredPair)]
        self._sides = self._pools([(pair.noisy, pair.clean) for pair in measured])
        levels = np.linspace(0, 1, _LEVELS + 1)
        curves = [[np.interp(levels, *curve) for curve in pair.curves] for pair in measured]
        self._curves = torch.from_numpy(np.array(curves, np.float32)).to(device)

    def take(
        self, which: Sequence[int], generator: np.random.Generator, upright: float = 0.0
    ) -> tuple[Tensor, ...]:
        """Return random crops of pairs: noisy, clean and sigma, each (N, C, size, size) in [0, 1].

        Sigma is that of the curves, or of what was not measured the root of the smoothed squared
        residual, which has edges and texture in it.
        """
        numbers = np.asarray(which)
        if self._files:
            sides = self._pools([self._files[number].read() for number in which])
            crops = Crops(np.arange(len(which)), generator, upright)
            noisy, clean = (side.take(crops) / 255 for side in sides)
            return noisy, clean, _local_sigma(noisy, clean)
        crops = Crops(numbers, generator, upright)
        noisy, clean = (side.take(crops) / 255 for side in self._sides)
        kernels = np.tile(gaussian_kernel(_SMOOTHING), (len(numbers), 1))
        place = (blur(clean, kernels).clamp(0, 1) * _LEVELS).round().long()
        curves = self._curves[indices(numbers, self._curves)]
        sigma = curves.gather(2, place.flatten(2)).reshape(clean.shape)
        return noisy, clean, sigma.clamp_min(ROUNDING)

    def _pools(self, pairs: Sequence[Pair]) -> list[ImagePool]:
        return [ImagePool(side, self._size, self._device) for side in zip(*pairs, strict=True)]


def _local_sigma(noisy: Tensor, clean: Tensor) -> Tensor:
    """Return the root of the smoothed squared residual."""
    kernels = np.tile(gaussian_kernel(_WINDOW), (len(clean), 1))
    return blur((noisy - clean).square(), kernels).clamp_min(ROUNDING**2).sqrt()


def measure_pair(noisy: np.ndarray, clean: np.ndarray) -> MeasuredPair:
    """Measure the noise of a real pair, uint8 (H, W, C).

    The residual of a real pair holds more than noise: what compression did to the scene, parts
    that moved, a drift of the light. So its variance is taken about its local mean, and the curve
    goes through the *median* in each bin of brightness, which edges and texture do not move.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> clean = np.tile(np.arange(40, 200, dtype=np.uint8)[:, None, None], (1, 100, 3))
    >>> noisy = np.rint(clean + 4 * generator.standard_normal(clean.shape)).astype(np.uint8)
    >>> pair = measure_pair(noisy, clean)
    >>> sigma = pair.sigma(clean[:32, :32] / np.float32(255))
    >>> sigma.shape, round(255 * float(sigma.mean()), 1)
    ((32, 32, 3), 4.0)
    """
    unit = clean.astype(np.float32) / 255
    residual = noisy.astype(np.float32) / 255 - unit
    mean = smooth(residual, _WINDOW)
    variance = np.maximum(smooth(np.square(residual), _WINDOW) - np.square(mean), 0)
    profile = fit_profile(smooth(unit, _SMOOTHING), np.sqrt(variance))
    curves = tuple(
        (np.array(channel.intensity, np.float32), np.array(channel.sigma, np.float32))
        for channel in profile.channels
    )
    return MeasuredPair(noisy, clean, curves)
