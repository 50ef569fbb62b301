"""Which tables a suite has, with the published figures beside ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vdn.evaluation.calibration import LEVELS, bootstrap_interval
from vdn.evaluation.cases import parse_case
from vdn.evaluation.published import Figure, Published
from vdn.evaluation.rows import Row
from vdn.evaluation.sets import known_sets
from vdn.evaluation.suites import Suite
from vdn.evaluation.summary import Cell, shared_images, summarise
from vdn.evaluation.tables import Line, Table

__all__ = ["METRICS", "lay_out", "records"]

_NONE = "–"
_LUMA = "Y of MATLAB's rgb2ycbcr; of enlarged pictures without a border as wide as the factor."
_FEWER = "; where there are fewer, their number follows #"


@dataclass(frozen=True)
class Metric:
    """How a metric is written: its title, a factor, decimals, whether with a sign."""

    title: str
    factor: float = 1.0
    decimals: int = 2
    signed: bool = False

    def write(self, value: float) -> str:
        """Return a value as text."""
        return f"{self.factor * value:{'+' if self.signed else ''}.{self.decimals}f}".replace(
            "-", "−"
        )


METRICS = {
    "psnr": Metric("PSNR, dB"),
    "psnr_float": Metric("PSNR of the floats, dB"),
    "ssim": Metric("SSIM a channel (as scikit-image)", decimals=4),
    "psnr_colours": Metric("PSNR of all channels, dB"),
    "ssim_colours": Metric("SSIM across colours (as MATLAB)", decimals=4),
    "sigma_error": Metric("Error of the mean sigma, %", 100, 1),
    "sigma_bias": Metric("Bias of the mean sigma, %", 100, 1, signed=True),
    "map_error": Metric("Relative RMSE of the sigma map, %", 100, 1),
    "whiteness": Metric("Autocorrelation of the residual (0 is white)", decimals=3),
    "variance_ratio": Metric("Variance of the residual over the noise found"),
    "ause": Metric("Area under the sparsification error (0 is best)", decimals=3),
    **{f"coverage{n}": Metric(f"The {n} % interval of the image holds, %", 100, 1) for n in LEVELS},
    "width90": Metric("Width of the 90 % interval of the image, 255ths"),
    **{
        f"noise_coverage{n}": Metric(f"The {n} % interval of sigma holds, %", 100, 1)
        for n in LEVELS
    },
    "noise_width90": Metric("Width of the 90 % interval of sigma, 255ths"),
    "kernel_error": Metric("Error of the widths of the blur, pixels", decimals=3),
    "kernel_error_range": Metric("The same, % of the range they were drawn from", 100, 1),
    "correlation_error": Metric("Error of the correlation of the blur", decimals=3),
    "kernel_coverage90": Metric("The 90 % interval of a width of the blur holds, %", 100, 1),
    "kernel_width90": Metric("Width of that interval, pixels", decimals=3),
    "seconds": Metric("Seconds a picture", decimals=3),
    "first_seconds": Metric("Seconds of the first call", decimals=3),
    "cpu_seconds": Metric("CPU seconds a picture, all threads together", decimals=3),
}
"""What has a table, in this order."""

_WITH_INTERVAL = ("coverage", "noise_coverage", "kernel_coverage")
_PUBLISHED = ("psnr", "ssim")
Theirs = Mapping[str, Mapping[str, Figure]]  # published figures by case and method


def lay_out(suite: Suite, rows: Sequence[Row], published: Published) -> list[Table]:
    """Return the tables of a suite.

    Parameters
    ----------
    suite
        Gives the order of the cases.
    rows
        Of one seed, methods in the order they are to be listed.
    published
        Stands below ours, with the difference in brackets: to the method itself where one of
        ours implements it, else to VDN.
    """
    tables = _quality(suite, rows, published if suite.example else None, "psnr", "")
    shared = shared_images(rows)
    if len(shared) < len(rows) and shared:
        tables += _quality(suite, shared, None, "psnr", ", only pictures every method has done")
    for name in METRICS:
        if name != "psnr":
            tables += _plain(suite, rows, name)
    return tables + _by_bin(rows)


def records(rows: Sequence[Row], published: Published) -> list[dict[str, object]]:
    """Return every figure as a flat record: ours, then the published ones of the same cells."""
    found: list[dict[str, object]] = []
    cells = set()
    for metric in METRICS:
        for (set_, case, method), cell in summarise(rows, metric).items():
            cells.add((set_, case, metric))
            figure = _reference(published, method, set_, case, metric)
            found.append(
                {
                    **{"set": set_, "case": case, "metric": metric, "method": method},
                    **{"origin": "measured", "value": cell.mean, "pictures": cell.count},
                    "published": figure.value if figure else "",
                    "published_method": figure.method if figure else "",
                    "difference": cell.mean - figure.value if figure else "",
                }
            )
    for set_, case, metric in sorted(cells):
        for figure in published.cell(set_, case, metric).values():
            found.append(
                {
                    **{"set": set_, "case": case, "metric": metric, "method": figure.method},
                    **{"origin": figure.source, "value": figure.value, "pictures": ""},
                    **{"published": "", "published_method": "", "difference": ""},
                }
            )
    return found


def _quality(
    suite: Suite, rows: Sequence[Row], published: Published | None, metric: str, which: str
) -> list[Table]:
    """Return a table a set, ours first, then what is published for its cells."""
    cells = summarise(rows, metric)
    tables = []
    for set_, scale in dict.fromkeys((s, _scale(suite, case)) for s, case, _ in cells):
        here = {key for key in cells if (key[0], _scale(suite, key[1])) == (set_, scale)}
        cases = _cases(suite, {case for _, case, _ in here})
        methods = dict.fromkeys(key[2] for key in cells if key in here)
        most = max(cells[key].count for key in here)
        lines, compared = [], set()
        for method in methods:
            texts = []
            for case in cases:
                cell = cells.get((set_, case, method))
                figure = None
                if published is not None:
                    figure = _reference(published, method, set_, case, metric)
                texts.append(_measured(cell, figure, most, METRICS[metric]))
                if cell and figure:
                    compared.add(figure.method)
            lines.append(Line(method, tuple(texts)))
        fewer = any("#" in text for line in lines for text in line.cells)
        notes = [f"{most} picture{'s' if most > 1 else ''}{_FEWER if fewer else ''}."]
        if published is not None:
            notes += _whole(set_, most)
            theirs = {case: published.cell(set_, case, metric) for case in cases}
            lines += _published_lines(theirs, cases, METRICS[metric])
            notes += _sources(theirs, compared)
        if suite.restores:
            notes.append(_LUMA)
        times = f" ×{scale}" if scale > 1 else ""
        title = f"{set_}{times}: {METRICS[metric].title}{which}"
        tables.append(Table(title, ("method", *cases), tuple(lines), tuple(notes)))
    return tables


def _scale(suite: Suite, case: str) -> int:
    """Return by how much the pictures of a case have been reduced."""
    return parse_case(case).scale if suite.restores else 1


def _whole(set_: str, count: int) -> list[str]:
    """Say when the published figures are of more pictures than ours."""
    whole = known_sets()[set_].files if set_ in known_sets() else 0
    if whole in (0, count):
        return []
    return [f"The whole set has {whole}: its published figures are no measure of these."]


def _reference(
    published: Published, method: str, set_: str, case: str, metric: str
) -> Figure | None:
    """Return what a method is compared with."""
    if metric not in _PUBLISHED:
        return None
    return published.reference(method, set_, case, metric)


def _measured(cell: Cell | None, figure: Figure | None, most: int, metric: Metric) -> str:
    if cell is None:
        return _NONE
    text = metric.write(cell.mean)
    if figure is not None:
        text += f" ({cell.mean - figure.value:+.{metric.decimals}f})".replace("-", "−")
    return text if cell.count == most else f"{text} #{cell.count}"


def _published_lines(theirs: Theirs, cases: Sequence[str], metric: Metric) -> list[Line]:
    methods = dict.fromkeys(method for case in cases for method in theirs[case])
    lines = []
    for method in methods:
        figures = [theirs[case].get(method) for case in cases]
        non_blind = any(figure is not None and figure.non_blind for figure in figures)
        texts = tuple(_NONE if f is None else metric.write(f.value) for f in figures)
        lines.append(Line(f"{method}{' †' if non_blind else ''}, published", texts, ours=False))
    return lines


def _sources(theirs: Theirs, compared: set[str]) -> list[str]:
    figures = [figure for cell in theirs.values() for figure in cell.values()]
    notes = []
    if compared:
        notes.append(f"In brackets: the difference to the published {', '.join(sorted(compared))}.")
    if any(figure.non_blind for figure in figures):
        notes.append("† was given the level of the noise, or trained for it.")
    if figures:
        sources = "; ".join(dict.fromkeys(figure.source for figure in figures))
        notes.append(f"Published figures: {sources}.")
    return notes + list(dict.fromkeys(figure.note for figure in figures if figure.note))


def _plain(suite: Suite, rows: Sequence[Row], name: str) -> list[Table]:
    """Return one table of a metric over all sets, if any row has it."""
    cells, metric = summarise(rows, name), METRICS[name]
    if not cells:
        return []
    cases = _cases(suite, {case for _, case, _ in cells})
    interval = name.rstrip("0123456789") in _WITH_INTERVAL
    lines = []
    order = {name: place for place, name in enumerate(dict.fromkeys(s for s, _, _ in cells))}
    pairs = sorted(dict.fromkeys((s, m) for s, _, m in cells), key=lambda pair: order[pair[0]])
    for set_, method in pairs:
        found = [cells.get((set_, case, method)) for case in cases]
        texts = tuple(_with_interval(cell, metric, interval) for cell in found)
        lines.append(Line(f"{set_}, {method}", texts))
    notes = ("In brackets: 95 % of resamplings of the pictures.",) if interval else ()
    return [Table(metric.title, ("set, method", *cases), tuple(lines), notes)]


def _with_interval(cell: Cell | None, metric: Metric, interval: bool) -> str:
    if cell is None:
        return _NONE
    text = metric.write(cell.mean)
    if not interval or cell.count < 2:
        return text
    low, high = (metric.write(bound) for bound in bootstrap_interval(cell.values))
    return f"{text} ({low}–{high})"


def _by_bin(rows: Sequence[Row]) -> list[Table]:
    """Return the coverage of the 90 % intervals by what the image is like there."""
    totals: dict[str, dict[tuple[str, str], list[list[int]]]] = {}
    for row in rows:
        for name, bins in row.get("bins", {}).items():
            sums = totals.setdefault(name, {}).setdefault(
                (row["case"], row["method"]), [[0, 0] for _ in bins]
            )
            for total, (count, hits) in zip(sums, bins, strict=True):
                total[0] += count
                total[1] += hits
    tables = []
    for name, by_case in totals.items():
        lines = [
            Line(
                f"{case}, {method}",
                tuple(f"{100 * hits / count:.1f}" if count else _NONE for count, hits in bins),
            )
            for (case, method), bins in by_case.items()
        ]
        title = f"The 90 % interval of the image holds, %, by {_BINS[name][0]}"
        tables.append(Table(title, ("case, method", *_BINS[name][1]), tuple(lines)))
    return tables


_QUARTERS = ("lowest quarter", "second", "third", "highest quarter")
_BINS = {
    "intensity": ("brightness", ("0–0.2", "0.2–0.4", "0.4–0.6", "0.6–0.8", "0.8–1")),
    "edge": ("strength of the edge", _QUARTERS),
    "uncertainty": ("the uncertainty itself", _QUARTERS),
    "sigma": (
        "the true sigma, 255ths",
        ("<10", "10–20", "20–30", "30–40", "40–50", "50–60", "≥60"),
    ),
}


def _cases(suite: Suite, present: set[str]) -> list[str]:
    """Return the cases there are, in the order of the suite."""
    order = [case for case in suite.cases if case in present]
    return order + sorted(present - set(order))
