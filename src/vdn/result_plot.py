"""A figure of a result: the image, its noise, its uncertainty."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vdn.errors import MissingExtraError
from vdn.image.preview import to_screen

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vdn.results import Restored

__all__ = ["luminance", "plot_result"]

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
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.subplots(1, 3)
    axes[0].imshow(to_screen(result.image), cmap="gray")
    axes[0].set_title(f"denoised, model {result.model}")
    for axis, map_, title in (
        (axes[1], result.noise_sigma, "noise, standard deviation"),
        (axes[2], result.uncertainty, "uncertainty, standard deviation"),
    ):
        shown = luminance(map_)
        low, high = np.percentile(shown, _PERCENTILES)
        drawn = axis.imshow(shown, cmap="viridis", vmin=low, vmax=high)
        figure.colorbar(drawn, ax=axis, shrink=0.8)
        axis.set_title(title)
    for axis in axes:
        axis.set_axis_off()
    if path is not None:
        figure.savefig(path)
    return figure


def luminance(map_: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a map of standard deviations as one channel: the noise of the luminance."""
    if map_.ndim == 2 or map_.shape[2] == 1:
        return map_.reshape(map_.shape[:2])
    combined: NDArray[np.float32] = np.sqrt(np.square(map_) @ _LUMA)
    return combined
