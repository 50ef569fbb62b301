"""What a run came to, and the files it leaves in its folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vdn.evaluation.checks import check_rows
from vdn.evaluation.layout import lay_out, records
from vdn.evaluation.published import published
from vdn.evaluation.rows import Row
from vdn.evaluation.suites import Suite
from vdn.evaluation.tables import Table, to_csv
from vdn.image.atomic import replacing

__all__ = ["Results", "conclude", "write_json", "write_results"]


@dataclass(frozen=True)
class Results:
    """Tables for people, figures for programs, and how they came about.

    Attributes
    ----------
    about
        Command, machine, versions and remarks; under `wrong` what the self-checks found, under
        `failures` what could not be measured.
    rows, tables, figures
        What was measured, laid out, and flat with the published figures.
    """

    about: Mapping[str, Any]
    rows: Sequence[Row]
    tables: Sequence[Table]
    figures: Sequence[dict[str, object]]


def conclude(suite: Suite, rows: Sequence[Row], about: Mapping[str, Any]) -> Results:
    """Lay rows out beside the published figures and check them.

    Parameters
    ----------
    suite, rows
        The rows of one seed of a suite, methods in the order they are to be listed.
    about
        What else there is to say of the run.

    Examples
    --------
    >>> from vdn.evaluation.suites import find_suite
    >>> conclude(find_suite("paper"), [], {"seed": 0}).about
    {'seed': 0, 'wrong': []}
    """
    tables = lay_out(suite, rows, published())
    figures = records(rows, published())
    return Results({**about, "wrong": check_rows(rows)}, rows, tables, figures)


def write_results(folder: Path, results: Results) -> None:
    """Write `tables.md`, `tables.tex`, `figures.csv` and `run.json`, in place of earlier ones."""
    facts = "\n".join(f"- {name}: {_fact(value)}" for name, value in results.about.items() if value)
    contents = {
        "tables.md": f"{facts}\n\n" + "\n".join(table.markdown() for table in results.tables),
        "tables.tex": "\n".join(table.latex() for table in results.tables),
        "figures.csv": to_csv(results.figures),
        "run.json": json.dumps(results.about, indent=1) + "\n",
    }
    for name, content in contents.items():
        _write(folder / name, content)


def write_json(path: Path, results: Results) -> None:
    """Write everything but the tables as one JSON object; an earlier file is replaced."""
    _write(path, json.dumps({**results.about, "figures": results.figures}, indent=1) + "\n")


def _write(path: Path, content: str) -> None:
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(content, encoding="utf-8")


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
