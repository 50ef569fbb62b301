"""What is found out about an image: the clean image, its noise, its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.image.preview import preview_png
from vdn.runtime.engine import NoisePosterior, Planes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vdn.blur_kernel import BlurKernel
    from vdn.noise.jpeg_history import JpegTraces
    from vdn.noise.profile import NoiseProfile
    from vdn.noise_summary import NoiseSummary

__all__ = [
    "NoiseEstimate",
    "Restored",
    "Units",
    "check_sigma",
    "check_strength",
    "error_deviation",
    "noise_deviation",
    "sigma_quantile_ratio",
]

_MAX_STRENGTH = 4.0
_LOG_HIGH = float(np.log(1e4))  # of a variance; the bound on logarithms in the graphs


@dataclass(frozen=True)
class Units:
    """From what a network says to maps of the user.

    Attributes
    ----------
    scale
        Units of the user in one of the network.
    flat
        Whether maps have no channel axis.
    """

    scale: float
    flat: bool

    def to_user(self, planes: Planes) -> NDArray[np.float32]:
        """Return planes (C, H, W) as float32 (H, W[, C])."""
        scaled = planes.transpose(1, 2, 0) * np.float32(self.scale)
        return scaled[..., 0] if self.flat else scaled


@dataclass(frozen=True, eq=False)
class Restored:
    """A restored image and what is known about it; the maps are computed when asked for.

    Attributes
    ----------
    image
        Dtype and range of the input, and its shape, or that times the scale of the model.
    model
        Name of the model that was used.
    sigma
        Root mean square of the standard deviation of the noise, a channel each.
    reason
        Why the model was chosen, where it was not named.
    kernel
        The blur that was undone; None where the model does not infer any.
    jpeg
        The JPEG compression that the pixels bear traces of; None where there is none, or the model
        is for something else.
    """

    image: NDArray[Any]
    model: str
    sigma: tuple[float, ...]
    reason: str
    kernel: BlurKernel | None
    jpeg: JpegTraces | None
    _noise: NoisePosterior
    _log_error_variance: Planes | None
    _error_scale: float
    _units: Units

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.image.shape))
        sigma = " ".join(f"{value:.3g}" for value in self.sigma)
        return f"<Restored {size} {self.image.dtype}, model {self.model}, noise sigma {sigma}>"

    def _repr_png_(self) -> bytes:
        """Show the image in a notebook."""
        return preview_png(self.image)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the image, its noise, its uncertainty and its blur, where it is told, side by side.

        The maps are shown as luminance, one scale of colours from their 1st to 99th percentile.

        Parameters
        ----------
        path
            A PNG, PDF or SVG to save the figure in.

        Raises
        ------
        MissingExtraError
            Where matplotlib is not installed (`pip install 'vdn[plot]'`).
        """
        from vdn.result_plot import plot_result

        return plot_result(self, path)

    @cached_property
    def noise_sigma(self) -> NDArray[np.float32]:
        r"""Standard deviation of the noise, :math:`\sqrt{\beta / (\alpha + 1)}`.

        Float32 (H, W[, C]) over the input, in its units: the root of the mode of the posterior.
        It is what the network saw in the image, whatever `noise_sigma` it was given.
        """
        return self._units.to_user(noise_deviation(self._noise))

    @cached_property
    def uncertainty(self) -> NDArray[np.float32]:
        """Standard deviation of the error of `image`, float32 (H, W[, C]), units of the input.

        Where `image` is the input itself, as a denoiser returns at strength 0, this is its noise.
        """
        if self._log_error_variance is None:
            return self.noise_sigma
        deviation = error_deviation(self._log_error_variance, self._error_scale)
        return self._units.to_user(deviation)

    def noise_sigma_interval(
        self, level: float = 0.9
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        r"""Return the central interval that holds `level` of the posterior of the noise.

        :math:`\sigma^2 \sim \text{IG}(\alpha, \beta)`, so :math:`\beta / \sigma^2` is a gamma
        variable of shape :math:`\alpha`, whose quantiles bound :math:`\sigma`.

        Parameters
        ----------
        level
            Probability between 0 and 1.

        Returns
        -------
        tuple
            Lower and upper map, float32 (H, W[, C]), in the units of the input.

        Raises
        ------
        InputError
            When `level` is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise InputError(f"level={level!r}; give a probability between 0 and 1, such as 0.9")
        low, high = (
            self._units.to_user(_sigma_quantile(self._noise, (1 + side * level) / 2))
            for side in (-1, 1)
        )
        return low, high


@dataclass(frozen=True, eq=False)
class NoiseEstimate:
    """The noise of an image; the map is computed when asked for.

    Attributes
    ----------
    model
        Name of the model that was used.
    """

    model: str
    _noise: NoisePosterior
    _units: Units
    _summary: NoiseSummary

    def __repr__(self) -> str:
        sigma = " ".join(f"{value:.3g}" for value in self.sigma)
        return f"<NoiseEstimate sigma {sigma}, {self.profile.describe()}, model {self.model}>"

    @cached_property
    def map(self) -> NDArray[np.float32]:
        """Standard deviation of the noise, float32 (H, W[, C]), in the units of the input."""
        return self._units.to_user(noise_deviation(self._noise))

    @property
    def sigma(self) -> tuple[float, ...]:
        """One standard deviation a channel: the root of the mean variance."""
        return self._summary.statistics.root_mean_square

    @cached_property
    def profile(self) -> NoiseProfile:
        """How the variance depends on the brightness, which is the smoothed image.

        Fitted to a million pixels on a regular lattice; to all where there are fewer.
        """
        return self._summary.profile


def check_strength(strength: float) -> None:
    """Refuse a strength out of range."""
    if not 0 <= strength <= _MAX_STRENGTH:
        raise InputError(f"strength={strength!r}; give a number from 0 to {_MAX_STRENGTH:g}")


def check_sigma(sigma: NDArray[np.float32]) -> None:
    """Refuse known standard deviations that cannot be any."""
    if not np.isfinite(sigma).all() or (sigma < 0).any():
        raise InputError(
            f"noise_sigma is negative or not finite somewhere (smallest {sigma.min()!r}); "
            "give standard deviations in the units of the image"
        )


def noise_deviation(noise: NoisePosterior) -> Planes:
    """Return the root of the mode of the posterior of the noise variance, (C, H, W)."""
    # log(alpha + 1) from exp and log, which are vectorised: several times as fast as logaddexp.
    log_variance = np.exp(-np.abs(noise.log_alpha))
    log_variance += np.float32(1)
    np.log(log_variance, out=log_variance)
    log_variance += np.maximum(noise.log_alpha, np.float32(0))
    np.subtract(noise.log_beta, log_variance, out=log_variance)
    log_variance *= np.float32(0.5)
    return np.exp(log_variance, out=log_variance)


def error_deviation(log_variance: Planes, scale: float) -> Planes:
    """Return the standard deviation of the error, (C, H, W); `scale` is the card's."""
    deviation = np.exp(log_variance * np.float32(0.5))
    deviation *= np.float32(scale)
    return deviation


def _sigma_quantile(noise: NoisePosterior, probability: float, points: int = 512) -> Planes:
    """Return a quantile of sigma, (C, H, W), at most what a network may answer.

    sigma^2 / beta is a function of alpha alone: it is tabulated over the alphas that occur.
    """
    table = np.linspace(noise.log_alpha.min(), noise.log_alpha.max(), points, dtype=np.float64)
    ratio = [_log_gamma_quantile(log_alpha, 1 - probability) for log_alpha in table]
    log_variance = noise.log_beta - np.interp(noise.log_alpha, table, ratio)
    return np.exp(0.5 * np.minimum(log_variance, _LOG_HIGH)).astype(np.float32)


def sigma_quantile_ratio(
    log_alpha: NDArray[np.float32], probability: float, points: int = 256
) -> NDArray[np.float32]:
    """Return a quantile of sigma over the root of the mode of its square, for any shape of array.

    At most 100: what a network knows nothing of has no bounds.

    Examples
    --------
    >>> certain = np.array([9.0], np.float32)  # alpha of 8103: known to less than 1 %
    >>> bool(0.98 < sigma_quantile_ratio(certain, 0.05) < 1)
    True
    >>> sigma_quantile_ratio(np.array([-9.0], np.float32), 0.95).tolist()  # of hardly any alpha
    [100.0]
    """
    table = np.linspace(log_alpha.min(), log_alpha.max(), points, dtype=np.float64)
    ratio = [np.logaddexp(each, 0) - _log_gamma_quantile(each, 1 - probability) for each in table]
    log_ratio = 0.5 * np.interp(log_alpha, table, ratio)
    return np.exp(np.minimum(log_ratio, np.log(100))).astype(np.float32)


def _log_gamma_quantile(log_shape: float, probability: float, points: int = 4001) -> float:
    """Return the logarithm of a quantile of a gamma variable, by integrating its density.

    Its logarithm u has the density exp(shape u - e^u) up to a factor, a single smooth hump.
    """
    shape = np.exp(log_shape)
    low = log_shape - 40 / min(shape, np.sqrt(shape))
    high = np.log(shape + 40 * np.sqrt(shape) + 40)
    u = np.linspace(low, high, points)
    log_density = shape * u - np.exp(u)
    density = np.exp(log_density - log_density.max())
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(np.interp(probability * mass[-1], mass, u))
