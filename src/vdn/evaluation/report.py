"""One HTML file with all tables and plots in it; nothing is fetched when it is opened."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from vdn.errors import FileError
from vdn.evaluation.examples import choose_examples, make_example
from vdn.evaluation.methods import Method, Ready
from vdn.evaluation.outputs import Results
from vdn.evaluation.pictures import noise_maps, strip
from vdn.evaluation.plots import (
    bars,
    noise_accuracy,
    quality_against_time,
    reliability,
    sparsification,
)
from vdn.evaluation.published import published
from vdn.evaluation.rows import Row
from vdn.evaluation.runner import Item
from vdn.evaluation.suites import PAIRED, Suite
from vdn.image.atomic import check_target, replacing

__all__ = ["check_report", "write_report"]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2em auto;
  padding: 0 1em; }
h1 { font-size: 1.6em; margin-bottom: 0.2em; }
h2 { margin-top: 2em; border-bottom: 1px solid #ddd; }
h3 { margin: 1.6em 0 0.4em; font-size: 1.05em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.88em; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2em 0.8em; text-align: right; white-space: nowrap; }
th:first-child { text-align: left; font-weight: normal; }
thead th { border-bottom: 1.5px solid #444; font-weight: 600 !important; }
tr.ours { background: #eef5f9; } tr.ours th { font-weight: 600 !important; }
tr.theirs { color: #555; }
.note { color: #666; font-size: 0.85em; margin: 0.2em 0; }
img { max-width: 100%; margin: 0.8em 0; }
dl { display: grid; grid-template-columns: max-content auto; gap: 0.15em 1.2em; font-size: 0.88em; }
dt { color: #666; } dd { margin: 0; overflow-wrap: anywhere; }
.good { color: #2d6a3e; } .bad { color: #a4262c; font-weight: 600; }
"""


def check_report(path: Path) -> None:
    """Raise FileError unless a report may be written there; an earlier one is replaced."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise FileError(f"{path}: a report is one HTML file; give a name ending in .html")
    check_target(path, overwrite=True)


def write_report(
    path: Path,
    folder: Path,
    suite: Suite,
    results: Results,
    items: Sequence[Item],
    methods: Sequence[Method],
) -> None:
    """Write the report.

    Parameters
    ----------
    path
        The HTML file.
    folder
        Of the run: `pictures/` keeps what methods made of the few pictures shown, `plots/` the
        plots as PNG.
    suite, results
        What was run and found.
    items
        Of which some are shown.
    methods
        They denoise the pictures shown.
    """
    images = []
    for name, figure in _plots(suite, results.rows, items, methods, folder / "pictures").items():
        image = _png(figure)
        (folder / "plots").mkdir(exist_ok=True)
        with replacing(folder / "plots" / f"{name}.png", overwrite=True) as temporary:
            temporary.write_bytes(image)
        encoded = base64.b64encode(image).decode("ascii")
        images.append(f'<img alt="{html.escape(name)}" src="data:image/png;base64,{encoded}">')
    title = f"vdn evaluate {suite.name}"
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{html.escape(suite.summary)}</p>{_checks(results.about)}{_facts(results.about)}"
        f"<h2>Plots</h2>{''.join(images)}"
        f"<h2>Tables</h2>{''.join(table.html() for table in results.tables)}</body></html>\n"
    )
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(document, encoding="utf-8")


def _plots(
    suite: Suite, rows: Sequence[Row], items: Sequence[Item], methods: Sequence[Method], store: Path
) -> dict[str, Figure]:
    """Return the plots there is something to draw for, by name."""
    if suite.example:
        found = {f"bars-{set_}": each for set_, each in bars(suite, rows, published()).items()}
        return found | _shown(suite, rows, items, methods, store)
    drawn = {
        "quality-against-time": quality_against_time(rows),
        "noise-accuracy": noise_accuracy(suite, rows),
        "reliability": reliability(rows),
        "sparsification": sparsification(rows),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _shown(
    suite: Suite, rows: Sequence[Row], items: Sequence[Item], methods: Sequence[Method], store: Path
) -> dict[str, Figure]:
    """Return strips of pictures and maps of the noise, of the methods that could be measured."""
    done = {(row["set"], row["image"], row["case"], row["method"]) for row in rows}
    load = cache(Ready)
    examples = []
    for item in choose_examples(suite, items):
        place = item.set, item.sample.name, item.case
        able = [method for method in methods if (*place, method.name) in done]
        with suppress(FileError):  # a damaged picture is among the failures already
            examples.append(make_example(item, able, load, store))
    found = {
        f"strip-{example.item.set}": strip(example)
        for example in examples
        if example.item.case in (suite.example, PAIRED)
    }
    maps = noise_maps([e for e in examples if e.item.set == examples[0].item.set])
    return found if maps is None else found | {"noise-maps": maps}


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def _checks(about: Mapping[str, Any]) -> str:
    if not about["wrong"] and not about["failures"]:
        return (
            '<p class="good">Self-checks passed: every noisy picture has the PSNR that theory '
            "gives, and every method loses quality as sigma rises.</p>"
        )
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in about["wrong"] + about["failures"])
    return f'<div class="bad">Not to be trusted as it stands:<ul>{lines}</ul></div>'


def _facts(about: Mapping[str, Any]) -> str:
    lines = ""
    for name, value in about.items():
        if name in ("wrong", "failures") or value in ("", [], {}):
            continue
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {each}" for key, each in value.items())
        elif isinstance(value, list):
            value = "; ".join(value)
        lines += f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>"
    return f"<dl>{lines}</dl>"
