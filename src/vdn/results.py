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
from vdn.noise_quantiles import log_sigma_ratio
from vdn.runtime.engine import NoisePosterior, Planes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vdn.blur_kernel import BlurKernel
    from vdn.noise.jpeg_history import JpegTraces
    from vdn.noise.profile import NoiseProfile
    from vdn.noise_summary import NoiseSummary
    from vdn.runtime.cards import Card

__all__ = [
    "NoiseEstimate",
    "Restored",
    "Units",
    "check_sigma",
    "check_strength",
    "error_deviation",
    "noise_deviation",
]

_MAX_STRENGTH = 4.0
_HIGHEST = np.float32(1e2)  # of a standard deviation; the bound on logarithms in the graphs


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
    _card: Card
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
        deviation = error_deviation(self._log_error_variance, self._card.error_scale)
        return self._units.to_user(deviation)

    def noise_sigma_interval(
        self, level: float = 0.9
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the interval that holds the standard deviation of the noise at `level`.

        The central one of the posterior of the noise, calibrated on pictures of known noise where
        the card of the model has `sigma_scores`: as wide as the posterior says a pixel is unsure,
        times what held the truth there.

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
        sigma = noise_deviation(self._noise)
        log_sigma, scores = np.log(sigma), self._card.sigma_scores
        low, high = (
            self._units.to_user(
                np.minimum(
                    sigma
                    * np.exp(
                        log_sigma_ratio(
                            self._noise.log_alpha, log_sigma, (1 + side * level) / 2, scores
                        )
                    ),
                    _HIGHEST,
                )
            )
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
