"""An image in, the restored image and what was found out about it: arrays and files."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.blur_kernel import KernelStatistics
from vdn.errors import InputError
from vdn.image.arrays import check_image
from vdn.image.frame import Frame, FrameSpec
from vdn.image.masks import filled, masked_like
from vdn.image.ranges import Range, find_ranges
from vdn.models import Choice, Goal, Models
from vdn.noise.jpeg_history import read_jpeg_history
from vdn.noise.profiles import CameraProfile, Setting
from vdn.noise_summary import NoiseSummary, SigmaStatistics
from vdn.predictions import (
    Prediction,
    Request,
    Rows,
    check_known_noise,
    plan_window,
    predict_windows,
)
from vdn.results import NoiseEstimate, Restored, Units, check_sigma, check_strength
from vdn.runtime.engine import NoisePosterior, Planes
from vdn.streaming import Report, Settings, Targets, restore_one_file

__all__ = ["NoiseEstimate", "Restored", "Restorer", "restore"]


class Restorer:
    """Models ready to restore, for one image or many, arrays or files.

    It may be used from several threads, and be pickled.

    Parameters
    ----------
    task
        "upscale", "deblur", "deblock" (what JPEG leaves) or "denoise".
    scale
        Pixels a side of the result for one of the image, to upscale: by default that of the model,
        or the smallest there is.
    model
        A shipped model's name, the path of an `.onnx` file, or "auto" for one that ships for the
        task and the scale. Of denoisers it looks at the noise: `gaussian` where it is independent
        from pixel to pixel, `photo` where it is correlated as cameras leave it, `gray` for one
        channel.
    threads
        Number of CPU threads, all cores by default.
    max_memory
        Bound on the network's working memory in MB, by default a quarter of the machine's (or
        container's) but not more than 1100: larger images are done in windows, with the same
        result. The image and its maps come on top.
    precision
        "fp32", "bf16", or "auto": bf16 for 8-bit images where the CPU has it, else fp32.
    device
        "auto" (the CPU), "cpu", "gpu" and "npu" where OpenVINO has them, "cuda" and "mps" by torch
        ("torch" is its best), which needs the extra `train`.
    weights
        A folder with `cards.toml` and `.onnx` files, in place of the shipped models.

    Raises
    ------
    InputError
        When an argument is out of its range or the model unknown.

    Examples
    --------
    >>> restorer = Restorer("denoise", threads=2)
    >>> result = restorer(image, strength=0.8)  # doctest: +SKIP
    >>> result.model  # doctest: +SKIP
    'photo'
    >>> restorer.file("in.tif", "out.tif")  # doctest: +SKIP
    """

    def __init__(
        self,
        task: str,
        scale: int | None = None,
        model: str | Path = "auto",
        threads: int | None = None,
        max_memory: float | None = None,
        precision: str = "auto",
        device: str = "auto",
        *,
        weights: Path | None = None,
    ) -> None:
        goal = Goal(task, scale)
        self.models = Models(model, threads, max_memory, precision, device, weights, goal)

    def __repr__(self) -> str:
        name, models = type(self).__name__, self.models
        return f"{name}({str(models.model)!r} for {models.goal}, device={models.device!r})"

    def __call__(
        self,
        image: NDArray[Any],
        strength: float = 1.0,
        noise_sigma: ArrayLike | Setting | None = None,
        *,
        range: tuple[float, float] | None = None,
        ensemble: int = 1,
        progress: Callable[[float], None] | None = None,
    ) -> Restored:
        """Restore an image.

        Parameters
        ----------
        image
            (H, W) or (H, W, C), C of 1, 3 (colour), or 2 and 4 with alpha last; uint8, uint16 or
            float. One channel through a colour model is repeated and the predictions averaged;
            colour through a model of one channel goes channel by channel. What a masked array
            masks is not used, and stays as it is.
        strength
            Factor of the noise to remove, 0 to 4. At 0 a denoiser returns the input; a blur is
            still undone, and an image still enlarged.
        noise_sigma
            Standard deviation of the noise if you know it, in the units of the image: a number,
            (H, W), (H, W, C) without alpha, or the laws of a camera at an ISO, as
            `vdn.read_profile(name).at(iso)` has them. Default: what the network finds.
        range
            The values that are black and white for the network; by default they are found in the
            image. Blocks of one image, each with the halo of the model around it, give what the
            whole gives if all get the range of the whole.
        ensemble
            2, 4 or 8: the mean of the results for so many mirrored and turned versions of the
            image, a little better in so many times the time.
        progress
            Called with the share that has been done, from 0 to 1.

        Returns
        -------
        Restored

        Raises
        ------
        InputError
            When an argument is out of its range, or the image of a kind not listed.
        PredictionError
            When what the network computes cannot be.
        """
        check_strength(strength)
        array, mask = filled(image)
        frame = _frame(array)
        choice = self.models.choose(frame)
        request = Request(
            noise_only=strength == 0 and choice.card.only_denoises,
            strength=float(strength),
            ensemble=ensemble,
            sigma=None if noise_sigma is None else _known_sigma(noise_sigma, frame),
        )
        (range_,), predictions = self._predict(choice, frame, request, range)
        output = frame.spec() if request.noise_only else frame.scaled(choice.card.scale)
        restored = np.empty(output.shape, array.dtype)
        log_alpha, log_beta, error = _empty(frame), _empty(frame), _empty(output)
        statistics, kernel = SigmaStatistics(frame.color_channels), KernelStatistics()
        for prediction in _reporting(predictions, frame, progress):
            place = (slice(None), *prediction.place)
            log_alpha[place], log_beta[place] = prediction.noise
            statistics.add(np.atleast_3d(prediction.sigma))
            restored[prediction.output_place] = prediction.image
            if prediction.log_error_variance is not None:
                error[(slice(None), *prediction.output_place)] = prediction.log_error_variance
            if prediction.kernel is not None:
                kernel.add(prediction.kernel)
            del prediction  # the next needs its memory
        statistics.check([range_])
        return Restored(
            masked_like(restored, image, mask),
            choice.card.name,
            statistics.root_mean_square,
            choice.reason,
            kernel.kernel,
            read_jpeg_history(frame).traces if choice.card.infers_jpeg else None,
            NoisePosterior(log_alpha, log_beta),
            None if request.noise_only else error,
            choice.card,
            Units(range_.scale, _flat(array)),
        )

    def estimate_noise(
        self, image: NDArray[Any], *, range: tuple[float, float] | None = None
    ) -> NoiseEstimate:
        """Estimate the noise of an image, as in `__call__`, by the noise part alone."""
        array, _ = filled(image)
        frame = _frame(array)
        choice = self.models.choose(frame)
        (range_,), predictions = self._predict(choice, frame, Request(noise_only=True), range)
        units = Units(range_.scale, _flat(array))
        summary = NoiseSummary(frame, choice.card.sigma_scores)
        log_alpha, log_beta = _empty(frame), _empty(frame)
        for prediction in predictions:
            place = (slice(None), *prediction.place)
            log_alpha[place], log_beta[place] = prediction.noise
            summary.add(prediction, np.atleast_3d(prediction.sigma))
            del prediction  # the next needs its memory
        summary.statistics.check([range_])
        noise = NoisePosterior(log_alpha, log_beta)
        return NoiseEstimate(choice.card.name, noise, units, summary)

    def file(
        self,
        source: str | Path,
        target: str | Path,
        *,
        noise_map: str | Path | None = None,
        uncertainty: str | Path | None = None,
        strength: float = 1.0,
        noise_sigma: float | Path | CameraProfile | None = None,
        iso: float | None = None,
        size: tuple[int | None, int | None] | None = None,
        format: str | None = None,
        quality: int | None = None,
        ensemble: int = 1,
        overwrite: bool = False,
        progress: Callable[[float], None] | None = None,
    ) -> Report:
        """Restore a file into another, whatever its size, in bounded memory.

        Parameters
        ----------
        source
            The picture, of any format that `vdn denoise` reads; all its frames are restored.
        target
            The restored picture; its suffix, or `format`, says in which format.
        noise_map, uncertainty
            TIFF files to write the standard deviation of the noise and of the error into; with
            `.png` at the end 16-bit pictures to look at, which say what a step is worth.
        strength, noise_sigma
            As in `__call__`; the noise may be a file that holds its map, or a profile that
            `vdn.read_profile` returns, of which the ISO of the picture is taken.
        iso
            What to go by instead of the ISO that the picture says.
        size
            Width and height of the result as it is shown; None for one that keeps the proportions.
            The smallest scale that suffices is taken, and what is too much reduced by cubic
            convolution with anti-aliasing.
        format, quality
            Of the restored picture; by default as its name says, and as the source.
        ensemble
            As in `__call__`.
        overwrite
            Whether existing files are replaced.
        progress
            Called with the share that has been done, from 0 to 1.

        Returns
        -------
        Report

        Raises
        ------
        FileError
            When a file cannot be read or written; nothing is left behind then.
        InputError, PredictionError
            As in `__call__`.

        Examples
        --------
        >>> restorer = Restorer("upscale")  # doctest: +SKIP
        >>> report = restorer.file("in.tif", "out.tif", size=(1920, None))  # doctest: +SKIP
        >>> report.noise_sigma  # doctest: +SKIP
        (4.1, 3.2, 4.8)
        """
        maps = (None if path is None else Path(path) for path in (noise_map, uncertainty))
        targets = Targets(Path(target), *maps)
        settings = Settings(
            strength=strength,
            noise_sigma=noise_sigma,
            iso=iso,
            size=size,
            format=format,
            quality=quality,
            ensemble=ensemble,
            overwrite=overwrite,
        )
        return restore_one_file(self.models, Path(source), targets, settings, progress)

    def _predict(
        self,
        choice: Choice,
        frame: Frame,
        request: Request,
        range: tuple[float, float] | None,
    ) -> tuple[Sequence[Range], Iterator[Prediction]]:
        """Return the range, and the predictions for an image in memory."""
        check_known_noise(choice.card, request)
        model = self.models.load(choice, frame.dtype)
        ranges = find_ranges(frame, choice.card.nominal_range) if range is None else _given(range)
        window = plan_window(model, frame, request, self.models.working_memory)
        parts = predict_windows(model, frame, frame.rows, ranges, request, window)
        return ranges, chain.from_iterable(found for _, found in parts)


def restore(
    image: NDArray[Any],
    task: str,
    scale: int | None = None,
    model: str | Path | None = None,
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
    """Restore one image; for many, make a `Restorer` and call it for each.

    The arguments are those of `Restorer` and of calling one; without a `model` one that ships is
    taken.

    Examples
    --------
    >>> result = restore(image, "upscale", scale=2)  # doctest: +SKIP
    >>> result.image.shape[0] == 2 * image.shape[0], result.kernel.sigma  # doctest: +SKIP
    (True, (0.8, 0.7))
    """
    name = "auto" if model is None else model
    restorer = Restorer(task, scale, name, threads, max_memory, precision, device, weights=weights)
    return restorer(image, strength, noise_sigma, range=range, ensemble=ensemble)


def _given(range: tuple[float, float]) -> tuple[Range]:
    low, high = map(float, range)
    if not (np.isfinite([low, high]).all() and low < high):
        raise InputError(f"range={range!r}; give (black, white), finite, black below white")
    return (Range(low, high - low),)


def _reporting(
    predictions: Iterator[Prediction], frame: FrameSpec, progress: Callable[[float], None] | None
) -> Iterator[Prediction]:
    done, total = 0, frame.shape[0] * frame.shape[1]
    for prediction in predictions:
        rows, columns = prediction.rows, prediction.columns
        yield prediction
        if progress is not None:
            done += (rows.stop - rows.start) * (columns.stop - columns.start)
            progress(done / total)
        del prediction


def _empty(frame: FrameSpec) -> Planes:
    return np.empty((frame.color_channels, *frame.shape[:2]), np.float32)


def _frame(array: NDArray[Any]) -> Frame:
    check_image(array)
    return Frame.of(array)


def _flat(array: NDArray[Any]) -> bool:
    """Return whether maps have no channel axis."""
    return array.ndim == 2 or array.shape[2] == 2


def _known_sigma(noise_sigma: ArrayLike | Setting, frame: FrameSpec) -> Rows | float | Setting:
    """Check the noise given by the user; return the number, the rows of the map, or the laws."""
    if isinstance(noise_sigma, Setting):
        if len(noise_sigma.channels) not in (1, frame.color_channels):
            raise InputError(
                f"noise_sigma holds laws of {len(noise_sigma.channels)} channels, the image has "
                f"{frame.color_channels}"
            )
        return noise_sigma
    try:
        sigma = np.asarray(noise_sigma, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"noise_sigma={noise_sigma!r} is not a number or an array") from error
    (height, width), channels = frame.shape[:2], frame.color_channels
    if sigma.shape not in ((), (height, width), (height, width, 1), (height, width, channels)):
        raise InputError(
            f"noise_sigma has shape {sigma.shape}; give a number, ({height}, {width}) "
            f"or ({height}, {width}, {channels})"
        )
    check_sigma(sigma)
    return (lambda start, stop: sigma[start:stop]) if sigma.ndim else float(sigma)
