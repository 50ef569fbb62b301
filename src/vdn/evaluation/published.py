"""What others published, each figure with its source."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from vdn.errors import ConfigError

__all__ = ["Figure", "Published", "published"]

_RANGES = {"psnr": (5.0, 60.0), "ssim": (0.0, 1.0), "seconds": (0.0, 1e5)}
_FOR_OURS = "VDN", "DASR", "DnCNN-3"
_KEYS = {"title", "metric", "source", "note", "non_blind", "values"}


@dataclass(frozen=True)
class Figure:
    """One published figure.

    Attributes
    ----------
    table, source, note
        Where it stands, and what has to be known to read it.
    set, case, metric, method
        What it is about.
    non_blind
        The method was given the level of the noise, or trained for it.
    value
        dB for `psnr`, seconds for `seconds`.
    """

    table: str
    source: str
    note: str
    set: str
    case: str
    metric: str
    method: str
    non_blind: bool
    value: float


class Published:
    """All published figures, and which of our methods is which of theirs.

    Parameters
    ----------
    figures
        In order of preference: the first for a set, case, metric and method is the one shown.
    counterparts
        Published names of the method that one of ours implements.
    """

    def __init__(
        self, figures: tuple[Figure, ...], counterparts: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.figures = figures
        self._counterparts = counterparts
        self._cells: dict[tuple[str, str, str], dict[str, Figure]] = {}
        for figure in figures:
            cell = self._cells.setdefault((figure.set, figure.case, figure.metric), {})
            cell.setdefault(figure.method, figure)

    def cell(self, set_: str, case: str, metric: str = "psnr") -> Mapping[str, Figure]:
        """Return the figures for a set, case and metric by method; empty if there are none.

        Examples
        --------
        >>> published().cell("CBSD68", "case2")["VDN"].value
        28.67
        """
        return self._cells.get((set_, case, metric), {})

    def reference(self, method: str, set_: str, case: str, metric: str = "psnr") -> Figure | None:
        """Return what a measured method is compared with: itself as published, else VDN.

        Of restoration, where VDN has no figures, it is a blind network that has.

        Examples
        --------
        >>> published().reference("bm3d@true", "CBSD68", "awgn25").method
        'CBM3D'
        >>> published().reference("gaussian", "CBSD68", "awgn25").value
        31.35
        """
        cell = self.cell(set_, case, metric)
        if "+" in method:  # several methods, one after the other
            return None
        names = self._counterparts.get(method.partition("@")[0], _FOR_OURS)
        return next((cell[name] for name in names if name in cell), None)


@cache
def published() -> Published:
    """Return the figures that come with the package."""
    path = files("vdn.evaluation").joinpath("published.toml")
    return parse(path.read_text(encoding="utf-8"), "published.toml")


def parse(text: str, source: str) -> Published:
    """Read published figures from TOML.

    Raises
    ------
    ConfigError
        When it is no TOML, a key is unknown or missing, or a figure is no number of its range.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: no TOML ({error})") from error
    if unknown := sorted(set(content) - {"table", "counterparts"}):
        raise ConfigError(f"{source}: unknown key {unknown[0]}; known are table, counterparts")
    figures = tuple(
        figure for table in content.get("table", ()) for figure in _figures(table, source)
    )
    names = {name: tuple(others) for name, others in content.get("counterparts", {}).items()}
    return Published(figures, names)


def _figures(table: Mapping[str, Any], source: str) -> list[Figure]:
    where = f"{source}, table {table.get('title', '?')!r}"
    if unknown := sorted(set(table) - _KEYS):
        raise ConfigError(
            f"{where}: unknown key {unknown[0]}; known are {', '.join(sorted(_KEYS))}"
        )
    for key in ("title", "metric", "source", "values"):
        if not table.get(key):
            raise ConfigError(f"{where}: lacks {key}")
    if table["metric"] not in _RANGES:
        raise ConfigError(f"{where}: metric is {table['metric']!r}; known are {', '.join(_RANGES)}")
    low, high = _RANGES[table["metric"]]
    non_blind = set(table.get("non_blind", ()))
    figures = []
    for set_, cases in table["values"].items():
        for case, methods in cases.items():
            for method, value in methods.items():
                if not isinstance(value, float) or not low < value < high:
                    raise ConfigError(
                        f"{where}: {set_}, {case}, {method} is {value!r}; "
                        f"give a number between {low:g} and {high:g}"
                    )
                note = table.get("note", "")
                cell = (set_, case, table["metric"], method, method in non_blind)
                figures.append(Figure(table["title"], table["source"], note, *cell, value))
    if absent := non_blind - {figure.method for figure in figures}:
        raise ConfigError(
            f"{where}: non_blind names {sorted(absent)[0]}, which has no figure in it"
        )
    return figures
