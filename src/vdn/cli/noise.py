"""`vdn noise`: how noisy pictures are, where, and of what kind the noise is."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vdn.cli import options
from vdn.cli.batch import Outcome, run_batch
from vdn.cli.failures import report, shown, usage_errors
from vdn.cli.inputs import find_inputs, names_many
from vdn.cli.outputs import Plan
from vdn.errors import InputError

if TYPE_CHECKING:
    from vdn.image import Picture
    from vdn.noise.law import NoiseLaw
    from vdn.noise_summary import Cell
    from vdn.streaming import FrameNoise, IOThreads

__all__ = ["noise"]


@click.command()
@options.inputs
@options.model
@click.option(
    "--plot",
    metavar="FILE",
    type=options.PATH,
    help="Draw the map and the curve of one picture (PNG, PDF).",
)
@options.files_from
@options.null
@options.max_memory
@options.threads
@options.device
@options.overwrite
@options.json
@options.quiet
@options.debug
def noise(
    inputs: tuple[Path, ...],
    model: str,
    plot: Path | None,
    files_from: str | None,
    null: bool,
    max_memory: float | None,
    threads: int | None,
    device: str,
    overwrite: bool,
    json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Measure the noise of pictures: how much, where and what kind.

    Every number is a standard deviation in the units of the picture: 0 to 255 for 8 bit, 0 to
    65535 for 16 bit, as given for float. A file with several images gets one report per image.
    """
    words = options.check_inputs(inputs, files_from, null)
    with usage_errors("INPUT"):
        found = find_inputs(words, files_from, b"\0" if null else b"\n")
    many = names_many(words, found)
    if plot is not None:
        if many:
            raise click.BadParameter("give one picture to draw", param_hint="--plot")
        from vdn.cli.noise_plot import check_plot

        with report(debug):
            check_plot(plot, overwrite)
    from vdn.models import Models
    from vdn.runtime.engine import memory_share
    from vdn.streaming import estimate_picture_noise

    with usage_errors("--model"):
        models = Models(model, threads, max_memory, device=device)

    def work(
        plan: Plan,
        picture: "Picture",
        io_threads: "IOThreads",
        advance: Callable[[float], None],
        all_read: Callable[[], None],
    ) -> Callable[[], Outcome]:
        if plot is not None and len(picture.frames) > 1:
            raise InputError(f"--plot draws one image, and this file has {len(picture.frames)}")
        frames = estimate_picture_noise(
            models, picture, io_threads, advance=advance, all_read=all_read
        )
        if plot is None:
            return lambda: _outcome(plan.input.path, frames)
        from vdn.cli.noise_plot import draw_noise

        draw_noise(plot, shown(plan.input.path.name), frames[0].summary, overwrite)
        return lambda: _outcome(plan.input.path, frames, plot)

    run_batch(
        [Plan(entry, problem=entry.problem) for entry in found],
        work,
        max_memory=max_memory or memory_share(),
        done="measured",
        many=many,
        as_json=json,
        quiet=quiet,
        debug=debug,
    )


def _outcome(path: Path, frames: "list[FrameNoise]", plot: Path | None = None) -> Outcome:
    records, texts = [], []
    for index, found in enumerate(frames):
        place = {"frame": index, "frames": len(frames)} if len(frames) > 1 else {}
        drawn = {"plot": str(plot)} if plot is not None else {}
        record, text = _describe(path, found, place)
        records.append(record | drawn)
        texts.append(f"{text}\n  plot      {plot}" if plot is not None else text)
    return Outcome(records, "\n".join(texts))


def _describe(
    path: Path, found: "FrameNoise", place: Mapping[str, int]
) -> tuple[dict[str, Any], str]:
    summary, profile = found.summary, found.summary.profile
    height, width = found.frame.shape[:2]
    sigma = list(summary.statistics.root_mean_square)
    record = {
        "input": str(path),
        **place,
        "model": found.model,
        "width": width,
        "height": height,
        "noise_sigma": sigma,
        "quietest": asdict(summary.quietest),
        "noisiest": asdict(summary.noisiest),
        "kind": profile.describe(),
        "variance_slope": list(profile.a),
        "variance_at_black": list(profile.b),
    }
    which = f"{found.frame.name or 'image {frame}'.format(**place)}, " if place else ""
    lines = [
        f"{shown(path)}  ({which}{width} x {height}, {found.frame.dtype}, model {found.model})",
        f"  sigma     {' '.join(f'{value:.3g}' for value in sigma)}",
        f"  quietest  {_place(summary.quietest)}",
        f"  noisiest  {_place(summary.noisiest)}",
        f"  kind      {profile.describe()}",
    ]
    if found.laws is not None:
        record["laws"] = [None if law is None else asdict(law) for law in found.laws]
        lines += [f"  law       {_law(law)}" for law in found.laws if law is not None]
    return record, "\n".join(lines)


def _law(law: "NoiseLaw") -> str:
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


def _place(cell: "Cell") -> str:
    bottom, right = cell.row + cell.height - 1, cell.column + cell.width - 1
    return f"{cell.sigma:.3g}  in rows {cell.row} to {bottom}, columns {cell.column} to {right}"
