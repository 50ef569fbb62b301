"""`vdn noise`: how noisy pictures are, where, and of what kind the noise is."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import click

from vdn.cli import options
from vdn.cli.batch import Outcome, run_batch
from vdn.cli.failures import report, shown, usage_errors
from vdn.cli.inputs import find_inputs, names_many
from vdn.cli.outputs import Plan
from vdn.errors import InputError

if TYPE_CHECKING:
    from vdn.image import Picture
    from vdn.streaming import FrameNoise, IOThreads

__all__ = ["noise"]


@click.command()
@options.inputs
@options.model
@click.option(
    "--plot",
    metavar="FILE",
    type=options.PATH,
    help="Draw the map and the curve of one picture (PNG, PDF, SVG).",
)
@click.option(
    "--html",
    metavar="FILE",
    type=options.PATH,
    help="Write all about one picture as a page in one file.",
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
    inputs: tuple[str, ...],
    model: str,
    plot: Path | None,
    html: Path | None,
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
    drawn = {name: path for name, path in (("plot", plot), ("html", html)) if path is not None}
    for name in drawn:
        if many:
            raise click.BadParameter("give one picture to draw", param_hint=f"--{name}")
    with report(debug):
        if plot is not None:
            from vdn.cli.noise_plot import check_plot

            check_plot(plot, overwrite)
        if html is not None:
            from vdn.cli.noise_page import check_page

            check_page(html, overwrite)
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
        for name in drawn if len(picture.frames) > 1 else ():
            raise InputError(f"--{name} draws one image, and this file has {len(picture.frames)}")
        frames = estimate_picture_noise(
            models, picture, io_threads, advance=advance, all_read=all_read
        )
        title = shown(plan.input.path.name)
        if plot is not None:
            from vdn.cli.noise_plot import draw_noise

            draw_noise(plot, title, frames[0], overwrite)
        if html is not None:
            from vdn.cli.noise_page import write_page

            write_page(html, title, frames[0], overwrite)
        return lambda: _outcome(plan.input.path, frames, drawn)

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


def _outcome(path: PurePath, frames: "list[FrameNoise]", drawn: Mapping[str, Path]) -> Outcome:
    from vdn.noise_report import describe_noise, noise_lines, numbered, summarise

    records, texts = [], []
    for place, found in numbered(frames):
        made = {name: str(file) for name, file in drawn.items()}
        record = {"input": str(path), **describe_noise(found, place), **made}
        lines = [f"{shown(path)}  ({summarise(found, place)})"]
        lines += [f"  {label:<12} {value}" for label, value in noise_lines(found)]
        lines += [f"  {name:<12} {file}" for name, file in made.items()]
        records.append(record)
        texts.append("\n".join(lines))
    return Outcome(records, "\n".join(texts))
