"""A real pair: two pictures of one scene, and how the noise of the one depends on brightness."""

from dataclasses import dataclass

import numpy as np

from vdn.data.corruption import ROUNDING
from vdn.noise.profile import fit_profile
from vdn.noise.smoothing import smooth

__all__ = ["MeasuredPair", "local_sigma", "measure_pair"]

_WINDOW = 5.0  # standard deviation, in pixels, of the window in which variances are taken
_SMOOTHING = 1.5  # of the brightness they are sorted by


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


def local_sigma(noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Return the root of the smoothed squared residual of a crop, float32 (h, w, C) in [0, 1].

    What there is to say of a pair that was not measured; edges and texture are in it.
    """
    return np.sqrt(np.maximum(smooth(np.square(noisy - clean), _WINDOW), ROUNDING**2))


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
