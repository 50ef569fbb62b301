"""The plots of measured rows: bars, quality against time, calibration."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from vdn.evaluation.calibration import FRACTIONS, LEVELS
from vdn.evaluation.published import Published
from vdn.evaluation.rows import Row
from vdn.evaluation.suites import Suite
from vdn.evaluation.summary import Cell, summarise

__all__ = ["bars", "noise_accuracy", "quality_against_time", "reliability", "sparsification"]

OURS = ("#0b6e99", "#d9730d", "#448361", "#9065b0", "#c14c8a", "#cb912f", "#5a4a42", "#2f7d7d")
Entry = tuple[str, float, str]
PUBLISHED, REFERENCE, INPUT = "#c9ccd1", "#8a9099", "#e8d9c5"


def bars(suite: Suite, rows: Sequence[Row], published: Published) -> dict[str, Figure]:
    """Draw a figure a set, a panel a case: PSNR of all methods, ours and published, sorted."""
    cells = summarise(rows, "psnr")
    colours = _colours(rows)
    figures = {}
    for set_ in dict.fromkeys(set_ for set_, _, _ in cells):
        cases = [c for c in (*suite.cases, "real") if any(k[:2] == (set_, c) for k in cells)]
        entries = {case: _entries(set_, case, cells, published, colours) for case in cases}
        columns = min(3, len(cases))
        lines = -(-len(cases) // columns)
        tallest = max(len(each) for each in entries.values())
        figure = Figure(
            figsize=(4.4 * columns, (0.9 + 0.235 * tallest) * lines), layout="constrained"
        )
        axes = np.atleast_1d(figure.subplots(lines, columns)).ravel()
        for axis, case in zip(axes, cases, strict=False):
            _panel(axis, entries[case])
            axis.set_title(case, fontsize=10, loc="left", weight="bold")
        for axis in axes[len(cases) :]:
            axis.set_axis_off()
        pictures = max(cell.count for key, cell in cells.items() if key[0] == set_)
        figure.suptitle(
            f"{set_}: PSNR, dB. Coloured: measured here on {pictures} "
            f"picture{'s' if pictures > 1 else ''}; gray: published for the whole set",
            fontsize=10,
        )
        figures[set_] = figure
    return figures


def _entries(
    set_: str,
    case: str,
    cells: Mapping[tuple[str, str, str], Cell],
    published: Published,
    colours: Mapping[str, str],
) -> list[Entry]:
    """Return (label, value, colour) in ascending order of the value."""
    entries = [
        (m, cell.mean, colours[m]) for (s, c, m), cell in cells.items() if (s, c) == (set_, case)
    ]
    for name, figure in published.cell(set_, case).items():
        label = f"{name} †" if figure.non_blind else name
        entries.append((label, figure.value, REFERENCE if name == "VDN" else PUBLISHED))
    return sorted(entries, key=lambda entry: entry[1])


def _panel(axis: Axes, entries: Sequence[Entry]) -> None:
    names, values, colours = zip(*entries, strict=True)
    axis.barh(range(len(names)), values, color=colours, height=0.78)
    worst = sorted(values)[1] if len(values) > 2 else min(values)  # the input lies far below
    low, high = min(worst, max(values) - 1) - 1.5, max(values) + 0.8
    axis.set_xlim(low, high)
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    for place, value in enumerate(values):
        inside = max(value, low)
        axis.text(inside + 0.03, place, f"{value:.2f}", va="center", fontsize=7.5)
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)


def quality_against_time(rows: Sequence[Row]) -> Figure | None:
    """Draw PSNR against CPU seconds, a point a method, a panel a size of picture."""
    sides = sorted({_side(row) for row in rows if "first_seconds" in row})
    if not sides:
        return None
    colours = _colours(rows)
    figure = Figure(figsize=(6 * len(sides), 4.6), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(sides)))
    for axis, side in zip(axes, sides, strict=True):
        of_side = [row for row in rows if _side(row) == side and row["method"] != "noisy"]
        for method in dict.fromkeys(row["method"] for row in of_side):
            mine = [row for row in of_side if row["method"] == method]
            seconds = float(np.mean([row["cpu_seconds"] for row in mine]))
            quality = float(np.mean([row["psnr"] for row in mine]))
            axis.plot(seconds, quality, "o", color=colours[method], markersize=9)
            axis.annotate(
                method,
                (seconds, quality),
                xytext=(9, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axis.set_xscale("log")
        axis.margins(x=0.3, y=0.2)
        low, high = axis.get_xlim()
        axis.set_xlim(low / 2, high * 4)  # room for the labels
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_title(f"{side} × {side}", loc="left", fontsize=10, weight="bold")
        axis.set_xlabel("CPU seconds a picture, all threads together")
        axis.set_ylabel("PSNR at sigma 25, dB")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def noise_accuracy(suite: Suite, rows: Sequence[Row]) -> Figure | None:
    """Draw the error of the mean sigma and of the map, grouped by case."""
    measured = summarise(rows, "sigma_error")
    if not measured:
        return None
    cases = [case for case in suite.cases if any(key[1] == case for key in measured)]
    methods = list(dict.fromkeys(key[2] for key in measured))
    set_ = next(iter(measured))[0]
    colours = _colours(rows)
    figure = Figure(figsize=(max(7.0, 0.62 * len(cases) + 1), 6.4), layout="constrained")
    for axis, (metric, title) in zip(
        figure.subplots(2, 1, sharex=True),
        {"sigma_error": "error of the mean sigma", "map_error": "relative RMSE of the map"}.items(),
        strict=True,
    ):
        cells = summarise(rows, metric)
        width = 0.8 / len(methods)
        for place, method in enumerate(methods):
            found = [cells.get((set_, case, method)) for case in cases]
            heights = [np.nan if cell is None else 100 * cell.mean for cell in found]
            offset = (place - (len(methods) - 1) / 2) * width
            axis.bar(np.arange(len(cases)) + offset, heights, width, color=colours[method])
        axis.set_ylabel(f"{title}, %")
        axis.grid(axis="y", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xticks(range(len(cases)), cases, rotation=45, ha="right", fontsize=8)
        axis.margins(x=0.01)
    _legend(figure, {method: colours[method] for method in methods})
    return figure


def reliability(rows: Sequence[Row]) -> Figure | None:
    """Draw how often intervals hold the truth against what they promise: image and noise."""
    if not any("coverage90" in row for row in rows):
        return None
    figure = Figure(figsize=(12.5, 5.0), layout="constrained")
    titles = {"coverage": "intervals of the image", "noise_coverage": "intervals of sigma"}
    for axis, (name, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        axis.plot([45, 100], [45, 100], color="black", linewidth=1, label="as promised")
        lines = cycle(("-", "--", ":", "-."))
        for method in dict.fromkeys(row["method"] for row in rows):
            style, shades = next(lines), cycle((*OURS, "#6b6b6b", "#b03a2e", "#1f3a93"))
            for case in dict.fromkeys(row["case"] for row in rows):
                mine = [r for r in rows if (r["method"], r["case"]) == (method, case)]
                shade = next(shades)
                if mine and all(f"{name}90" in row for row in mine):
                    held = [100 * np.mean([row[f"{name}{n}"] for row in mine]) for n in LEVELS]
                    axis.plot(
                        LEVELS, held, "o", linestyle=style, color=shade, label=f"{case}, {method}"
                    )
        axis.set_xlim(45, 100)
        axis.set_ylim(bottom=min(40, axis.get_ylim()[0]), top=102)
        axis.set_title(title, loc="left", fontsize=10, weight="bold")
        axis.set_xlabel("promised, %")
        axis.set_ylabel("held, %")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right", fontsize=8)
    return figure


def sparsification(rows: Sequence[Row]) -> Figure | None:
    """Draw how the error falls as the least certain pixels are left out, against the best order."""
    curves = [row for row in rows if "sparsification" in row]
    if not curves:
        return None
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axis = figure.subplots()
    colours = _colours(rows)
    for method in dict.fromkeys(row["method"] for row in curves):
        mine = [row for row in curves if row["method"] == method]
        for name, style in (("sparsification", "-"), ("oracle", ":")):
            mean = np.mean([row[name] for row in mine], axis=0)
            label = f"{method}, by {'uncertainty' if name == 'sparsification' else 'true error'}"
            axis.plot(100 * np.array(FRACTIONS), mean, style, color=colours[method], label=label)
    axis.set_xlabel("least certain values left out, %")
    axis.set_ylabel("RMSE of the rest, relative")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    """Give every method its colour, the input a pale one."""
    palette = cycle(OURS)
    methods = dict.fromkeys(row["method"] for row in rows)
    return {method: INPUT if method == "noisy" else next(palette) for method in methods}


def _side(row: Row) -> int:
    """Return the side of the squares the row is about; 0 if it was not timed."""
    return int(row["set"].rpartition("×")[2]) if "first_seconds" in row else 0


def _legend(figure: Figure, colours: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=8)
