"""The picture `vdn noise --plot` draws: the map, and sigma over the brightness."""

import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError, MissingExtraError
from vdn.image.atomic import check_target, replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vdn.streaming import FrameNoise

__all__ = ["check_matplotlib", "check_plot", "curve_svg", "draw_noise", "one_map"]

_SUFFIXES = (".png", ".pdf", ".svg")
_COLOURS: dict[int, tuple[str | None, ...]] = {  # others as they come
    1: ("black",),
    3: ("tab:red", "tab:green", "tab:blue"),
}
_BRIGHTEST = 99  # percentile of the map that has the last colour: a few pixels do not decide


def check_matplotlib(option: str) -> None:
    """Refuse an option that needs matplotlib where that is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError(
            f"{option} needs matplotlib, which is not installed: pip install matplotlib"
        )


def check_plot(path: Path, overwrite: bool) -> None:
    """Refuse a plot that cannot be drawn or written."""
    check_matplotlib("--plot")
    if path.suffix.lower() not in _SUFFIXES:
        raise FileError(f"{path}: a plot ends in one of {', '.join(_SUFFIXES)}")
    check_target(path, overwrite)


def draw_noise(path: Path, title: str, found: "FrameNoise", overwrite: bool) -> None:
    """Draw the noise of a picture into a file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    sigma, most = one_map(found)
    drawn = left.imshow(sigma, cmap="viridis", vmin=0, vmax=most)
    left.set_title("where: standard deviation of the noise")
    left.set_axis_off()
    figure.colorbar(drawn, ax=left)
    _draw_curve(right, found)
    with replacing(path, overwrite) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150)


def curve_svg(found: "FrameNoise") -> str:
    """Return the noise over the brightness as an SVG element."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "vdn", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.5, 4), layout="constrained")
        _draw_curve(figure.subplots(), found)
        buffer = io.StringIO()
        unsaid = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=unsaid, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def one_map(found: "FrameNoise") -> tuple[NDArray[np.float32], float]:
    """Return the map of all channels together, (h, w), and what has its last colour."""
    sigma = np.sqrt(np.mean(np.square(found.summary.small_map), axis=2))
    return sigma, float(np.percentile(sigma, _BRIGHTEST)) or 1.0


def _draw_curve(axes: "Axes", found: "FrameNoise") -> None:
    """Draw the points of the map with their lines, and the laws of the pixels with their bands."""
    channels = found.summary.profile.channels
    colours = _COLOURS.get(len(channels), (None,) * len(channels))
    for channel, colour in zip(channels, colours, strict=True):
        brightness = np.array(channel.intensity)
        axes.plot(brightness, channel.sigma, ".", color=colour)
        axes.plot(brightness, channel.sigma_at(brightness), "-", color=colour, linewidth=1)
    laws = found.middle.laws
    for law, colour in zip(laws, colours, strict=False):
        if law is not None:
            x = np.linspace(*law.span, 64)
            axes.fill_between(x, *law.sigma_band(x), color=colour, alpha=0.25, linewidth=0)
            axes.plot(x, law.sigma_at(x), "--", color=colour, linewidth=1)
    axes.set_title(
        "of what kind: points and lines by the network"
        + (", dashes and bands by the pixels" if laws else ""),
        fontsize=10,
    )
    axes.set_xlabel("brightness")
    axes.set_ylabel("standard deviation")
    axes.set_ylim(bottom=0)
