"""An image of any size through a network, window by window, from the top to the bottom.

Images in memory and images in files take this one way: what differs is where rows come from and
where the predictions go.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError, PredictionError
from vdn.image.arrays import BRIGHTEST, DARKEST, UnitImage, to_unit
from vdn.image.frame import Frame, FrameSpec
from vdn.image.ranges import Range
from vdn.noise.profiles import Setting
from vdn.noise.profiles.camera_profile import MARGIN
from vdn.results import error_deviation, noise_deviation
from vdn.runtime.cards import Card
from vdn.runtime.engine import Engine, NoisePosterior, Planes, Posterior
from vdn.runtime.kernel import average_with_input
from vdn.runtime.light import REACH, are_counts, keep_light
from vdn.runtime.predict import ENSEMBLES, predict, predict_noise
from vdn.runtime.tiling import Tile, choose_window, mirrored, tiles, times

__all__ = [
    "LoadedModel",
    "Prediction",
    "Request",
    "Rows",
    "check_known_noise",
    "plan_window",
    "predict_windows",
]

_NOISE_MEMORY = 256.0  # MB for a window of the noise part alone, where there is more
_STRIP = 64  # rows of a prediction that are worked on at a time

_LAW_BYTES = 64.0  # a pixel of a window, for its brightness and its noise

_CERTAIN = float(np.log(1e4))  # log alpha of noise that is known

Rows = Callable[[int, int], NDArray[Any]]
"""Returns the rows of an image from one to before another; asked for in order, with overlaps."""


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to run: its card and its engine."""

    card: Card
    engine: Engine


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """What is wanted of an image.

    Attributes
    ----------
    noise_only
        Whether the noise is enough, so that the image part need not run.
    strength
        Factor of the noise map the image part sees.
    ensemble
        Of how many symmetric versions of each window the mean is taken.
    sigma
        Known standard deviations of the noise in the units of the image, in place of the network's
        own: rows of (W,), (W, 1) or (W, C) without alpha, one number, or the laws of a camera,
        which tell them from the brightness.
    """

    noise_only: bool = False
    strength: float = 1.0
    ensemble: int = 1
    sigma: Rows | float | Setting | None = None

    def __post_init__(self) -> None:
        if self.ensemble not in ENSEMBLES:
            known = ", ".join(map(str, ENSEMBLES))
            raise InputError(f"ensemble={self.ensemble!r}; give one of {known}")

    def halo(self, card: Card) -> int:
        """Return how far a pixel of the prediction depends on the image."""
        if self.noise_only:
            return card.noise_halo or card.halo
        around = MARGIN if isinstance(self.sigma, Setting) else 0
        return card.halo + around + (REACH if _keeps_light(card) else 0)

    def bytes_per_pixel(self, engine: Engine) -> float:
        """Return the working memory for a pixel of a window."""
        if self.noise_only:
            return engine.noise_bytes_per_pixel
        in_one = self.sigma is None and self.strength == 1.0
        law = _LAW_BYTES if isinstance(self.sigma, Setting) else 0
        return engine.bytes_per_pixel + law + (0 if in_one else engine.noise_bytes_per_pixel)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network predicts for a part of an image.

    Attributes
    ----------
    rows, columns
        The part; the parts partition the image, one row of windows after the other.
    channel
        The channel it is about where each channel goes by itself, else None.
    window, origin
        The part with the halo around it, as the network saw it, and where in the image that begins.
    noise
        The posterior of its noise.
    mean, log_error_variance
        The clean image and the logarithm of the variance of its error, unless only the noise was
        wanted.
    card
        That of the model.
    kernel
        What a model that infers the blur says of it, see `vdn.runtime.kernel`; the first strip of
        a window has that of all.
    """

    rows: slice
    columns: slice
    channel: int | None
    window: UnitImage
    origin: tuple[int, int]
    card: Card
    noise: NoisePosterior
    mean: Planes | None = None
    log_error_variance: Planes | None = None
    kernel: Planes | None = None

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the image."""
        return self.rows, self.columns

    @property
    def output_place(self) -> tuple[slice, slice]:
        """Rows and columns of the output, which may have more pixels."""
        scale = 1 if self.mean is None else self.card.scale
        return times(self.rows, scale), times(self.columns, scale)

    @property
    def channels(self) -> slice:
        """The channels it is about, alpha not counted."""
        return slice(None) if self.channel is None else slice(self.channel, self.channel + 1)

    def strips(self) -> "Iterator[Prediction]":
        """Yield it in parts of a few rows: what is computed from it then takes little memory."""
        height = self.rows.stop - self.rows.start
        for top in range(0, height, _STRIP):
            part = slice(top, min(top + _STRIP, height))
            here = (slice(None), part)
            output = (slice(None), times(part, self.card.scale))
            yield replace(
                self,
                rows=slice(self.rows.start + part.start, self.rows.start + part.stop),
                noise=NoisePosterior(*(planes[here] for planes in self.noise)),
                mean=None if self.mean is None else self.mean[output],
                log_error_variance=(
                    None if self.log_error_variance is None else self.log_error_variance[output]
                ),
                kernel=self.kernel if top == 0 else None,
            )

    @cached_property
    def unit(self) -> UnitImage:
        """The part in the range of the network, with the way back to the user's units."""
        return self.window.part(*self._in_window)

    @property
    def _in_window(self) -> tuple[slice, slice]:
        return _shifted(self.rows, self.origin[0]), _shifted(self.columns, self.origin[1])

    @cached_property
    def image(self) -> NDArray[Any]:
        """The clean image as an array like the user's; where it was not wanted, the noisy one."""
        planes = self.unit.planes if self.mean is None else self.mean.transpose(1, 2, 0)
        if planes.shape[:2] == self.unit.planes.shape[:2]:
            return self.unit.restore(planes)
        return self.window.enlarge(planes, *self._in_window, self.card.scale)

    @cached_property
    def sigma(self) -> NDArray[np.float32]:
        """Standard deviation of the noise, (h, w[, C]), in the user's units."""
        return self.unit.map_to_user(noise_deviation(self.noise).transpose(1, 2, 0))

    @cached_property
    def uncertainty(self) -> NDArray[np.float32]:
        """Standard deviation of the error of `image`, as `sigma`; of the noisy image, its noise."""
        if self.log_error_variance is None:
            return self.sigma
        deviation = error_deviation(self.log_error_variance, self.card.error_scale)
        return self.unit.map_to_user(deviation.transpose(1, 2, 0))


def plan_window(
    model: LoadedModel,
    frame: FrameSpec,
    request: Request,
    max_memory: float,
    bytes_per_row: float = 0.0,
    held: float = 0.0,
) -> tuple[int, int]:
    """Return the window to use for an image; arguments and errors as in `choose_window`.

    The noise part alone gets smaller windows where the image allows it: it needs little around
    them, and is faster on what the caches of the processor hold.
    """
    height, width = frame.shape[:2]

    def choose(memory: float) -> tuple[int, int]:
        return choose_window(
            height,
            width,
            request.halo(model.card),
            model.card.multiple,
            request.bytes_per_pixel(model.engine),
            memory,
            bytes_per_row,
            held,
        )

    if request.noise_only and held + _NOISE_MEMORY < max_memory:
        with suppress(InputError):
            return choose(held + _NOISE_MEMORY)
    return choose(max_memory)


def predict_windows(
    model: LoadedModel,
    frame: Frame,
    rows: Rows,
    ranges: Sequence[Range],
    request: Request,
    window: tuple[int, int],
) -> Iterator[tuple[slice, Iterator[Prediction]]]:
    """Yield rows of the image, from the top, each with the predictions for its parts.

    Parameters
    ----------
    model
        The model.
    frame
        The image.
    rows
        Returns its rows, asked for in order, those of the halo again.
    ranges
        As `vdn.image.find_ranges` gives them.
    request
        What is wanted.
    window
        As `plan_window` gives it.

    Yields
    ------
    tuple
        The rows, and the predictions for their parts, to be used up before the next rows. A
        prediction is not to be kept: its memory is used again for the next.

    Raises
    ------
    InputError
        When the model cannot estimate noise, and none is given.
    PredictionError
        When what the network computes is not finite.
    """
    check_known_noise(model.card, request)
    height, width = frame.shape[:2]
    halo, multiple = request.halo(model.card), model.card.multiple
    tiling = list(tiles(height, width, window, halo, multiple))
    buffers = _Buffers.of(tiling[0], frame, model.card, request)
    for write, row_of_tiles in groupby(tiling, key=lambda tile: tile.write[0]):
        grid = list(row_of_tiles)
        above = mirrored(grid[0].read[0], height)
        start, stop = int(above.min()), int(above.max()) + 1
        strip = _Strip(frame, rows, ranges, request.sigma, start, stop, buffers.planes)
        yield write, _predictions(model, frame, request, strip, grid, above, buffers.posterior)


def check_known_noise(card: Card, request: Request) -> None:
    """Refuse to estimate noise by a model that was not trained to.

    Raises
    ------
    InputError
        When the request holds no noise, or asks for it, and the card says that it needs one.
    """
    if not card.estimates_noise and (request.sigma is None or request.noise_only):
        raise InputError(
            f"model {card.name!r} cannot estimate noise, it has to be given: pass noise_sigma, "
            "or take another model"
        )


def _predictions(
    model: LoadedModel,
    frame: Frame,
    request: Request,
    strip: "_Strip",
    grid: Sequence[Tile],
    above: NDArray[np.intp],
    out: Posterior | None,
) -> Iterator[Prediction]:
    for tile in grid:
        across = mirrored(tile.read[1], frame.shape[1])
        for channel in range(frame.shape[2]) if frame.channels == "planes" else (None,):
            prediction = _predict(model, request, strip, tile, (above, across), channel, out)
            yield from prediction.strips()


@dataclass(frozen=True, eq=False)
class _Buffers:
    """Memory that all windows of an image share: fresh memory for each would take its time.

    Attributes
    ----------
    planes
        For the pixels of a window.
    posterior
        For what the network predicts, unless only the noise is wanted.
    """

    planes: NDArray[np.float32]
    posterior: Posterior | None

    @classmethod
    def of(cls, tile: Tile, frame: Frame, card: Card, request: Request) -> "_Buffers":
        """Return buffers for windows as large as that of a tile."""
        height, width = (side.stop - side.start for side in tile.read)
        planes = np.empty(height * width * frame.color_channels, np.float32)
        shape = card.channels, height, width
        posterior = None if request.noise_only else Posterior.empty(shape, card.scale)
        return cls(planes, posterior)


class _Strip:
    """Rows over the whole width of an image, halo included."""

    def __init__(
        self,
        frame: Frame,
        rows: Rows,
        ranges: Sequence[Range],
        sigma: Rows | float | Setting | None,
        start: int,
        stop: int,
        buffer: NDArray[np.float32],
    ) -> None:
        self._frame, self._ranges, self.start, self._buffer = frame, ranges, start, buffer
        self._pixels = rows(start, stop)
        self._sigma = sigma(start, stop) if callable(sigma) else sigma
        self._has_gaps = frame.no_data is not None or self._has_outliers()
        self._filled: dict[int | None, UnitImage] = {}

    def unit(self, columns: slice, channel: int | None) -> UnitImage:
        """Return some of the columns in the range of the network."""
        if not self._has_gaps:
            return self._convert(columns, channel, self._buffer)
        if channel not in self._filled:  # gaps are filled along the whole row
            self._filled = {channel: self._convert(slice(0, self._frame.shape[1]), channel)}
        return self._filled[channel].part(slice(None), columns)

    def sigma(self, columns: slice, channel: int | None, unit: UnitImage) -> Planes | None:
        """Return the known noise there, in the shape and units of `unit.planes`, at most 1."""
        if self._sigma is None:
            return None
        known = unit.sigma_to_unit(self._known(columns, channel, unit))
        if (least := float(known.min())) > 1:
            if np.ptp(unit.planes) == 0:  # a page with nothing on it has no units to tell by
                return np.zeros_like(unit.planes)
            raise InputError(
                f"noise_sigma is {least * unit.scale:.3g} or more, in an image whose values span "
                f"{unit.scale:.3g}; give it in the units of the image"
            )
        return np.broadcast_to(np.minimum(known, 1), unit.planes.shape)

    def _known(self, columns: slice, channel: int | None, unit: UnitImage) -> NDArray[Any]:
        if isinstance(self._sigma, Setting):
            brightness = unit.planes * unit.scale + unit.range.offset
            return self._sigma.sigma(brightness, channel)
        given = np.asarray(self._sigma)
        if given.ndim:
            given = given[:, columns]
        if given.ndim == 3 and channel is not None and given.shape[2] > 1:
            given = given[..., channel]
        return given

    def _has_outliers(self) -> bool:
        if self._frame.dtype == np.uint8:
            return False
        pixels = np.atleast_3d(self._pixels)[..., : self._frame.color_channels]
        channels = [pixels] if len(self._ranges) == 1 else list(np.moveaxis(pixels, -1, 0))
        return any(
            float(values.min()) < range_.offset + DARKEST * range_.scale
            or float(values.max()) > range_.offset + BRIGHTEST * range_.scale
            for values, range_ in zip(channels, self._ranges, strict=True)
        )

    def _convert(
        self, columns: slice, channel: int | None, out: NDArray[np.float32] | None = None
    ) -> UnitImage:
        pixels = self._pixels[:, columns]
        if channel is not None:
            pixels = pixels[..., channel]
        no_data, origin = self._frame.no_data, (self.start, columns.start)
        range_ = self._ranges[channel or 0]
        return to_unit(pixels, range_, no_data=no_data, origin=origin, out=out)


def _predict(
    model: LoadedModel,
    request: Request,
    strip: _Strip,
    tile: Tile,
    positions: tuple[NDArray[np.intp], NDArray[np.intp]],
    channel: int | None,
    out: Posterior | None,
) -> Prediction:
    above, across = (position - int(position.min()) for position in positions)
    left = int(positions[1].min())
    columns = slice(left, int(positions[1].max()) + 1)
    unit = strip.unit(columns, channel)
    sigma = strip.sigma(columns, channel, unit)

    def padded(values: NDArray[np.float32]) -> Planes:
        planar = values.transpose(2, 0, 1)
        return np.ascontiguousarray(_take(_take(planar, above, 1), across, 2))

    def own(values: Planes) -> Planes:
        cropped = values[(slice(None), *tile.crop_of(values.shape[1]))]
        if not np.isfinite(cropped).all():
            raise PredictionError(
                f"model {model.card.name!r} computes values that are not finite, in rows "
                f"{tile.write[0].start} to {tile.write[0].stop}; take another model, or precision "
                "'fp32'"
            )
        return cropped

    planes = padded(unit.planes)
    place = (*tile.write, channel, unit, (strip.start, left), model.card)
    if request.noise_only:
        noise = predict_noise(model.engine, model.card, planes)
        return Prediction(*place, NoisePosterior(*map(own, noise)))
    known = None if sigma is None else padded(sigma)
    posterior = predict(
        model.engine,
        model.card,
        planes,
        sigma=known,
        strength=request.strength,
        ensemble=request.ensemble,
        out=out,
    )
    if _keeps_light(model.card) and are_counts(unit.colour, unit.scale):
        posterior = posterior._replace(mean=keep_light(posterior.mean, planes))
    if not model.card.infers_kernel:
        posterior = posterior._replace(kernel=None)
    elif model.card.scale == 1:
        posterior = average_with_input(posterior, planes, request.strength, known)
    noise = NoisePosterior(own(posterior.log_alpha), own(posterior.log_beta))
    if known is not None and not model.card.estimates_noise:
        noise = _certain(own(known))
    return Prediction(
        *place,
        noise,
        own(posterior.mean),
        own(posterior.log_error_variance),
        None if posterior.kernel is None else own(posterior.kernel),
    )


def _keeps_light(card: Card) -> bool:
    """Return whether it is a model that pictures of few photons are for."""
    return card.only_denoises and card.channels == 1


def _certain(sigma: Planes) -> NoisePosterior:
    """Return a posterior narrowly around known standard deviations."""
    log_alpha = np.full_like(sigma, _CERTAIN)
    return NoisePosterior(log_alpha, 2 * np.log(np.maximum(sigma, 1e-6)) + log_alpha)


def _take(values: Planes, positions: NDArray[np.intp], axis: int) -> Planes:
    """Return values at positions; without a copy where none is mirrored."""
    straight = positions[-1] - positions[0] == len(positions) - 1
    return values if straight else np.take(values, positions, axis)


def _shifted(part: slice, start: int) -> slice:
    return slice(part.start - start, part.stop - start)
