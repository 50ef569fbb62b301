"""What is measured of one method on one noisy image: the figures of a row."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.evaluation import calibration as cal
from vdn.evaluation.methods import Ready
from vdn.evaluation.metrics import luma, psnr, ssim, variance_ratio, whiteness
from vdn.evaluation.noise_metrics import map_error, sigma_bias
from vdn.evaluation.restoring import Task
from vdn.noise.degrade import Degraded

__all__ = [
    "Measure",
    "Observation",
    "blur_kernel",
    "calibration",
    "degraded",
    "noise",
    "restoration",
    "speed",
]


@dataclass(frozen=True)
class Observation:
    """A clean image, its noisy version, and the true noise where that is known.

    `sigma` is a number, (H, W) or (H, W, C) for the noisy image, which is smaller where it was
    `degraded` by a reduction; images are float32, white at 1. `width_range` is the difference, in
    pixels, between the widest and the narrowest blur that could have been drawn; 0 if there was
    but one.
    """

    clean: NDArray[np.float32]
    noisy: NDArray[np.float32]
    sigma: NDArray[np.float32] | float | None
    degraded: Degraded | None = None
    width_range: float = 0.0

    @property
    def truth(self) -> Task:
        """What there is to restore, with the truth about it."""
        assert self.sigma is not None
        sigma = float(np.sqrt(np.mean(np.square(self.sigma, dtype=np.float64))))
        if self.degraded is None:
            return Task(1, np.ones((1, 1)), sigma)
        return Task(self.degraded.scale, self.degraded.kernel, sigma)


Measure = Callable[[Ready, Observation], dict[str, Any]]
_SECONDS = 2.0  # a call faster than this is repeated
_REPEATS = 5
_LONG = 60.0  # a call slower than this is not repeated
_SIGMA_EDGES = np.array([10, 20, 30, 40, 50, 60]) / 255


def restoration(method: Ready, observation: Observation) -> dict[str, Any]:
    """Quality of the image, and of the noise map if there is one."""
    clean, noisy = observation.clean, observation.noisy
    result, seconds = _timed(method, observation)
    image = _image(result, noisy)
    row: dict[str, Any] = {
        "psnr": psnr(image, clean),
        "psnr_float": psnr(image, clean, rounded=False),
        "ssim": ssim(image, clean),
        "ssim_colours": ssim(image, clean, across_colours=True),
        **seconds,
    }
    found = getattr(result, "noise_sigma", None)
    if found is not None:
        residual = noisy - image
        row["whiteness"] = whiteness(residual / np.maximum(found, 1e-6))
        row["variance_ratio"] = variance_ratio(residual, found)
        if observation.sigma is not None:
            row |= _noise_figures(found, observation.sigma)
    return row


def degraded(method: Ready, observation: Observation) -> dict[str, Any]:
    """Quality of a restored image, of its luma without a border as wide as the scale."""
    task, clean = observation.truth, observation.clean
    start, start_cpu = time.perf_counter(), time.process_time()
    result = method.restore(observation.noisy, task)
    seconds = time.perf_counter() - start
    cpu_seconds = time.process_time() - start_cpu
    border = task.scale if task.scale > 1 else 0
    inside = (slice(border, -border or None),) * 2
    image, clean = _image(result, clean)[inside], clean[inside]
    row: dict[str, Any] = {
        "psnr": psnr(luma(image), luma(clean)),
        "ssim": ssim(luma(image), luma(clean)),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }
    if clean.ndim == 3:
        row["psnr_colours"] = psnr(image, clean)
    found = getattr(result, "noise_sigma", None)
    if found is not None and observation.sigma is not None:
        row |= _noise_figures(found, observation.sigma)
    if observation.degraded is not None and getattr(result, "kernel", None) is not None:
        row |= _kernel_figures(result.kernel, observation)
    return row


def blur_kernel(method: Ready, observation: Observation) -> dict[str, Any]:
    """Accuracy of the widths of the blur along x and y, and of their 90 % intervals."""
    kernel = getattr(method.restore(observation.noisy, observation.truth), "kernel", None)
    if kernel is None:
        raise InputError(f"{method.method.name} infers no kernel")
    return _kernel_figures(kernel, observation)


def noise(method: Ready, observation: Observation) -> dict[str, Any]:
    """Accuracy of an estimate of the noise."""
    assert observation.sigma is not None
    start, start_cpu = time.perf_counter(), time.process_time()
    found = np.asarray(method.estimate_noise(observation.noisy), np.float64)
    seconds = time.perf_counter() - start
    if not np.isfinite(found).all() or (found < 0).any():
        raise InputError("the estimate of the noise is negative or not finite somewhere")
    figures = _noise_figures(found, observation.sigma)
    figures["sigma"] = float(np.mean(found)) * 255
    return figures | {"seconds": seconds, "cpu_seconds": time.process_time() - start_cpu}


def calibration(method: Ready, observation: Observation) -> dict[str, Any]:
    """How often the intervals of image and noise hold the truth, where, and at what width."""
    clean, noisy = observation.clean, observation.noisy
    result = method.denoise(noisy, observation.sigma)
    image = _image(result, noisy)
    uncertainty = getattr(result, "uncertainty", None)
    if uncertainty is None:
        raise InputError(f"{method.method.name} says nothing of its uncertainty")
    error = np.abs(image - clean)
    row: dict[str, Any] = {"psnr": psnr(image, clean), "ause": cal.ause(error, uncertainty)}
    for level in cal.LEVELS:
        reach = cal.half_width(level / 100) * uncertainty
        row[f"coverage{level}"] = cal.coverage(error, -reach, reach)
    row["width90"] = float(2 * cal.half_width(0.9) * np.mean(uncertainty)) * 255
    row["sparsification"], row["oracle"] = cal.sparsification(error, uncertainty)
    row["bins"] = _bins(observation, error <= cal.half_width(0.9) * uncertainty, uncertainty)
    if observation.sigma is not None and hasattr(result, "noise_sigma_interval"):
        true = np.broadcast_to(_like(observation.sigma, noisy), noisy.shape)
        for level in cal.LEVELS:
            low, high = result.noise_sigma_interval(level / 100)
            row[f"noise_coverage{level}"] = cal.coverage(true, low, high)
        low, high = result.noise_sigma_interval(0.9)
        row["noise_width90"] = float(np.mean(high - low)) * 255
    return row


def speed(method: Ready, observation: Observation) -> dict[str, Any]:
    """Median seconds of a call after one that warms up, and the quality it gives.

    A call of more than a minute is not repeated.
    """
    result, first = _timed(method, observation)
    timings = [first]
    if first["seconds"] < _LONG:
        repeats = int(np.clip(_SECONDS / max(first["seconds"], 1e-9), 1, _REPEATS))
        timings = [_timed(method, observation)[1] for _ in range(repeats)]
    medians = {name: float(np.median([t[name] for t in timings])) for name in first}
    quality = psnr(_image(result, observation.noisy), observation.clean)
    return medians | {"first_seconds": first["seconds"], "psnr": quality}


def _timed(method: Ready, observation: Observation) -> tuple[Any, dict[str, float]]:
    """Denoise; return the result with the seconds on the clock and of all threads together."""
    start, start_cpu = time.perf_counter(), time.process_time()
    result = method.denoise(observation.noisy, observation.sigma)
    seconds = time.perf_counter() - start
    return result, {"seconds": seconds, "cpu_seconds": time.process_time() - start_cpu}


def _kernel_figures(found: Any, observation: Observation) -> dict[str, float]:
    """Compare standard deviations along x and y, and their correlation, in pixels of the result."""
    assert observation.degraded is not None
    covariance = observation.degraded.covariance
    widths = np.sqrt(np.diag(covariance))
    intervals = np.array(found.sigma_interval)
    error = float(np.abs(np.subtract(found.sigma, widths)).mean())
    figures = {
        "kernel_error": error,
        "kernel_coverage90": cal.coverage(widths, intervals[:, 0], intervals[:, 1]),
        "kernel_width90": float(np.ptp(intervals, axis=1).mean()),
    }
    if widths.all():
        correlation = covariance[0, 1] / widths.prod()
        figures["correlation_error"] = float(abs(found.correlation - correlation))
    if observation.width_range:
        figures["kernel_error_range"] = error / observation.width_range
    return figures


def _image(result: Any, like: NDArray[np.float32]) -> NDArray[np.float32]:
    image = np.asarray(getattr(result, "image", result))
    if image.shape != like.shape or image.dtype.kind != "f":
        raise InputError(
            f"the result is {image.dtype} {image.shape}; "
            f"a method returns floats in the shape of the image, {like.shape}"
        )
    if not np.isfinite(image).all():
        raise InputError("the result is not finite somewhere")
    return image


def _noise_figures(found: Any, true: Any) -> dict[str, float]:
    bias = sigma_bias(found, true)
    figures = {"map_error": map_error(found, true), "sigma_bias": bias, "sigma_error": abs(bias)}
    return {name: value for name, value in figures.items() if np.isfinite(value)}


def _like(sigma: NDArray[np.float32] | float, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a standard deviation in a shape that broadcasts to the image's."""
    sigma = np.asarray(sigma, np.float32)
    return sigma[..., None] if sigma.ndim == 2 and image.ndim == 3 else sigma


def _bins(
    observation: Observation, inside: NDArray[np.bool_], uncertainty: NDArray[np.float32]
) -> dict[str, list[list[int]]]:
    """Count the 90 % intervals that hold the truth by what the image is like there."""
    clean = observation.clean
    gray = np.atleast_3d(clean).mean(axis=2)
    edges = np.hypot(*np.gradient(gray))
    shape = clean.shape

    def spread(plane: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(plane if clean.ndim == 2 else plane[..., None], shape)

    bins = {
        "intensity": np.clip((clean * 5).astype(int), 0, 4),
        "edge": spread(cal.quantile_bins(edges)),
        "uncertainty": cal.quantile_bins(uncertainty),
    }
    counts = {"intensity": 5, "edge": 4, "uncertainty": 4}
    if observation.sigma is not None:
        sigma = np.broadcast_to(_like(observation.sigma, clean), shape)
        bins["sigma"] = np.searchsorted(_SIGMA_EDGES, sigma, side="right")
        counts["sigma"] = len(_SIGMA_EDGES) + 1
    return cal.coverage_by_bin(inside, bins, counts)
