"""`vdn noise`: how noisy pictures are, where, and of what kind the noise is."""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath
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
    from vdn.noise_report import StackNoise
    from vdn.noise_series import Series
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
@click.option(
    "--profile",
    metavar="NAME",
    help="Sum up the pictures of one camera, an ISO each, for vdn denoise --profile NAME: a name, "
    "or a file ending in .json.",
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
    profile: str | None,
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
    65535 for 16 bit, as given for float. Of a file with several images it says what they have in
    common and a line each; --json and --html say all of each.
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
        target = None
        if profile is not None:
            from vdn.noise.profiles import check_profile

            target = check_profile(profile, overwrite)
    from vdn.models import Models
    from vdn.noise.profiles import read_exposure
    from vdn.noise_report import StackNoise, numbered
    from vdn.noise_series import Series
    from vdn.runtime.engine import memory_share
    from vdn.streaming import estimate_picture_noise, white_of
    from vdn.streaming.io_threads import wait_for

    with usage_errors("--model"):
        models = Models(model, threads, max_memory, device=device)
    series = Series()

    def work(
        plan: Plan,
        picture: "Picture",
        io_threads: "IOThreads",
        advance: Callable[[float], None],
        all_read: Callable[[], None],
    ) -> Callable[[], Outcome]:
        count, path = len(picture.frames), plan.input.path
        if plot is not None and count > 1:
            raise InputError(f"--plot draws one image, and this file has {count}; --html takes all")
        page = None
        if html is not None:
            from vdn.cli.noise_page import Page

            page = Page(html, shown(path.name), count)
        together, told = StackNoise(), _Told(path, count, brief=target is not None)
        frames = estimate_picture_noise(
            models, picture, io_threads, advance=advance, all_read=all_read
        )
        for index, (place, found) in enumerate(numbered(frames, count)):
            if page is not None:
                page.add(found, place)
            if plot is not None:
                from vdn.cli.noise_plot import draw_noise

                draw_noise(plot, shown(path.name), found, overwrite)
            if target is not None:
                white = wait_for(io_threads.read(white_of, picture.frames[index]))
                series.add(str(path), read_exposure(picture), found, white)
            together.add(found)
            told.add(found, place, drawn)
            found.summary.release()
        if page is not None:
            page.finish(together, overwrite)
        return lambda: told.outcome(together, drawn)

    try:
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
    finally:
        if target is not None and sys.exc_info()[0] in (None, click.exceptions.Exit):
            with report(debug):
                _write_profile(series, target, overwrite, json, quiet)


def _write_profile(
    series: "Series", target: Path, overwrite: bool, as_json: bool, quiet: bool
) -> None:
    """Write the profile of a series, and say what it holds and what was left out."""
    from json import dumps

    from vdn.cli.profile import profile_text
    from vdn.noise.profiles import own_format, write_profile

    profile, left_out = series.profile()
    write_profile(profile, target, overwrite=overwrite)
    for each in left_out:
        click.echo(f"vdn: left out: {shown(each.name)}: {each.reason}", err=True)
    if as_json:
        record = {
            "profile": str(target),
            **own_format.describe(profile),
            "left_out": [{"input": each.name, "reason": each.reason} for each in left_out],
        }
        click.echo(dumps(record, allow_nan=False))
    elif not quiet:
        click.echo(f"{shown(target)}: {profile_text(profile)}")


class _Told:
    """What is said of the images of a file: of one all, of several all in JSON, a line each else.

    With `brief`, of one image too.
    """

    def __init__(self, path: PurePath, count: int, brief: bool) -> None:
        self._path, self._count, self._brief = path, count, brief
        self._records: list[Mapping[str, Any]] = []
        self._lines: list[str] = []

    def add(self, found: "FrameNoise", place: Mapping[str, int], drawn: Mapping[str, Path]) -> None:
        from vdn.noise_report import describe_noise, noise_lines, one_line, summarise

        made = {name: str(file) for name, file in drawn.items()}
        self._records.append({"input": str(self._path), **describe_noise(found, place), **made})
        summary = summarise(found, place)
        if self._count > 1:
            self._lines.append(f"  {summary.split(',')[0]}: {one_line(found)}")
        elif self._brief:
            self._lines.append(f"{shown(self._path)}: {one_line(found)}")
        else:
            self._lines.append(f"{shown(self._path)}  ({summary})")
            self._lines += _labelled(noise_lines(found))

    def outcome(self, together: "StackNoise", drawn: Mapping[str, Path]) -> Outcome:
        """Return it, of several images what they have in common first."""
        records, lines = [*self._records], [*self._lines]
        if self._count > 1:
            made = {name: str(file) for name, file in drawn.items()}
            records.append({"input": str(self._path), **together.describe(), **made})
            title = f"{shown(self._path)}  ({self._count} images)"
            lines = [title, *([] if self._brief else _labelled(together.lines())), *lines]
        lines += _labelled((name, str(file)) for name, file in drawn.items())
        return Outcome(records, "\n".join(lines))


def _labelled(lines: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {label:<12} {value}" for label, value in lines]
