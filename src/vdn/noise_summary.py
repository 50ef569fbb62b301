"""The noise of an image summed up: how much, where, of what kind; gathered part by part."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import PredictionError
from vdn.image.frame import FrameSpec
from vdn.image.ranges import Range
from vdn.noise.profile import NoiseProfile, fit_profile
from vdn.noise.smoothing import smooth_at
from vdn.noise.verdict import QUIET
from vdn.noise_quantiles import log_sigma_ratio
from vdn.predictions import Prediction
from vdn.results import noise_deviation
from vdn.runtime.engine import NoisePosterior

__all__ = ["Cell", "NoiseSummary", "SigmaStatistics"]

_GRID = 4  # cells a side, among which are the quietest and the noisiest
_SAMPLE = 2**20  # pixels the profile is fitted to, on a regular lattice over the image
_EVERY = 4  # rows and columns of which one is looked at for the distribution of sigma
_OCTAVES, _PER_OCTAVE = 60, 16  # of sigma, to both sides of 1, and classes in each
_ENDS = 0.05, 0.95  # of the interval of sigma
_SMOOTHING = 1.5  # pixels; brightness is read off the smoothed image


class SigmaStatistics:
    """The mean square of the map of the noise, a channel each, and what the quiet parts have."""

    def __init__(self, channels: int) -> None:
        self._squares, self._count = (np.zeros(channels) for _ in range(2))
        self._histogram = np.zeros((channels, 2 * _OCTAVES * _PER_OCTAVE + 1))

    def add(self, sigma: NDArray[np.float32], channels: slice = slice(None)) -> None:
        """Take a part of the map in, (h, w, C)."""
        wide = sigma.reshape(-1, sigma.shape[-1])
        self._squares[channels] += np.square(wide, dtype=np.float64).sum(axis=0)
        self._count[channels] += len(wide)
        some = sigma[::_EVERY, ::_EVERY].reshape(-1, sigma.shape[-1])
        octave = np.log2(np.maximum(some, np.float32(2.0**-_OCTAVES)))
        octave = np.clip(octave, -_OCTAVES, _OCTAVES)
        bins = np.rint((octave + _OCTAVES) * _PER_OCTAVE).astype(np.intp)
        length = self._histogram.shape[1]
        for row, values in zip(self._histogram[channels], bins.T, strict=True):
            row += np.bincount(values, minlength=length)

    def merge(self, other: "SigmaStatistics") -> "SigmaStatistics":
        """Return the statistics over both maps; channels that only one has count where they are."""
        merged = SigmaStatistics(max(len(self._count), len(other._count)))
        for statistics in (self, other):
            for name in ("_squares", "_count", "_histogram"):
                values = getattr(statistics, name)
                getattr(merged, name)[: len(values)] += values
        return merged

    @property
    def root_mean_square(self) -> tuple[float, ...]:
        """The standard deviation of all noise together, what `noise_sigma` means everywhere."""
        return tuple(np.sqrt(self._squares / self._count).tolist())

    @property
    def quiet(self) -> tuple[float, ...]:
        """The standard deviation that all but the quietest quarter exceeds, to 2 %."""
        below = np.cumsum(self._histogram, axis=1)
        bins = np.argmax(below >= QUIET * below[:, -1:], axis=1)
        return tuple((2.0 ** (bins / _PER_OCTAVE - _OCTAVES)).tolist())

    def check(self, ranges: Sequence[Range]) -> None:
        """Raise `PredictionError` where the noise is larger than the range of its image."""
        scales = np.broadcast_to([range_.scale for range_ in ranges], self._count.shape)
        for sigma, scale in zip(self.root_mean_square, scales, strict=True):
            if not sigma <= scale:
                raise PredictionError(
                    f"noise of {sigma:.3g} is estimated in an image whose values span {scale:.3g}; "
                    "give noise_sigma, or take another model"
                )


@dataclass(frozen=True)
class Cell:
    """A part of an image, and the root mean square of the noise in it."""

    sigma: float
    row: int
    column: int
    height: int
    width: int


class NoiseSummary:
    """What is gathered about the noise of an image while its parts go by.

    Parameters
    ----------
    frame
        The image.
    scores
        The `sigma_scores` of the model, by which its intervals are calibrated.

    Examples
    --------
    >>> summary = NoiseSummary(frame)  # doctest: +SKIP
    >>> for prediction in predict_windows(...):  # doctest: +SKIP
    ...     summary.add(prediction, sigma)
    >>> summary.statistics.root_mean_square  # doctest: +SKIP
    (4.1, 3.2, 4.8)
    """

    def __init__(self, frame: FrameSpec, scores: Mapping[str, Any] = MappingProxyType({})) -> None:
        (height, width), count = frame.shape[:2], frame.color_channels
        self.statistics = SigmaStatistics(count)
        self._edges = _edges(height), _edges(width)
        self._squares = np.zeros((len(self._edges[0]) - 1, len(self._edges[1]) - 1))
        self._step = int(np.ceil(np.sqrt(height * width * max(count, 3) / (3 * _SAMPLE))))
        shape = *(-(-length // self._step) for length in (height, width)), count
        self._brightness, self._sigma, *posterior = (np.empty(shape, np.float32) for _ in range(4))
        self._noise, self._scores = NoisePosterior(*posterior), scores

    def add(self, prediction: Prediction, sigma: NDArray[np.float32]) -> None:
        """Take a part in; `sigma` is its map, (h, w, C), in the units of the image."""
        self.statistics.add(sigma, prediction.channels)
        self._add_squares(prediction, sigma)
        rows, columns = (
            _lattice(part, self._step) for part in (prediction.rows, prediction.columns)
        )
        if not (len(rows) and len(columns)):
            return
        top, left = prediction.origin
        seen = np.asarray(prediction.window.planes)
        smoothed = smooth_at(seen, _SMOOTHING, rows - top, columns - left)
        place = (*(_places(chosen, self._step) for chosen in (rows, columns)), prediction.channels)
        self._brightness[place] = np.atleast_3d(prediction.window.values_to_user(smoothed))
        here = np.ix_(rows - prediction.rows.start, columns - prediction.columns.start)
        self._sigma[place] = sigma[here]
        for kept, values in zip(self._noise, prediction.noise, strict=True):
            kept[place] = np.moveaxis(values, 0, -1)[here]

    def release(self) -> None:
        """Let go of the samples, once what they are for is known; `small_map` is gone then."""
        _ = self.quietest, self.noisiest, self.profile, self.sigma_intervals
        del self._brightness, self._sigma, self._noise

    @cached_property
    def quietest(self) -> Cell:
        """The cell of a coarse grid with the least noise."""
        return min(self._cells(), key=lambda cell: cell.sigma)

    @cached_property
    def noisiest(self) -> Cell:
        """The cell of a coarse grid with the most noise."""
        return max(self._cells(), key=lambda cell: cell.sigma)

    @cached_property
    def profile(self) -> NoiseProfile:
        """How the variance depends on the brightness, which is the smoothed image."""
        return fit_profile(self._brightness, self._sigma)

    @cached_property
    def sigma_intervals(self) -> tuple[tuple[float, float], ...]:
        """Where sigma lies with 90 %, as `Restored.noise_sigma_interval` has it, a channel each.

        That of a typical pixel, as if the errors of all went together: the standard deviation
        times the median ratio of the 5 % and the 95 % quantile of a pixel to its sigma, where a
        pixel weighs as much as its variance.
        """
        log_sigma, ends = np.log(noise_deviation(self._noise)), []
        log_ratios = [
            log_sigma_ratio(self._noise.log_alpha, log_sigma, end, self._scores) for end in _ENDS
        ]
        for channel, sigma in enumerate(self.statistics.root_mean_square):
            weights = np.square(self._sigma[..., channel], dtype=np.float64).ravel()
            low, high = (
                sigma * float(np.exp(_median(ratio[..., channel].ravel(), weights)))
                for ratio in log_ratios
            )
            ends.append((low, high))
        return tuple(ends)

    @property
    def small_map(self) -> NDArray[np.float32]:
        """The map on a regular lattice of a million pixels at most, (h, w, C)."""
        return self._sigma

    @property
    def small_image(self) -> NDArray[np.float32]:
        """The smoothed image on the same lattice, (h, w, C)."""
        return self._brightness

    def _add_squares(self, prediction: Prediction, sigma: NDArray[np.float32]) -> None:
        rows, columns = self._edges
        for (i, top, bottom), (j, left, right) in itertools.product(
            _overlaps(rows, prediction.rows), _overlaps(columns, prediction.columns)
        ):
            part = sigma[top:bottom, left:right]
            self._squares[i, j] += np.square(part, dtype=np.float64).sum()

    def _cells(self) -> Iterator[Cell]:
        rows, columns = (list(itertools.pairwise(edges)) for edges in self._edges)
        for (i, (top, bottom)), (j, (left, right)) in itertools.product(
            enumerate(rows), enumerate(columns)
        ):
            height, width = bottom - top, right - left
            mean = self._squares[i, j] / (height * width * self._sigma.shape[2])
            yield Cell(float(np.sqrt(mean)), top, left, height, width)


def _median(values: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """Return the weighted median."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(below, below[-1] / 2)]])


def _edges(length: int) -> list[int]:
    return np.linspace(0, length, min(_GRID, length) + 1).astype(int).tolist()


def _overlaps(edges: list[int], part: slice) -> Iterator[tuple[int, int, int]]:
    """Yield the cells a part lies in, and from where to where in the part."""
    for index, (low, high) in enumerate(itertools.pairwise(edges)):
        low, high = max(low, part.start), min(high, part.stop)
        if low < high:
            yield index, low - part.start, high - part.start


def _lattice(part: slice, step: int) -> NDArray[np.intp]:
    """Return the multiples of `step` in a part."""
    return np.arange(-(-part.start // step) * step, part.stop, step)


def _places(chosen: NDArray[np.intp], step: int) -> slice:
    return slice(int(chosen[0]) // step, int(chosen[-1]) // step + 1)
