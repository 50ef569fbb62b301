"""An image in, the clean image and its noise out."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.denoised import Denoised, NoiseEstimate
from vdn.errors import InputError
from vdn.image.arrays import UnitImage, to_unit
from vdn.runtime.cards import Card, find_model, list_models
from vdn.runtime.engine import DEFAULT_MEMORY, Engine, NoisePosterior, Planes
from vdn.runtime.predict import predict, predict_noise

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
        Bound on the network's working memory in MB (2048 by default): larger images are done in
        windows, with the same result. The image and its maps come on top.
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
        self._max_memory = DEFAULT_MEMORY if max_memory is None else float(max_memory)
        self._ready: dict[tuple[str, str], tuple[Card, Engine]] = {}
        if model != "auto":
            self._found = find_model(model, weights)

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
        if not 0 <= strength <= _MAX_STRENGTH:
            raise InputError(f"strength={strength!r}; give a number from 0 to {_MAX_STRENGTH:g}")
        unit = to_unit(image)
        planes = _planar(unit.planes)
        sigma = None if noise_sigma is None else _sigma_planes(noise_sigma, unit, planes)
        card, engine = self._prepare(image, unit)
        if strength == 0:
            noise = predict_noise(engine, card, planes, max_memory=self._max_memory)
            return Denoised(np.array(image), card.name, noise, None, card.error_scale, unit)
        mean, log_alpha, log_beta, log_error_variance = predict(
            engine, card, planes, sigma=sigma, strength=float(strength), max_memory=self._max_memory
        )
        restored = unit.restore(mean.transpose(1, 2, 0))
        noise = NoisePosterior(log_alpha, log_beta)
        return Denoised(restored, card.name, noise, log_error_variance, card.error_scale, unit)

    def estimate_noise(self, image: NDArray[Any]) -> NoiseEstimate:
        """Estimate the noise of an image, as in `__call__`, by the noise part alone."""
        unit = to_unit(image)
        card, engine = self._prepare(image, unit)
        planes = _planar(unit.planes)
        noise = predict_noise(engine, card, planes, max_memory=self._max_memory)
        return NoiseEstimate(card.name, noise, unit)

    def _prepare(self, image: NDArray[Any], unit: UnitImage) -> tuple[Card, Engine]:
        """Return the model and the engine for an image, made at the first image that needs them."""
        eight_bit = np.asarray(image).dtype == np.uint8
        name = self._choose(unit.planes.shape[2], eight_bit) if self._model == "auto" else ""
        key = name, self._precision_for(eight_bit)
        if key not in self._ready:
            card, path = find_model(name, self._weights) if name else self._found
            self._ready[key] = card, self._make(path, key[1])
        return self._ready[key]

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

        return OpenVinoEngine(path, precision, self._threads, self._max_memory)


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


def _planar(planes: NDArray[np.float32]) -> Planes:
    """Return (H, W, C) as (C, H, W), a view where the memory is planar already."""
    return np.ascontiguousarray(planes.transpose(2, 0, 1))


def _sigma_planes(noise_sigma: ArrayLike, unit: UnitImage, planes: Planes) -> Planes:
    """Check a standard deviation given by the user and bring it to the shape of `planes`."""
    try:
        sigma = np.asarray(noise_sigma, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"noise_sigma={noise_sigma!r} is no number and no array") from error
    height, width, channels = unit.planes.shape
    if sigma.shape not in ((), (height, width), (height, width, 1), (height, width, channels)):
        raise InputError(
            f"noise_sigma has shape {sigma.shape}; give a number, ({height}, {width}) "
            f"or ({height}, {width}, {channels})"
        )
    if not np.isfinite(sigma).all() or (sigma < 0).any():
        raise InputError(
            f"noise_sigma is negative or not finite somewhere (smallest {sigma.min()!r}); "
            "give standard deviations in the units of the image"
        )
    scaled = np.asarray(unit.sigma_to_unit(sigma), np.float32)
    if scaled.ndim == 2:
        scaled = scaled[..., None]
    return np.ascontiguousarray(np.broadcast_to(scaled, unit.planes.shape).transpose(2, 0, 1))
