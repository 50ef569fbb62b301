"""What was found out about the noise of an image, in words and in figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vdn.noise.law import NoiseLaw
from vdn.noise.verdict import judge_noise
from vdn.noise_summary import Cell
from vdn.streaming import FrameNoise

__all__ = ["describe_noise", "noise_lines", "numbered", "summarise"]


def numbered(frames: Sequence[FrameNoise]) -> Iterator[tuple[dict[str, int], FrameNoise]]:
    """Yield frames with their place: ``frame`` and ``frames``, nothing where there is only one."""
    for index, found in enumerate(frames):
        yield {"frame": index, "frames": len(frames)} if len(frames) > 1 else {}, found


def describe_noise(found: FrameNoise, place: Mapping[str, int]) -> dict[str, Any]:
    """Return the figures as plain containers, for JSON.

    Parameters
    ----------
    found
        What was found.
    place
        As of `numbered`.
    """
    summary, profile = found.summary, found.summary.profile
    height, width = found.frame.shape[:2]
    sigma = list(summary.statistics.root_mean_square)
    verdict = judge_noise(sigma, found.scale)
    record: dict[str, Any] = {
        **place,
        "model": found.model,
        "width": width,
        "height": height,
        "noise_sigma": sigma,
        "verdict": verdict.kind,
        "quietest": asdict(summary.quietest),
        "noisiest": asdict(summary.noisiest),
        "kind": profile.describe(),
        "variance_slope": list(profile.a),
        "variance_at_black": list(profile.b),
    }
    if found.laws is not None:
        record["laws"] = [None if law is None else asdict(law) for law in found.laws]
    return record


def summarise(found: FrameNoise, place: Mapping[str, int]) -> str:
    """Say which image it was, and which model looked at it."""
    height, width = found.frame.shape[:2]
    which = f"{found.frame.name or 'image {frame}'.format(**place)}, " if place else ""
    return f"{which}{width} x {height}, {found.frame.dtype}, model {found.model}"


def noise_lines(found: FrameNoise) -> list[tuple[str, str]]:
    """Return labels and what there is to say, in the order to be read."""
    summary = found.summary
    sigma = summary.statistics.root_mean_square
    lines = [
        ("verdict", judge_noise(sigma, found.scale).text),
        ("sigma", " ".join(f"{value:.3g}" for value in sigma)),
        ("quietest", _place(summary.quietest)),
        ("noisiest", _place(summary.noisiest)),
        ("kind", summary.profile.describe()),
    ]
    return lines + [("law", _law(law)) for law in found.laws or () if law is not None]


def _law(law: NoiseLaw) -> str:
    """Say the law of a channel."""
    dark, bright = law.span
    if not law.depends_on_signal:
        return f"variance {law.a * (dark + bright) / 2 + law.b:.3g} whatever the brightness"
    slope = f"variance {law.a:.3g} ({_ends(law.a_interval)}) x brightness"
    if not law.b_known:
        return f"{slope} + an unknown constant (nothing is darker than {dark:.3g})"
    return f"{slope} + {law.b:.3g} ({_ends(law.b_interval)}), from {dark:.3g} to {bright:.3g}"


def _ends(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3g} to {interval[1]:.3g}"


def _place(cell: Cell) -> str:
    bottom, right = cell.row + cell.height - 1, cell.column + cell.width - 1
    return f"{cell.sigma:.3g}  in rows {cell.row} to {bottom}, columns {cell.column} to {right}"
