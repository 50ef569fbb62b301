"""Rows to cells: the mean over the pictures of a set."""

from collections.abc import Sequence
from dataclasses import dataclass

from vdn.evaluation.rows import Row

__all__ = ["Cell", "shared_images", "summarise"]


@dataclass(frozen=True)
class Cell:
    """A mean over pictures."""

    mean: float
    values: tuple[float, ...]

    @property
    def count(self) -> int:
        """Number of pictures."""
        return len(self.values)


def summarise(rows: Sequence[Row], metric: str) -> dict[tuple[str, str, str], Cell]:
    """Average a metric over pictures.

    Returns
    -------
    dict
        By (set, case, method); rows without the metric do not count.

    Examples
    --------
    >>> where = {"set": "Set5", "case": "awgn25", "method": "noisy"}
    >>> cells = summarise([where | {"psnr": 20.0}, where | {"psnr": 21.0}], "psnr")
    >>> cells["Set5", "awgn25", "noisy"].mean
    20.5
    """
    values: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        if metric in row:
            values.setdefault((row["set"], row["case"], row["method"]), []).append(row[metric])
    return {key: Cell(sum(each) / len(each), tuple(each)) for key, each in values.items()}


def shared_images(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the pictures, in each set and case, that every method has done.

    Examples
    --------
    >>> where = {"set": "Set5", "case": "awgn25"}
    >>> a, b = (where | {"method": m, "image": "bird"} for m in ("a", "b"))
    >>> len(shared_images([a, b, b | {"image": "baby"}]))
    2
    """
    done: dict[tuple[str, str, str], set[str]] = {}
    methods = {row["method"] for row in rows}
    for row in rows:
        done.setdefault((row["set"], row["case"], row["image"]), set()).add(row["method"])
    return [row for row in rows if done[row["set"], row["case"], row["image"]] == methods]
