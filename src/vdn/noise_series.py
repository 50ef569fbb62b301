"""The noise profile of a camera, from a series of its pictures."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vdn.errors import InputError
from vdn.noise.law import NoiseLaw
from vdn.noise.profile import ChannelProfile
from vdn.noise.profiles import CameraProfile, Exposure, Setting
from vdn.noise.profiles.combine import combine_laws
from vdn.streaming import FrameNoise

__all__ = ["LeftOut", "Series"]

_NORMAL_90 = 1.645
_INDEPENDENT = 4  # points of a curve of the network, of which the others are neighbours


@dataclass(frozen=True)
class LeftOut:
    """A picture that does not count, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class _Entry:
    name: str
    exposure: Exposure
    white: float | None
    measured: tuple[NoiseLaw, ...] | None
    estimated: tuple[NoiseLaw, ...]

    @property
    def kind(self) -> tuple[int, float | None]:
        return len(self.estimated), self.white


class Series:
    """Pictures of a series, which become one profile.

    The laws are those of the pixels where the noise of at least half of the pictures is
    independent from pixel to pixel, and otherwise lines through the noise maps of the network:
    developed photographs have no other.

    Examples
    --------
    >>> series = Series()
    >>> for found in estimate_picture_noise(models, picture, io_threads):  # doctest: +SKIP
    ...     series.add("a.tif", read_exposure(picture), found, white_of(found.frame))
    >>> profile, left_out = series.profile()  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def add(self, name: str, exposure: Exposure, found: FrameNoise, white: float | None) -> None:
        """Take in an image: how it was taken, what its noise is, and its value of white."""
        laws = found.middle.laws
        measured = tuple(law for law in laws if law is not None)
        summary = found.summary
        estimated = tuple(
            _law_of_map(channel, interval, sigma)
            for channel, interval, sigma in zip(
                summary.profile.channels,
                summary.sigma_intervals,
                summary.statistics.root_mean_square,
                strict=True,
            )
        )
        complete = measured if laws and len(measured) == len(laws) else None
        self._entries.append(_Entry(name, exposure, white, complete, estimated))

    def profile(self) -> tuple[CameraProfile, list[LeftOut]]:
        """Return the profile, and the pictures that were left out.

        Raises
        ------
        InputError
            When no picture is left.
        """
        left_out: list[LeftOut] = []
        entries = self._of_one_camera(left_out)
        source = (
            "pixels" if 2 * sum(e.measured is not None for e in entries) >= len(entries) else ""
        )
        groups: dict[float | None, list[tuple[NoiseLaw, ...]]] = defaultdict(list)
        for entry in entries:
            laws = entry.measured if source else entry.estimated
            if laws is None:
                reason = "the law of its noise cannot be told: correlated, or too little is flat"
                left_out.append(LeftOut(entry.name, reason))
            else:
                groups[entry.exposure.iso].append(laws)
        if not groups:
            reasons = "; ".join(f"{each.name}: {each.reason}" for each in left_out)
            raise InputError(f"no picture says what noise the camera makes ({reasons})")
        settings = [
            Setting(
                iso, tuple(combine_laws(channel) for channel in zip(*laws, strict=True)), len(laws)
            )
            for iso, laws in sorted(groups.items(), key=lambda item: item[0] or 0.0)
        ]
        first = entries[0]
        found = CameraProfile(
            tuple(settings),
            first.exposure.make,
            first.exposure.model,
            first.white,
            source or "network",
        )
        return found, left_out

    def _of_one_camera(self, left_out: list[LeftOut]) -> list[_Entry]:
        """Return the pictures of the camera that took most, all with an ISO or all without."""
        entries = self._entries
        if any(entry.exposure.iso is not None for entry in entries):
            for entry in entries:
                if entry.exposure.iso is None:
                    left_out.append(LeftOut(entry.name, "does not say its ISO"))
            entries = [entry for entry in entries if entry.exposure.iso is not None]
        camera = _most([entry.exposure.camera for entry in entries])
        for entry in entries:
            other = entry.exposure.camera
            if other != camera:
                left_out.append(
                    LeftOut(entry.name, f"is of another camera: {other or 'unnamed'}, not {camera}")
                )
        entries = [entry for entry in entries if entry.exposure.camera == camera]
        kind = _most([entry.kind for entry in entries])
        for entry in entries:
            if entry.kind != kind:
                left_out.append(
                    LeftOut(entry.name, "has other channels, or another depth, than the others")
                )
        return [entry for entry in entries if entry.kind == kind]


def _most(values: Sequence[object]) -> object:
    """Return the most frequent value, of equally frequent ones the first."""
    return Counter(values).most_common(1)[0][0] if values else None


def _law_of_map(channel: ChannelProfile, interval: tuple[float, float], sigma: float) -> NoiseLaw:
    """Return the line through a noise map with its uncertainty.

    The points have the relative error of sigma that the posterior says, or their scatter about the
    line if that is larger.
    """
    x, v = np.array(channel.intensity), np.square(channel.sigma)
    fitted = channel.a * x + channel.b
    typical = np.maximum(fitted, 1e-3 * max(float(v.max()), 1e-300))
    posterior = (interval[1] - interval[0]) / (_NORMAL_90 * max(sigma, 1e-300))  # of the variance
    scatter = float(np.sqrt(np.mean(np.square((v - fitted) / typical))))
    error = typical * max(posterior, scatter)
    points = np.linspace(0, len(x) - 1, min(_INDEPENDENT, len(x))).round().astype(int)
    unit = float(np.abs(x).max()) or 1.0
    design = np.stack([x[points] / unit, np.ones(len(points))], 1) / error[points, None]
    information = design.T @ design
    # One brightness says nothing of the slope: then as if it could be anything.
    prior = np.diag([1e-6, 1e-6]) * max(float(np.trace(information)), 1e-300)
    covariance = np.linalg.inv(information + prior)
    half_a, half_b = _NORMAL_90 * np.sqrt(np.diag(covariance)) / [unit, 1]
    together = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    a, b = channel.a, channel.b
    return NoiseLaw(
        a,
        b,
        (a - float(half_a), a + float(half_a)),
        (b - float(half_b), b + float(half_b)),
        (float(x[0]), float(x[-1])),
        a_known=True,
        b_known=True,
        flat=1.0,
        error_correlation=float(together),
    )
