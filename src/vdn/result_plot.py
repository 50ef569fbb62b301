"""Figures of a result: the image, its noise, its uncertainty, its blur."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vdn.errors import MissingExtraError
from vdn.image.preview import to_screen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vdn.blur_kernel import BlurKernel
    from vdn.results import Restored

__all__ = ["draw_kernel_image", "draw_kernel_profiles", "luminance", "plot_result"]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_PERCENTILES = (1, 99)  # of a map, which its colours span


def plot_result(result: "Restored", path: str | Path | None = None) -> "Figure":
    """Draw a result, see `vdn.Restored.plot`."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "a plot needs matplotlib, which is not installed; `pip install 'vdn[plot]'`"
        ) from error
    count = 3 if result.kernel is None else 4
    figure = Figure(figsize=(4 * count, 4), layout="constrained")
    axes = figure.subplots(1, count)
    axes[0].imshow(to_screen(result.image), cmap="gray")
    axes[0].set_title(f"restored, model {result.model}")
    if result.kernel is not None:
        draw_kernel_image(axes[3], result.kernel)
    for axis, map_, title in (
        (axes[1], result.noise_sigma, "noise, standard deviation"),
        (axes[2], result.uncertainty, "uncertainty, standard deviation"),
    ):
        shown = luminance(map_)
        low, high = np.percentile(shown, _PERCENTILES)
        drawn = axis.imshow(shown, cmap="viridis", vmin=low, vmax=high)
        figure.colorbar(drawn, ax=axis, shrink=0.8)
        axis.set_title(title)
    for axis in axes[:3]:
        axis.set_axis_off()
    if path is not None:
        figure.savefig(path)
    return figure


def draw_kernel_image(axes: "Axes", kernel: "BlurKernel") -> None:
    """Draw a kernel, with the ellipse of one standard deviation."""
    weights = kernel.array()
    reach = weights.shape[0] / 2
    axes.imshow(weights, cmap="gray", extent=(-reach, reach, reach, -reach))
    angles = np.linspace(0, 2 * np.pi, 100)
    root = np.linalg.cholesky(kernel.covariance + 1e-9 * np.eye(2))
    axes.plot(*(root @ [np.cos(angles), np.sin(angles)]), color="tab:orange")
    x, y = kernel.sigma
    axes.set_title(f"blur, {x:.2g} x {y:.2g} px, correlation {kernel.correlation:.2g}")
    axes.set_xlabel("pixels of the result")


def draw_kernel_profiles(axes: "Axes", kernel: "BlurKernel") -> None:
    """Draw the profiles of a kernel along x and y, with the bands of their intervals."""
    widest = max(high for _, high in kernel.sigma_interval)
    away = np.linspace(-3, 3, 241) * max(widest, 0.1)

    def profile(width: float) -> NDArray[np.float64]:
        return np.exp(-0.5 * np.square(away / max(width, 1e-3)))

    for name, width, ends, colour in zip(
        "xy", kernel.sigma, kernel.sigma_interval, ("tab:blue", "tab:red"), strict=True
    ):
        low, high = ends
        axes.fill_between(away, profile(low), profile(high), color=colour, alpha=0.25, linewidth=0)
        axes.plot(
            away,
            profile(width),
            color=colour,
            label=f"{name}: {width:.2g} ({low:.2g} to {high:.2g})",
        )
    axes.set_title("profiles, standard deviations with their 90 % interval")
    axes.set_xlabel("pixels of the result")
    axes.set_yticks([])
    axes.legend()


def luminance(map_: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a map of standard deviations as one channel: the noise of the luminance."""
    if map_.ndim == 2 or map_.shape[2] == 1:
        return map_.reshape(map_.shape[:2])
    combined: NDArray[np.float32] = np.sqrt(np.square(map_) @ _LUMA)
    return combined
