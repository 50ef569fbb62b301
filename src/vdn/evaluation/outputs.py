"""The files a run leaves in its folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vdn.evaluation.tables import Table, to_csv
from vdn.image.atomic import replacing

__all__ = ["write_tables"]


def write_tables(
    folder: Path,
    about: Mapping[str, Any],
    tables: Sequence[Table],
    figures: Sequence[dict[str, object]],
) -> None:
    """Write `tables.md`, `tables.tex`, `figures.csv` and `run.json`.

    Parameters
    ----------
    folder
        That of the rows; earlier files of these names are replaced.
    about
        Of `vdn.evaluation.environment.describe_run`, with remarks.
    tables, figures
        Of `vdn.evaluation.layout`.
    """
    facts = "\n".join(f"- {name}: {_fact(value)}" for name, value in about.items() if value)
    contents = {
        "tables.md": f"{facts}\n\n" + "\n".join(table.markdown() for table in tables),
        "tables.tex": "\n".join(table.latex() for table in tables),
        "figures.csv": to_csv(figures),
        "run.json": json.dumps(about, indent=1) + "\n",
    }
    for name, content in contents.items():
        with replacing(folder / name, overwrite=True) as temporary:
            temporary.write_text(content, encoding="utf-8")


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
