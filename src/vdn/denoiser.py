"""An image in, the clean image and its noise out."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.denoised import Denoised, NoiseEstimate, Units, noise_deviation
from vdn.errors import InputError
from vdn.image.arrays import check_image
from vdn.image.frame import Frame, FrameSpec
from vdn.image.ranges import Range, find_ranges
from vdn.runtime.cards import Card, find_model, list_models
from vdn.runtime.engine import WORKING_MEMORY, Engine, NoisePosterior, Planes, memory_share
from vdn.survey import Survey
from vdn.windows import Answer, Ready, Rows, Task, answers, colours, plan_window

__all__ = ["Denoised", "Denoiser", "NoiseEstimate", "denoise", "estimate_noise"]

_PREFERENCE = {  # (channels, 8 bit): what "auto" takes, the first that ships
    (3, True): ("photo", "gaussian", "gray"),
    (3, False): ("gaussian", "photo", "gray"),
    (1, True): ("gray", "photo", "gaussian"),
    (1, False): ("gray", "gaussian", "photo"),
}
_MAX_STRENGTH = 4.0


class Denoiser:
    """A model made ready, for one image or many.

    Parameters
    ----------
    model
        A shipped model's name, the path of an `.onnx` file, or "auto": `photo` for 8-bit colour,
        `gaussian` for other colour, `gray` for one channel, or the nearest that ships.
    threads
        Number of CPU threads, all cores by default.
    max_memory
        Bound on the network's working memory in MB, by default a quarter of the machine's but not
        more than 1100: larger images are done in windows, with the same result. The image and its
        maps come on top.
    precision
        "fp32", "bf16", or "auto": bf16 for 8-bit images where the CPU has it, else fp32.
    engine
        "openvino", or "torch" for a GPU; the latter needs the extra `train`.
    weights
        A folder with `cards.toml` and `.onnx` files, in place of the shipped models.

    Raises
    ------
    InputError
        When an argument is out of its range or the model unknown.

    Examples
    --------
    >>> denoiser = Denoiser("auto", threads=2)
    >>> result = denoiser(image, strength=0.8)  # doctest: +SKIP
    >>> result.model  # doctest: +SKIP
    'photo'
    """

    def __init__(
        self,
        model: str | Path = "auto",
        threads: int | None = None,
        max_memory: float | None = None,
        precision: str = "auto",
        *,
        engine: str = "openvino",
        weights: Path | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads={threads!r}; give a positive number, or None for all cores")
        if max_memory is not None and not 0 < max_memory < np.inf:
            raise InputError(f"max_memory={max_memory!r}; give a positive number of MB, or None")
        if precision not in ("auto", "fp32", "bf16"):
            raise InputError(f"precision={precision!r}; give 'auto', 'fp32' or 'bf16'")
        if engine not in ("openvino", "torch"):
            raise InputError(f"engine={engine!r}; give 'openvino' or 'torch'")
        self._model, self._weights = model, weights
        self._threads, self._precision, self._engine = threads, precision, engine
        self.max_memory = None if max_memory is None else float(max_memory)
        self._ready: dict[tuple[str, str], Ready] = {}
        self._found: dict[str | Path, tuple[Card, Path]] = {}
        if model != "auto":
            self._found[model] = find_model(model, weights)

    def __call__(
        self,
        image: NDArray[Any],
        strength: float = 1.0,
        noise_sigma: ArrayLike | None = None,
    ) -> Denoised:
        """Denoise an image.

        Parameters
        ----------
        image
            (H, W) or (H, W, C), C of 1, 3 (colour), or 2 and 4 with alpha last; uint8, uint16 or
            float. One channel through a colour model is repeated and the answers averaged; colour
            through a model of one channel goes channel by channel.
        strength
            Factor of the noise the image part reckons with, 0 to 4; 0 returns the input.
        noise_sigma
            Standard deviation of the noise if you know it, in the units of the image: a number,
            (H, W), or (H, W, C) without alpha. Default: what the network finds.

        Returns
        -------
        Denoised

        Raises
        ------
        InputError
            When an argument is out of its range, or the image of a kind not listed.
        """
        check_strength(strength)
        array = np.asarray(image)
        frame = _frame(array)
        task = Task(
            noise_only=strength == 0,
            strength=float(strength),
            sigma=None if noise_sigma is None else _known_sigma(noise_sigma, frame),
        )
        ready, (range_,), found = self._pass(array, frame, task)
        restored = array.copy()
        log_alpha, log_beta, error = (_empty(frame) for _ in range(3))
        for answer in found:
            place = (slice(None), answer.rows, answer.columns)
            log_alpha[place], log_beta[place] = answer.noise
            if answer.mean is not None:
                error[place] = answer.log_error_variance
                clean = answer.unit.restore(answer.mean.transpose(1, 2, 0))
                restored[answer.rows, answer.columns] = clean
            del answer  # the next needs its memory
        return Denoised(
            restored,
            ready.card.name,
            NoisePosterior(log_alpha, log_beta),
            None if task.noise_only else error,
            ready.card.error_scale,
            Units(range_.scale, _flat(array)),
        )

    def estimate_noise(self, image: NDArray[Any]) -> NoiseEstimate:
        """Estimate the noise of an image, as in `__call__`, by the noise part alone."""
        array = np.asarray(image)
        frame = _frame(array)
        ready, (range_,), found = self._pass(array, frame, Task(noise_only=True))
        units, survey = Units(range_.scale, _flat(array)), Survey(frame)
        log_alpha, log_beta = _empty(frame), _empty(frame)
        for answer in found:
            place = (slice(None), answer.rows, answer.columns)
            log_alpha[place], log_beta[place] = answer.noise
            survey.add(answer, np.atleast_3d(units.to_user(noise_deviation(answer.noise))))
            del answer  # the next needs its memory
        return NoiseEstimate(ready.card.name, NoisePosterior(log_alpha, log_beta), units, survey)

    def ready_for(self, frame: FrameSpec) -> Ready:
        """Return the model for a frame, made ready at the first frame that needs it."""
        card, path = self._find(frame)
        key = card.name, self._precision_for(frame.dtype == np.uint8)
        if key not in self._ready:
            self._ready[key] = Ready(card, self._make(path, key[1]))
        return self._ready[key]

    def card_for(self, frame: FrameSpec) -> Card:
        """Return the card of the model that `ready_for` makes ready, which takes longer."""
        return self._find(frame)[0]

    def _find(self, frame: FrameSpec) -> tuple[Card, Path]:
        name = self._model
        if name == "auto":
            channels = 3 if frame.channels.startswith("colour") else 1
            name = self._choose(channels, frame.dtype == np.uint8)
        if name not in self._found:
            self._found[name] = find_model(name, self._weights)
        return self._found[name]

    def _pass(
        self, array: NDArray[Any], frame: Frame, task: Task
    ) -> tuple[Ready, Sequence[Range], Iterator[Answer]]:
        """Return who answers, in what range, and the answers about an image in memory."""
        ready, ranges = self.ready_for(frame), find_ranges(frame)
        window = plan_window(ready, frame, task, self.working_memory)
        bands = answers(ready, frame, frame.rows, ranges, task, window)
        return ready, ranges, chain.from_iterable(found for _, found in bands)

    @property
    def working_memory(self) -> float:
        """The bound on windows and bands, in MB."""
        return self.max_memory or min(WORKING_MEMORY, memory_share())

    def _choose(self, channels: int, eight_bit: bool) -> str:
        shipped = [card.name for card in list_models(self._weights)]
        for name in (*_PREFERENCE[channels, eight_bit], *shipped):
            if name in shipped:
                return name
        raise InputError(
            "model='auto': no model ships with this vdn; give the path of an .onnx file"
        )

    def _precision_for(self, eight_bit: bool) -> str:
        if self._precision != "auto":
            return self._precision
        if not eight_bit or self._engine == "torch":
            return "fp32"
        from vdn.runtime.openvino_engine import cpu_has_bf16

        return "bf16" if cpu_has_bf16() else "fp32"

    def _make(self, path: Path, precision: str) -> Engine:
        if self._engine == "torch":
            from vdn.export import load_module
            from vdn.runtime.torch_engine import TorchEngine

            return TorchEngine(load_module(path), precision, self._threads)
        from vdn.runtime.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(path, precision, self._threads, self.working_memory)


def denoise(
    image: NDArray[Any],
    model: str | Path = "auto",
    *,
    strength: float = 1.0,
    noise_sigma: ArrayLike | None = None,
    threads: int | None = None,
    max_memory: float | None = None,
    precision: str = "auto",
    engine: str = "openvino",
    weights: Path | None = None,
) -> Denoised:
    """Denoise one image; for many, make a `Denoiser` and call it for each.

    The arguments are those of `Denoiser` and of calling one.

    Examples
    --------
    >>> result = denoise(image)  # doctest: +SKIP
    >>> result.image.dtype == image.dtype, result.noise_sigma.shape == image.shape  # doctest: +SKIP
    (True, True)
    """
    ready = Denoiser(model, threads, max_memory, precision, engine=engine, weights=weights)
    return ready(image, strength, noise_sigma)


def estimate_noise(
    image: NDArray[Any],
    model: str | Path = "auto",
    *,
    threads: int | None = None,
    max_memory: float | None = None,
    precision: str = "auto",
    engine: str = "openvino",
    weights: Path | None = None,
) -> NoiseEstimate:
    """Estimate the noise of an image without denoising it.

    The arguments are those of `Denoiser`.

    Examples
    --------
    >>> estimate_noise(image).sigma  # doctest: +SKIP
    (4.1, 3.2, 4.8)
    """
    ready = Denoiser(model, threads, max_memory, precision, engine=engine, weights=weights)
    return ready.estimate_noise(image)


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


def _empty(frame: FrameSpec) -> Planes:
    return np.empty((colours(frame), *frame.shape[:2]), np.float32)


def _frame(array: NDArray[Any]) -> Frame:
    check_image(array)
    return Frame.of(array)


def _flat(array: NDArray[Any]) -> bool:
    """Return whether maps have no channel axis."""
    return array.ndim == 2 or array.shape[2] == 2


def _known_sigma(noise_sigma: ArrayLike, frame: FrameSpec) -> Rows | float:
    """Check a standard deviation given by the user; return the number, or the rows of the map."""
    try:
        sigma = np.asarray(noise_sigma, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"noise_sigma={noise_sigma!r} is no number and no array") from error
    (height, width), channels = frame.shape[:2], colours(frame)
    if sigma.shape not in ((), (height, width), (height, width, 1), (height, width, channels)):
        raise InputError(
            f"noise_sigma has shape {sigma.shape}; give a number, ({height}, {width}) "
            f"or ({height}, {width}, {channels})"
        )
    check_sigma(sigma)
    return (lambda start, stop: sigma[start:stop]) if sigma.ndim else float(sigma)
