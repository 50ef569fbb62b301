"""The plots of pictures: strips with magnified parts, and maps of the noise."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from vdn.evaluation.examples import Example
from vdn.evaluation.metrics import psnr

__all__ = ["noise_maps", "strip"]

_COLUMNS = 5
_PART = 64  # side of the magnified part, in pixels


def strip(example: Example) -> Figure:
    """Draw the picture, and the same part of every version magnified, with its PSNR."""
    versions = {"clean": example.clean, "noisy": example.noisy, **example.images}
    top, left, side = _busiest(example.clean)
    columns = min(_COLUMNS, len(versions) + 1)
    lines = -(-(len(versions) + 1) // columns)
    figure = Figure(figsize=(2.9 * columns, 3.15 * lines), layout="constrained")
    axes = np.atleast_1d(figure.subplots(lines, columns)).ravel()
    for axis in axes:
        axis.set_axis_off()
    _show(axes[0], example.clean, f"{example.item.set}, {example.item.sample.name}")
    axes[0].add_patch(Rectangle((left, top), side, side, fill=False, color="red", linewidth=1.5))
    for axis, (name, image) in zip(axes[1:], versions.items(), strict=False):
        quality = psnr(image / 255, example.clean / 255)
        title = name if name == "clean" else f"{name}, {quality:.2f} dB"
        _show(axis, image[top : top + side, left : left + side], title)
    figure.suptitle(f"{example.item.case}", fontsize=10)
    return figure


def noise_maps(examples: Sequence[Example]) -> Figure | None:
    """Draw true and inferred maps of sigma side by side, and their ratio, a line a case."""
    shown = [(e, name) for e in examples if e.varies for name in e.maps]
    if not shown:
        return None
    figure = Figure(figsize=(10, 2.9 * len(shown)), layout="constrained")
    grid = figure.subplots(len(shown), 3, squeeze=False)
    for line, (example, name) in zip(grid, shown, strict=True):
        true, found = example.sigma, example.maps[name]
        assert true is not None
        scale = {"vmin": 0, "vmax": float(true.max()) * 1.05, "cmap": "viridis"}
        ratio = found / true
        spread = float(np.sqrt(np.mean((found - true) ** 2) / np.mean(true**2)))
        titles = (f"{example.item.case}: true sigma", f"inferred by {name}", "inferred / true")
        for axis, image, title in zip(line, (true, found, ratio), titles, strict=True):
            last = image is ratio
            style = {"vmin": 0.7, "vmax": 1.3, "cmap": "RdBu_r"} if last else scale
            drawn = axis.imshow(image, interpolation="nearest", **style)
            figure.colorbar(drawn, ax=axis, shrink=0.85)
            axis.set_title(f"{title}: {100 * spread:.1f} % RMSE" if last else title, fontsize=9)
            axis.set_axis_off()
    first = shown[0][0].item
    figure.suptitle(f"{first.set}, {first.sample.name}: standard deviation of the noise, 255ths")
    return figure


def _show(axis: Axes, image: NDArray[np.uint8], title: str) -> None:
    axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axis.set_title(title, fontsize=8.5)


def _busiest(clean: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Return top, left and side of the square with the strongest edges."""
    gray = np.atleast_3d(clean).mean(axis=2)
    side = min(_PART, *gray.shape)
    strength = np.hypot(*np.gradient(gray))
    total = np.pad(strength.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(top), int(left), side
