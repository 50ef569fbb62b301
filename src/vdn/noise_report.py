"""What was found out about the noise of an image, in words and in figures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from vdn.noise.clipping import Clipped
from vdn.noise.correlation import LAGS, NoiseCorrelation
from vdn.noise.defects import Defects
from vdn.noise.law import NoiseLaw
from vdn.noise.profiles import ChannelLaw
from vdn.noise.profiles.combine import combine_laws
from vdn.noise_summary import Cell, SigmaStatistics
from vdn.streaming import FrameNoise, MiddleNoise

__all__ = ["StackNoise", "describe_noise", "noise_lines", "numbered", "one_line", "summarise"]

_SPEAKABLE = 1e-4  # share of clipped values
_CHANNELS = {1: ("",), 3: ("red ", "green ", "blue ")}


def numbered(
    frames: Iterable[FrameNoise], count: int
) -> Iterator[tuple[dict[str, int], FrameNoise]]:
    """Yield frames with their place: ``frame`` and ``frames``, nothing where there is only one."""
    for index, found in enumerate(frames):
        yield {"frame": index, "frames": count} if count > 1 else {}, found


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
    record: dict[str, Any] = {
        **place,
        "model": found.model,
        "width": width,
        "height": height,
        "noise_sigma": sigma,
        "noise_sigma_interval": [list(ends) for ends in summary.sigma_intervals],
        "noise_sigma_quiet": list(summary.statistics.quiet),
        "verdict": found.verdict.kind,
        "quietest": asdict(summary.quietest),
        "noisiest": asdict(summary.noisiest),
        "kind": profile.describe(),
        "variance_slope": list(profile.a),
        "variance_at_black": list(profile.b),
        "texture": None if found.texture is None else asdict(found.texture),
        "clipped": [asdict(clipped) for clipped in found.clipped],
        "defects": asdict(found.defects),
    }
    if found.jpeg is not None:
        record["jpeg"] = asdict(found.jpeg)
    middle = found.middle
    if middle.laws:
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
        ("verdict", found.verdict.text),
        ("sigma", _sigma(sigma, summary.sigma_intervals)),
        ("quietest", _place(summary.quietest)),
        ("noisiest", _place(summary.noisiest)),
        ("kind", summary.profile.describe()),
    ]
    middle = found.middle
    lines += [
        ("law", f"{name.rstrip()}: {_law(law)}" if name else _law(law))
        for name, law in zip(_names(len(middle.laws)), middle.laws, strict=True)
        if law is not None
    ]
    if middle.correlation is not None:
        lines.append(("correlation", _correlation(middle.correlation)))
    lines.append(("clipped", _clipped(found.clipped)))
    lines.append(("hot pixels", _defects(found.defects)))
    if said := middle.jpeg.describe():
        lines.append(("JPEG", said))
    lines.append(("model", _model(found.model, middle)))
    return lines


def one_line(found: FrameNoise) -> str:
    """Say the most important of an image in a line: one of many."""
    sigma = ", ".join(f"{value:.3g}" for value in found.summary.statistics.root_mean_square)
    return f"{found.verdict.kind}, sigma {sigma}; {found.summary.profile.describe()}"


class StackNoise:
    """The noise of all images of a file together."""

    def __init__(self) -> None:
        self._statistics = SigmaStatistics(0)
        self._sigmas: list[float] = []
        self._noisy = 0
        self._laws: list[tuple[NoiseLaw, ...]] = []
        self._hot = self._cold = 0

    def add(self, found: FrameNoise) -> None:
        """Take an image in."""
        statistics = found.summary.statistics
        self._statistics = self._statistics.merge(statistics)
        sigma = statistics.root_mean_square
        self._sigmas.append(float(np.sqrt(np.mean(np.square(sigma)))))
        self._noisy += found.verdict.kind == "noisy"
        self._hot, self._cold = self._hot + found.defects.hot, self._cold + found.defects.cold
        laws = tuple(law for law in found.middle.laws if law is not None)
        if laws and len(laws) == len(found.middle.laws):
            self._laws.append(laws)

    @property
    def _law(self) -> list[ChannelLaw]:
        """One law a channel, where most images have one and the same number of channels."""
        if 2 * len(self._laws) <= len(self._sigmas) or len(set(map(len, self._laws))) != 1:
            return []
        return [combine_laws(laws) for laws in zip(*self._laws, strict=True)]

    def describe(self) -> dict[str, Any]:
        """Return the figures as plain containers, for JSON."""
        return {
            "frames": len(self._sigmas),
            "noise_sigma": list(self._statistics.root_mean_square),
            "noise_sigma_of_images": [min(self._sigmas), max(self._sigmas)],
            "noisy_images": self._noisy,
            "verdict": "noisy" if self._noisy else "clean",
            "laws": [asdict(law) for law in self._law],
            "laws_of_images": len(self._laws),
            "hot": self._hot,
            "cold": self._cold,
        }

    def lines(self) -> list[tuple[str, str]]:
        """Return labels and what there is to say, in the order to be read."""
        count = len(self._sigmas)
        noisy = "all" if self._noisy == count else self._noisy or "none"
        sigma = ", ".join(f"{value:.3g}" for value in self._statistics.root_mean_square)
        low, high = min(self._sigmas), max(self._sigmas)
        laws = self._law
        lines = [
            ("verdict", f"{noisy} of {count} images are noisy"),
            ("sigma", f"{sigma}; of single images {low:.3g} to {high:.3g}"),
        ]
        for name, law in zip(_names(len(laws)), laws, strict=True):
            assert law.a_interval is not None
            assert law.b_interval is not None
            text = (
                f"variance {law.a:.3g} ({_ends(law.a_interval)}) x brightness "
                f"+ {law.b:.3g} ({_ends(law.b_interval)}), of {len(self._laws)} images"
            )
            lines.append(("law", f"{name.rstrip()}: {text}" if name else text))
        total = f"{self._hot} hot, {self._cold} cold" if self._hot + self._cold else "none"
        lines.append(("hot pixels", total))
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
    about = "" if law.a_known else "roughly "
    slope = f"variance {about}{law.a:.3g} ({_ends(law.a_interval)}) x brightness"
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
