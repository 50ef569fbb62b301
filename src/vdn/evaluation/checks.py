"""A table that checks itself: faults of an evaluation that figures alone do not show."""

from collections.abc import Sequence
from itertools import pairwise

from vdn.evaluation.cases import awgn_level
from vdn.evaluation.rows import Row
from vdn.evaluation.suites import PAIRED
from vdn.evaluation.summary import summarise
from vdn.evaluation.theory import Expected

__all__ = ["check_rows"]

_LEAST_CHANGE = 0.05  # dB that a method must lose from one level of noise to a higher one


def check_rows(rows: Sequence[Row]) -> list[str]:
    """Return what is wrong with measured rows, a sentence each; empty if nothing is.

    - The PSNR of every noisy picture must lie where theory puts it: else the noise is not what
      its name says.
    - The PSNR of every method must fall as the noise rises: rows that do not change with sigma
      were measured on the same noise. (A published table once gave the same dB for 15, 25, 50.)

    Examples
    --------
    >>> row = {"method": "noisy", "set": "Set5", "image": "bird", "case": "awgn25"}
    >>> row |= {"noisy_psnr": 33.0, "expected_psnr": 20.3, "expected_tolerance": 0.1}
    >>> check_rows([row])
    ['Set5, bird, awgn25: the noisy picture has 33.00 dB, theory says 20.30 ± 0.10 dB']
    """
    return [*_against_theory(rows), *_against_sameness(rows)]


def _against_theory(rows: Sequence[Row]) -> list[str]:
    wrong = {}
    for row in rows:
        if "expected_psnr" not in row:
            continue
        expected = Expected(row["expected_psnr"], row["expected_tolerance"])
        if not expected.agrees(row["noisy_psnr"]):
            where = f"{row['set']}, {row['image']}, {row['case']}"
            wrong[where] = (
                f"{where}: the noisy picture has {row['noisy_psnr']:.2f} dB, "
                f"theory says {expected.psnr:.2f} ± {expected.tolerance:.2f} dB"
            )
    return list(wrong.values())


def _against_sameness(rows: Sequence[Row]) -> list[str]:
    by_level: dict[tuple[str, str], dict[float, float]] = {}
    for (set_, case, method), cell in summarise(rows, "psnr").items():
        level = None if case == PAIRED else awgn_level(case)
        if level is not None:
            by_level.setdefault((set_, method), {})[level] = cell.mean
    wrong = []
    for (set_, method), means in by_level.items():
        levels = sorted(means)
        for low, high in pairwise(levels):
            if means[low] - means[high] < _LEAST_CHANGE:
                wrong.append(
                    f"{set_}, {method}: {means[low]:.2f} dB at sigma {low:g} and "
                    f"{means[high]:.2f} dB at {high:g}; the table does not change with sigma"
                )
    return wrong
