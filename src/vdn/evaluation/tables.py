"""Tables of cells, and how they are written: Markdown, LaTeX, HTML; all figures as CSV."""

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Line", "Table", "to_csv"]


@dataclass(frozen=True)
class Line:
    """A row of a table: what it is about, its cells, and whether it was measured here."""

    label: str
    cells: tuple[str, ...]
    ours: bool = True


@dataclass(frozen=True)
class Table:
    """A table ready to be written.

    Examples
    --------
    >>> table = Table("PSNR, dB", ("method", "awgn25"), (Line("noisy", ("20.17",)),), ("A note.",))
    >>> print(table.markdown())
    ### PSNR, dB
    <BLANKLINE>
    | method | awgn25 |
    |:--|--:|
    | **noisy** | 20.17 |
    <BLANKLINE>
    A note.
    <BLANKLINE>
    """

    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """Return it as Markdown; what was measured here is bold."""
        rule = "|:--|" + "--:|" * (len(self.columns) - 1)
        rows = [_row((f"**{li.label}**" if li.ours else li.label, *li.cells)) for li in self.lines]
        text = [f"### {self.title}", "", _row(self.columns), rule, *rows, ""]
        return "\n".join([*text, *(f"{note}\n" for note in self.notes)])

    def latex(self) -> str:
        """Return it as LaTeX; needs the package `booktabs`."""
        alignment = "l" + "r" * (len(self.columns) - 1)
        body = [
            _latex_row((_latex(li.label, bold=li.ours), *map(_latex, li.cells)))
            for li in self.lines
        ]
        caption = " ".join((f"{self.title}.", *self.notes))
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{_latex(caption)}}}",
                rf"\begin{{tabular}}{{{alignment}}}",
                r"\toprule",
                _latex_row(map(_latex, self.columns)),
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )

    def html(self) -> str:
        """Return it as a fragment of HTML."""
        head = "".join(f"<th>{html.escape(column)}</th>" for column in self.columns)
        body = "".join(
            f"<tr class={'ours' if line.ours else 'theirs'}><th>{html.escape(line.label)}</th>"
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in line.cells)
            + "</tr>"
            for line in self.lines
        )
        notes = "".join(f'<p class="note">{html.escape(note)}</p>' for note in self.notes)
        return (
            f"<h3>{html.escape(self.title)}</h3>"
            f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
            f"</div>{notes}"
        )


def to_csv(records: Sequence[dict[str, object]]) -> str:
    """Return records of the same keys as CSV with a header.

    Examples
    --------
    >>> to_csv([{"set": "Set5", "value": 30.5}])
    'set,value\\nSet5,30.5\\n'
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(records[0]) if records else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "<": "$<$",
    ">": "$>$",
    "≥": r"$\geq$",
    "±": r"$\pm$",
    "†": r"$^\dagger$",
    "–": "--",
    "×": r"$\times$",
    "…": r"\dots{}",
}


def _latex(text: str, *, bold: bool = False) -> str:
    escaped = "".join(_LATEX.get(character, character) for character in text)
    return rf"\textbf{{{escaped}}}" if bold else escaped


def _latex_row(cells: "Sequence[str] | map[str]") -> str:
    return " & ".join(cells) + r" \\"
