"""Denoising: a picture restored in which nothing is wrong but the noise."""

from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike, NDArray

from vdn.noise.profiles import Setting
from vdn.restorer import NoiseEstimate, Restored, Restorer
from vdn.streaming import Report

__all__ = ["Denoiser", "denoise", "denoise_file", "estimate_noise"]


class Denoiser(Restorer):
    """A `Restorer` for the task "denoise", and nothing else.

    Parameters and errors are those of `Restorer`.

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
        device: str = "auto",
        *,
        weights: Path | None = None,
    ) -> None:
        super().__init__(
            "denoise", None, model, threads, max_memory, precision, device, weights=weights
        )


def denoise(
    image: NDArray[Any],
    model: str | Path = "auto",
    *,
    strength: float = 1.0,
    noise_sigma: ArrayLike | Setting | None = None,
    range: tuple[float, float] | None = None,
    ensemble: int = 1,
    threads: int | None = None,
    max_memory: float | None = None,
    precision: str = "auto",
    device: str = "auto",
    weights: Path | None = None,
) -> Restored:
    """Denoise one image; for many, make a `Denoiser` and call it for each.

    The arguments are those of `Denoiser` and of calling one.

    Examples
    --------
    >>> result = denoise(image)  # doctest: +SKIP
    >>> result.image.dtype == image.dtype, result.noise_sigma.shape == image.shape  # doctest: +SKIP
    (True, True)
    """
    denoiser = Denoiser(model, threads, max_memory, precision, device, weights=weights)
    return denoiser(image, strength, noise_sigma, range=range, ensemble=ensemble)


def denoise_file(
    source: str | Path,
    target: str | Path,
    model: str | Path = "auto",
    *,
    threads: int | None = None,
    max_memory: float | None = None,
    precision: str = "auto",
    device: str = "auto",
    **given: Any,
) -> Report:
    """Denoise one file into another; for many, make a `Denoiser` and call its `file`.

    The arguments are those of `Denoiser` and, by name, of `Denoiser.file`.

    Examples
    --------
    >>> denoise_file("in.tif", "out.tif", strength=0.8)  # doctest: +SKIP
    """
    return Denoiser(model, threads, max_memory, precision, device).file(source, target, **given)


def estimate_noise(
    image: NDArray[Any],
    model: str | Path = "auto",
    *,
    range: tuple[float, float] | None = None,
    threads: int | None = None,
    max_memory: float | None = None,
    precision: str = "auto",
    device: str = "auto",
    weights: Path | None = None,
) -> NoiseEstimate:
    """Estimate the noise of an image without denoising it.

    The arguments are those of `Denoiser`.

    Examples
    --------
    >>> estimate_noise(image).sigma  # doctest: +SKIP
    (4.1, 3.2, 4.8)
    """
    denoiser = Denoiser(model, threads, max_memory, precision, device, weights=weights)
    return denoiser.estimate_noise(image, range=range)
