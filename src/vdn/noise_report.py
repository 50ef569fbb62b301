"""What was found out about the noise of an image, in words and in figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vdn.noise.clipping import Clipped
from vdn.noise.correlation import LAGS, NoiseCorrelation
from vdn.noise.defects import Defects
from vdn.noise.jpeg_history import JpegHistory
from vdn.noise.law import NoiseLaw
from vdn.noise.verdict import judge_noise
from vdn.noise_summary import Cell
from vdn.streaming import FrameNoise, MiddleNoise

__all__ = ["describe_noise", "noise_lines", "numbered", "summarise"]

_SPEAKABLE = 1e-4  # share of clipped values
_CHANNELS = {1: ("",), 3: ("red ", "green ", "blue ")}


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
    verdict = judge_noise(sigma, found.scale, summary.statistics.quiet)
    record: dict[str, Any] = {
        **place,
        "model": found.model,
        "width": width,
        "height": height,
        "noise_sigma": sigma,
        "noise_sigma_interval": [list(ends) for ends in summary.sigma_intervals],
        "noise_sigma_quiet": list(summary.statistics.quiet),
        "verdict": verdict.kind,
        "quietest": asdict(summary.quietest),
        "noisiest": asdict(summary.noisiest),
        "kind": profile.describe(),
        "variance_slope": list(profile.a),
        "variance_at_black": list(profile.b),
        "clipped": [asdict(clipped) for clipped in found.clipped],
        "defects": asdict(found.defects),
    }
    if found.jpeg is not None:
        record["jpeg"] = asdict(found.jpeg)
    if found.middle is None:
        return record
    middle = found.middle
    if middle.laws is not None:
        record["laws"] = [None if law is None else asdict(law) for law in middle.laws]
    if middle.correlation is not None:
        record["correlation"] = asdict(middle.correlation)
    if middle.jpeg.traces is not None:
        record["jpeg_traces"] = {
            **asdict(middle.jpeg.traces),
            "contradict_tables": middle.jpeg.contradictory,
        }
    record["fits"] = {"model": middle.fits.card.name, "reason": middle.fits.reason}
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
        ("verdict", judge_noise(sigma, found.scale, summary.statistics.quiet).text),
        ("sigma", _sigma(sigma, summary.sigma_intervals)),
        ("quietest", _place(summary.quietest)),
        ("noisiest", _place(summary.noisiest)),
        ("kind", summary.profile.describe()),
    ]
    middle = found.middle
    if middle is not None:
        laws = middle.laws or ()
        lines += [
            ("law", f"{name.rstrip()}: {_law(law)}" if name else _law(law))
            for name, law in zip(_names(len(laws)), laws, strict=True)
            if law is not None
        ]
        if middle.correlation is not None:
            lines.append(("correlation", _correlation(middle.correlation)))
    lines.append(("clipped", _clipped(found.clipped)))
    lines.append(("hot pixels", _defects(found.defects)))
    jpeg = JpegHistory(found.jpeg, None) if middle is None else middle.jpeg
    if said := jpeg.describe():
        lines.append(("JPEG", said))
    if middle is not None:
        lines.append(("model", _model(found.model, middle)))
    return lines


def _sigma(sigma: Sequence[float], intervals: Sequence[tuple[float, float]]) -> str:
    return ", ".join(
        f"{value:.3g} ({_ends(ends)})" for value, ends in zip(sigma, intervals, strict=True)
    )


def _law(law: NoiseLaw) -> str:
    """Say the law of a channel."""
    dark, bright = law.span
    if not law.depends_on_signal:
        return f"variance {law.a * (dark + bright) / 2 + law.b:.3g} whatever the brightness"
    slope = f"variance {law.a:.3g} ({_ends(law.a_interval)}) x brightness"
    if not law.b_known:
        return (
            f"{slope} + a constant that cannot be told from this picture, "
            f"from {dark:.3g} to {bright:.3g}"
        )
    return f"{slope} + {law.b:.3g} ({_ends(law.b_interval)}), from {dark:.3g} to {bright:.3g}"


def _correlation(found: NoiseCorrelation) -> str:
    beside = f"{found.across[0]:.2f} with the next pixel in a row, {found.down[0]:.2f} in a column"
    if found.independent:
        return f"next to none: {beside}"
    length = f"over {LAGS}" if found.length >= LAGS else f"{found.length:.1f}"
    return f"{beside}; 1/e at {length} pixels"


def _clipped(found: Sequence[Clipped]) -> str:
    """Say how much is cut off, by channel where there are several."""
    ends = [
        f"{100 * share:.2g} % of {name}at {end} ({value:.4g})"
        for name, clipped in zip(_names(len(found)), found, strict=True)
        for end, share, value in (
            ("black", clipped.dark, clipped.black),
            ("white", clipped.bright, clipped.white),
        )
        if share >= _SPEAKABLE
    ]
    return ", ".join(ends) or "nothing"


def _names(count: int) -> Sequence[str]:
    return (
        _CHANNELS[count] if count in _CHANNELS else [f"channel {index} " for index in range(count)]
    )


def _defects(found: Defects) -> str:
    if not found.hot + found.cold:
        return "none"
    return f"{found.hot} hot, {found.cold} cold: {100 * found.share:.2g} % of the values"


def _model(used: str, middle: MiddleNoise) -> str:
    fits = middle.fits
    said = f"{fits.card.name} fits: {fits.reason}"
    return said if fits.card.name == used else f"{said}; measured with {used}"


def _ends(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3g} to {interval[1]:.3g}"


def _place(cell: Cell) -> str:
    bottom, right = cell.row + cell.height - 1, cell.column + cell.width - 1
    return f"{cell.sigma:.3g}  in rows {cell.row} to {bottom}, columns {cell.column} to {right}"
