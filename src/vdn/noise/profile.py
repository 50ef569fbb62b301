"""The noise profile: how the variance depends on the brightness, read off a noise map."""

from dataclasses import dataclass

import numpy as np

from vdn.errors import InputError

__all__ = ["ChannelProfile", "NoiseProfile", "fit_profile"]

BINS = 32
ROUNDS = 30
TUNING = 1.345  # Huber's constant: 95 % efficient if nothing is out of line
FLAT = 0.1  # a relative change of sigma nobody would call a dependence


@dataclass(frozen=True)
class ChannelProfile:
    r"""The profile of one channel: :math:`\text{variance} = a\,x + b`.

    Parameters
    ----------
    a : float
        Variance per unit of brightness: the shot noise; below 0 if a tone curve makes the
        shadows the noisiest part.
    b : float
        Variance at black.
    intensity, sigma : tuple of float
        The points of the measured curve: brightness, in ascending order, and the standard
        deviation there.
    """

    a: float
    b: float
    intensity: tuple[float, ...]
    sigma: tuple[float, ...]

    def sigma_at(self, intensity: np.ndarray | float) -> np.ndarray:
        """Return the fitted standard deviation at a brightness; 0 where the line is below 0."""
        return np.sqrt(np.maximum(self.a * np.asarray(intensity) + self.b, 0))

    @property
    def trend(self) -> float:
        """The fitted sigma of the brightest measured point less the darkest, over their mean."""
        dark, bright = self.sigma_at(np.array([self.intensity[0], self.intensity[-1]]))
        return float((bright - dark) / ((bright + dark) / 2)) if bright + dark > 0 else 0.0


@dataclass(frozen=True)
class NoiseProfile:
    """The profiles of all channels, in the units of the image they were fitted to.

    Parameters
    ----------
    channels : tuple of ChannelProfile
        One a channel.
    """

    channels: tuple[ChannelProfile, ...]

    @property
    def a(self) -> tuple[float, ...]:
        """Variance per unit of brightness, one a channel."""
        return tuple(channel.a for channel in self.channels)

    @property
    def b(self) -> tuple[float, ...]:
        """Variance at black, one a channel."""
        return tuple(channel.b for channel in self.channels)

    def describe(self) -> str:
        """Say in words how the noise depends on the brightness.

        Examples
        --------
        >>> flat = ChannelProfile(a=0.0, b=25.0, intensity=(0.0, 255.0), sigma=(5.0, 5.0))
        >>> NoiseProfile((flat,)).describe()
        'about constant: standard deviation 5'
        """
        dark = _mean([channel.sigma[0] for channel in self.channels])
        bright = _mean([channel.sigma[-1] for channel in self.channels])
        typical = _mean([value for channel in self.channels for value in channel.sigma])
        if typical == 0:
            return "none: standard deviation 0"
        trend = _mean([channel.trend for channel in self.channels])
        if abs(trend) < FLAT:
            return f"about constant: standard deviation {typical:.3g}"
        where = "stronger in bright parts" if trend > 0 else "stronger in dark parts"
        return (
            f"signal dependent, {where}: standard deviation {dark:.3g} in the darkest "
            f"and {bright:.3g} in the brightest"
        )


def fit_profile(image: np.ndarray, sigma: np.ndarray) -> NoiseProfile:
    r"""Fit :math:`\sigma^2 = a\,x + b` in every channel, robustly.

    The median variance of each of up to 32 equally filled bins of brightness makes the curve; the
    line goes through it by iteratively reweighted least squares on relative residuals with
    Huber's weights, so that neither outlying pixels nor outlying bins pull it away.

    Parameters
    ----------
    image : numpy.ndarray
        The (denoised) image, (H, W) or (H, W, C), in any unit.
    sigma : numpy.ndarray
        The map of the standard deviation of its noise, same shape and unit.

    Returns
    -------
    NoiseProfile
        a in the unit of the image, b in its square. Where the image has one brightness only,
        a is 0.

    Raises
    ------
    InputError
        If the shapes differ, or are not (H, W) or (H, W, C), or a value is not finite.

    References
    ----------
    Foi et al., Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data, IEEE TIP 2008, https://doi.org/10.1109/TIP.2008.2001399

    Examples
    --------
    >>> import numpy as np
    >>> image = np.linspace(0, 1, 10_000).reshape(100, 100)
    >>> profile = fit_profile(image, np.sqrt(0.02 * image + 0.001))
    >>> round(profile.a[0], 3), round(profile.b[0], 4)
    (0.02, 0.001)
    """
    if image.shape != sigma.shape or image.ndim not in (2, 3) or image.size == 0:
        raise InputError(
            f"image has shape {image.shape} and sigma {sigma.shape}; "
            "give both as (H, W) or both as (H, W, C)"
        )
    if not (np.isfinite(image).all() and np.isfinite(sigma).all()):
        raise InputError("image or sigma has values that are not finite; mask them out first")
    count = 1 if image.ndim == 2 else image.shape[2]
    brightness = image.reshape(-1, count).astype(np.float64)
    variance = np.square(sigma.reshape(-1, count).astype(np.float64))
    return NoiseProfile(tuple(_fit(brightness[:, c], variance[:, c]) for c in range(count)))


def _fit(brightness: np.ndarray, variance: np.ndarray) -> ChannelProfile:
    x, v = _curve(brightness, variance)
    a, b = _line(x, v)
    return ChannelProfile(a, b, tuple(x.tolist()), tuple(np.sqrt(v).tolist()))


def _curve(brightness: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the medians of equally filled bins; equal brightnesses share a bin."""
    edges = np.unique(np.quantile(brightness, np.linspace(0, 1, BINS + 1)[1:-1]))
    index = np.searchsorted(edges, brightness, side="left")
    order = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[order])) + 1
    groups = np.split(order, starts)
    x = np.array([np.median(brightness[group]) for group in groups])
    v = np.array([np.median(variance[group]) for group in groups])
    return x, v


def _line(x: np.ndarray, v: np.ndarray) -> tuple[float, float]:
    """Fit v = a x + b to points whose error is proportional to v."""
    scale = float(np.ptp(x))
    if scale == 0 or not v.any():
        return 0.0, float(np.median(v))
    floor = 1e-6 * v.max()
    design = np.stack([(x - x[0]) / scale, np.ones_like(x)], axis=1)
    expected = np.maximum(v, floor)
    robust = np.ones_like(v)
    for _ in range(ROUNDS):
        root = np.sqrt(robust) / expected
        slope, start = np.linalg.lstsq(design * root[:, None], v * root, rcond=None)[0]
        expected = np.maximum(design @ (slope, start), floor)
        residual = np.abs(v - design @ (slope, start)) / expected
        spread = 1.4826 * np.median(residual)
        robust = np.minimum(1, TUNING * spread / np.maximum(residual, 1e-12)) if spread else robust
    return float(slope / scale), float(start - slope * x[0] / scale)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
