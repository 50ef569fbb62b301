"""The noise profile of a camera: variance = a x + b for every ISO and channel."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.noise.smoothing import gaussian_kernel, smooth

__all__ = ["MARGIN", "CameraProfile", "ChannelLaw", "Setting"]

_SMOOTHING = 1.5  # pixels; the brightness of a pixel is read off its surroundings
_FLOOR = 0.1  # of the variance at the dark end of what was measured: there is no less

MARGIN = len(gaussian_kernel(_SMOOTHING)) // 2
"""How far the brightness of a pixel is gathered, in pixels."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class ChannelLaw:
    r"""The noise of one channel at one setting: :math:`\sigma^2 = a x + b` at the brightness x.

    Attributes
    ----------
    a, b
        In the unit of the pictures, and in its square.
    a_interval, b_interval
        The true ones lie there with 90 %; None where nobody knows.
    error_correlation
        Of the errors of a and b; None where nobody knows.
    span
        The brightness the law rests on; None where nobody knows.
    """

    a: float
    b: float
    a_interval: Interval | None = None
    b_interval: Interval | None = None
    error_correlation: float | None = None
    span: Interval | None = None

    def variance_at(self, brightness: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the variance; where the line falls to nothing, a tenth of that of dark parts."""
        variance = self.a * brightness + self.b
        dark = self.span[0] if self.span is not None else 0.0
        floor: NDArray[np.floating] = np.maximum(variance, _FLOOR * max(self.a * dark + self.b, 0))
        return floor

    def scaled(self, factor: float) -> "ChannelLaw":
        """Return the law of pictures whose values are `factor` times as large."""

        def times(ends: Interval | None, by: float) -> Interval | None:
            return None if ends is None else (ends[0] * by, ends[1] * by)

        return ChannelLaw(
            self.a * factor,
            self.b * factor**2,
            times(self.a_interval, factor),
            times(self.b_interval, factor**2),
            self.error_correlation,
            times(self.span, factor),
        )


@dataclass(frozen=True)
class Setting:
    """The noise of a camera at one ISO.

    Attributes
    ----------
    iso
        None where the camera has but one setting, or nobody knows.
    channels
        One law for all channels, or one each.
    pictures
        How many were measured; 0 where nobody knows.
    """

    iso: float | None
    channels: tuple[ChannelLaw, ...]
    pictures: int = 0

    def scaled(self, factor: float) -> "Setting":
        """Return the setting for pictures whose values are `factor` times as large."""
        return replace(self, channels=tuple(law.scaled(factor) for law in self.channels))

    def sigma(self, image: NDArray[np.floating], channel: int | None = None) -> NDArray[np.float32]:
        """Return the standard deviation of the noise of every pixel of an image.

        The brightness is that of the image smoothed by a Gaussian of 1.5 pixels.

        Parameters
        ----------
        image
            (H, W) or (H, W, C) without alpha, as many channels as laws or one law for all.
        channel
            The number of the channel that `image` is, where it is one of several.

        Returns
        -------
        numpy.ndarray
            float32, of the shape of the image.

        Raises
        ------
        InputError
            When there are laws for another number of channels.

        Examples
        --------
        >>> setting = Setting(None, (ChannelLaw(a=2.0, b=9.0),))
        >>> setting.sigma(np.full((4, 4), 8.0))[0].tolist()
        [5.0, 5.0, 5.0, 5.0]
        """
        count = 1 if image.ndim == 2 else image.shape[2]
        smoothed = smooth(image, _SMOOTHING)
        planes = smoothed.reshape(*image.shape[:2], count)
        laws = self._laws(count, channel)
        variance = [law.variance_at(planes[..., c]) for c, law in enumerate(laws)]
        return np.sqrt(np.stack(variance, -1)).reshape(image.shape).astype(np.float32, copy=False)

    def _laws(self, count: int, channel: int | None) -> Sequence[ChannelLaw]:
        known = len(self.channels)
        if known == 1:
            return self.channels * count
        if channel is not None and channel < known:
            return self.channels[channel : channel + 1]
        if channel is None and known == count:
            return self.channels
        raise InputError(f"the noise profile is of {known} channels, the picture has others")


@dataclass(frozen=True)
class CameraProfile:
    """The noise of a camera at its settings.

    Attributes
    ----------
    settings
        By ascending ISO; a single one may have none.
    make, model
        Of the camera, as EXIF says; empty where nobody knows.
    white
        The value that is white, which relates pictures of 8 and 16 bits and floats to 1; None where
        the laws are in the units of the pictures whatever their type.
    source
        What the laws were read off: "pixels", "network", or the format of another program.

    Examples
    --------
    >>> laws = [Setting(iso, (ChannelLaw(iso / 100, iso**2 / 1e4),)) for iso in (100, 400)]
    >>> round(CameraProfile(tuple(laws)).at(200).channels[0].a, 6)
    2.0
    """

    settings: tuple[Setting, ...]
    make: str = ""
    model: str = ""
    white: float | None = None
    source: str = "pixels"

    def __post_init__(self) -> None:
        isos = [setting.iso for setting in self.settings if setting.iso is not None]
        ascending = all(low < high for low, high in pairwise(isos))
        if not self.settings or not ascending or len(isos) < len(self.settings) > 1:
            raise InputError(
                f"a noise profile of the ISOs {[setting.iso for setting in self.settings]}; "
                "give at least one setting, several by ascending ISO"
            )

    @property
    def camera(self) -> str:
        """Make and model in one."""
        return camera_name(self.make, self.model)

    @property
    def isos(self) -> str:
        """The ISOs in words."""
        known = [f"{setting.iso:g}" for setting in self.settings if setting.iso is not None]
        return f"ISO {', '.join(known)}" if known else "one setting"

    def at(self, iso: float | None = None) -> Setting:
        """Return the noise at an ISO.

        Between two measured ISOs the logarithms of a and b go in a straight line over that of the
        ISO, or where one is not positive, they themselves.

        Raises
        ------
        InputError
            When the ISO is not known and needed, or beyond what was measured.
        """
        first, last = self.settings[0], self.settings[-1]
        if first.iso is None:
            return first
        if iso is None:
            raise InputError(f"the noise profile has {self.isos}; say which ISO it is")
        place = bisect_left([setting.iso for setting in self.settings], iso)  # type: ignore[type-var]
        if place < len(self.settings) and self.settings[place].iso == iso:
            return self.settings[place]
        if place in (0, len(self.settings)):
            raise InputError(
                f"ISO {iso:g} is beyond the noise profile, which has {self.isos}; measure pictures "
                f"of that ISO too, or take the nearest, ISO {(first if place == 0 else last).iso:g}"
            )
        return _between(self.settings[place - 1], self.settings[place], iso)

    def scale_to(self, white: float | None) -> float:
        """Return what the values of the profile are multiplied by for pictures with a white."""
        return 1.0 if self.white is None or white is None else white / self.white


def camera_name(make: str, model: str) -> str:
    """Return make and model without saying the make twice.

    Examples
    --------
    >>> camera_name("Canon", "Canon EOS 5D"), camera_name("SONY", "ILCE-7M3"), camera_name("", "")
    ('Canon EOS 5D', 'SONY ILCE-7M3', '')
    """
    first = make.split()[:1]
    return model if first == model.split()[:1] else f"{make} {model}".strip()


def _between(low: Setting, high: Setting, iso: float) -> Setting:
    first, last = (math.log(setting.iso or 1) for setting in (low, high))
    share = (math.log(iso) - first) / (last - first)

    def value(first: float, second: float) -> float:
        if first > 0 and second > 0:
            return float(first ** (1 - share) * second**share)
        return (1 - share) * first + share * second

    def ends(first: Interval | None, second: Interval | None) -> Interval | None:
        if first is None or second is None:
            return None
        return value(first[0], second[0]), value(first[1], second[1])

    def law(first: ChannelLaw, second: ChannelLaw) -> ChannelLaw:
        together = first.error_correlation, second.error_correlation
        return ChannelLaw(
            value(first.a, second.a),
            value(first.b, second.b),
            ends(first.a_interval, second.a_interval),
            ends(first.b_interval, second.b_interval),
            None if None in together else sum(together) / 2,  # type: ignore[arg-type]
            ends(first.span, second.span),
        )

    channels = zip(low.channels, high.channels, strict=True)
    return Setting(iso, tuple(law(*pair) for pair in channels), min(low.pictures, high.pictures))
