"""The picture `vdn noise --plot` draws: the map, and sigma over the brightness."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vdn.errors import FileError, MissingExtraError
from vdn.image.atomic import check_target, replacing

if TYPE_CHECKING:
    from vdn.noise_summary import NoiseSummary

__all__ = ["check_plot", "draw_noise"]

_SUFFIXES = (".png", ".pdf", ".svg")
_COLOURS: dict[int, tuple[str | None, ...]] = {  # others as they come
    1: ("black",),
    3: ("tab:red", "tab:green", "tab:blue"),
}


def check_plot(path: Path, overwrite: bool) -> None:
    """Refuse a plot that cannot be drawn or written."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError(
            "--plot needs matplotlib, which is not installed: pip install matplotlib"
        )
    if path.suffix.lower() not in _SUFFIXES:
        raise FileError(f"{path}: a plot ends in one of {', '.join(_SUFFIXES)}")
    check_target(path, overwrite)


def draw_noise(path: Path, title: str, summary: "NoiseSummary", overwrite: bool) -> None:
    """Draw the noise of a picture into a file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    sigma = np.sqrt(np.mean(np.square(summary.small_map), axis=2))
    drawn = left.imshow(sigma, cmap="viridis")
    left.set_title("where: standard deviation of the noise")
    left.set_axis_off()
    figure.colorbar(drawn, ax=left)
    channels = summary.profile.channels
    colours = _COLOURS.get(len(channels), (None,) * len(channels))
    for channel, colour in zip(channels, colours, strict=True):
        brightness = np.array(channel.intensity)
        right.plot(brightness, channel.sigma, ".", color=colour)
        right.plot(brightness, channel.sigma_at(brightness), "-", color=colour)
    right.set_title("of what kind: points measured, lines fitted")
    right.set_xlabel("brightness")
    right.set_ylabel("standard deviation")
    right.set_ylim(bottom=0)
    with replacing(path, overwrite) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150)
