"""What all commands do that make pictures of pictures: find, restore, write and report."""

import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vdn.cli import options
from vdn.cli.batch import Outcome, run_batch
from vdn.cli.failures import report, shown, usage_errors
from vdn.cli.inputs import (
    STANDARD,
    Input,
    folder_named,
    iterate_inputs,
    names_many,
    refuse_objects,
)
from vdn.cli.outputs import Plan, plan_outputs, skip_existing
from vdn.errors import ExistsError, InputError
from vdn.result_names import MARKS
from vdn.storage import Location, location

if TYPE_CHECKING:
    from vdn.image import Picture
    from vdn.noise.profiles import CameraProfile
    from vdn.streaming import IOThreads, Report

__all__ = ["Size", "restore_files"]


def restore_files(
    task: str,
    inputs: tuple[str, ...],
    output: str | None,
    model: str,
    strength: float,
    noise_sigma: str | None,
    profile: str | None,
    iso: float | None,
    ensemble: str,
    noise_map: bool,
    uncertainty: bool,
    map_format: str,
    files_from: str | None,
    null: bool,
    skip_existing_: bool,
    format: str | None,
    quality: int | None,
    no_provenance: bool,
    max_memory: float | None,
    threads: int | None,
    device: str,
    precision: str,
    cluster: str | None,
    workers: int | None,
    manifest: str | None,
    overwrite: bool,
    json: bool,
    quiet: bool,
    debug: bool,
    scale: int | None = None,
    size: tuple[int | None, int | None] | None = None,
    plot: Path | None = None,
) -> None:
    """Restore pictures; the arguments are the options of the same names.

    Parameters
    ----------
    task
        As in `vdn.restore`.
    """
    words = options.check_inputs(inputs, files_from, null)
    if skip_existing_ and overwrite:
        raise click.BadParameter("goes against --overwrite", param_hint="--skip-existing")
    out = None if output is None else location(output)
    _check_cluster(cluster, words, out, workers=workers, manifest=manifest)

    def listed() -> Iterator[Input]:
        return iterate_inputs(words, files_from, b"\0" if null else b"\n", out)

    root = None if cluster is None or files_from else folder_named(words)
    with usage_errors("INPUT"):
        if cluster is None:
            refuse_objects(words)
        found = list(listed() if root is None else islice(listed(), 1))
    many = names_many(words, found)
    if plot is not None:
        if many or cluster is not None:
            raise click.BadParameter(
                "give one picture to draw the blur of, and no --cluster", param_hint="--plot"
            )
        from vdn.cli.noise_plot import check_plot

        with report(debug):
            check_plot(plot, overwrite)
    to_folder = many or (output is not None and output.endswith(tuple(filter(None, _SEPARATORS))))
    from vdn.image import output_suffix
    from vdn.image.formats import format_by_name
    from vdn.noise.profiles import read_profile
    from vdn.runtime.engine import memory_share
    from vdn.scale.file_restorer import FileRestorer
    from vdn.scale.worker import DenoiserArguments
    from vdn.streaming import Settings, Targets

    if format is not None:
        with usage_errors("--format"):
            format_by_name(format)
            if out is not None and not to_folder:
                _check_name(out, format)

    def plan(inputs: Sequence[Input]) -> list[Plan]:
        return plan_outputs(
            inputs,
            out,
            many=to_folder,
            suffix=lambda path: output_suffix(Path(path), format),
            mark=MARKS[task],
            noise_map=noise_map,
            uncertainty=uncertainty,
            map_suffix=f".{map_format}",
        )

    with usage_errors("--output"):
        plans = plan(found)
        _check_standard_output(plans, json)
    with usage_errors("--noise-sigma"):
        sigma: float | Path | CameraProfile | None = _parse_sigma(noise_sigma)
    if profile is not None:
        if noise_sigma is not None:
            raise click.BadParameter("goes against --noise-sigma", param_hint="--profile")
        with usage_errors("--profile"):
            sigma = read_profile(profile)
    elif iso is not None:
        raise click.BadParameter("goes with --profile", param_hint="--iso")
    with usage_errors("--model"):
        arguments = DenoiserArguments(
            model, threads, max_memory, precision, device, weights=None, task=task, scale=scale
        )
        restorer = FileRestorer.of(arguments)
    settings = Settings(
        strength=strength,
        noise_sigma=sigma,
        iso=iso,
        size=size,
        format=format,
        quality=quality,
        ensemble=int(ensemble),
        provenance=not no_provenance,
        overwrite=overwrite,
    )

    if cluster is not None:
        from vdn.cli.cluster import MANIFEST, ClusterOptions, run_on_cluster

        record = location(manifest) if manifest else out / MANIFEST if out and to_folder else None
        run_on_cluster(
            ClusterOptions(cluster, workers, record),
            (lambda: iter(found)) if root is None else listed,
            plan,
            _outcome,
            root=root,
            output=out,
            arguments=arguments,
            settings=settings,
            skip_existing=skip_existing_,
            mark=MARKS[task],
            many=many,
            as_json=json,
            quiet=quiet,
            debug=debug,
        )
        return
    wanted = skip_existing(plans) if skip_existing_ else plans

    def work(
        plan: Plan,
        picture: "Picture",
        io_threads: "IOThreads",
        advance: Callable[[float], None],
        all_read: Callable[[], None],
    ) -> Callable[[], Outcome]:
        start = time.perf_counter()
        outputs = plan.wanted.without_existing() if skip_existing_ else plan.wanted
        if not list(outputs):
            raise ExistsError(f"{plan.input.path}: has been {MARKS[task]} meanwhile")
        if to_folder and outputs.image != STANDARD:
            Path(plan.outputs.first.parent).mkdir(parents=True, exist_ok=True)
        image, *maps = (
            None if path is None else Path(path)
            for path in (outputs.image, outputs.noise_map, outputs.uncertainty)
        )
        complete = restorer.begin(
            picture,
            Targets(sys.stdout.buffer if image == STANDARD else image, *maps),
            settings,
            io_threads,
            advance=advance,
            all_read=all_read,
        )

        def finish() -> Outcome:
            done = complete()
            if plot is not None:
                _draw(plot, plan, done, overwrite)
            return _outcome(plan, done, time.perf_counter() - start, plot)

        return finish

    run_batch(
        wanted,
        work,
        max_memory=max_memory or memory_share(),
        done=MARKS[task],
        skipped=len(plans) - len(wanted),
        skip_existing=skip_existing_,
        many=many,
        as_json=json,
        quiet=quiet or any(plan.outputs.image == STANDARD for plan in plans),
        warn=not quiet,
        debug=debug,
    )


def _draw(plot: Path, plan: Plan, done: "Report", overwrite: bool) -> None:
    from vdn.cli.kernel_plot import draw_kernel

    if done.kernel is None:
        raise InputError(f"--plot draws the blur, and the model {done.model} tells of none")
    draw_kernel(plot, shown(plan.input.path.name), done.kernel, overwrite)


def _check_cluster(
    cluster: str | None,
    words: Sequence[str],
    output: Location | None,
    *,
    workers: int | None,
    manifest: str | None,
) -> None:
    """Refuse what goes with a cluster alone without one, and what does not go with one."""
    if cluster is None:
        with usage_errors("--output"):
            refuse_objects([] if output is None else [str(output)])
        for name, value in (("workers", workers), ("manifest", manifest)):
            if value is not None:
                raise click.BadParameter("goes with --cluster", param_hint=f"--{name}")
    elif STANDARD in (output, *map(location, words)):
        raise click.BadParameter(
            "takes files, and not - (standard input and output)", param_hint="--cluster"
        )


_SEPARATORS = (os.sep, os.altsep)


class Size(click.ParamType):
    """Width and height in pixels, of which one may be missing: 1920x1080, 1920x, x1080."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | None, int | None]:
        """Return width and height, None for a missing one."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d*)x(\d*)", str(value).lower())
        width, height = (int(side or 0) for side in found.groups()) if found else (0, 0)
        if not width and not height:
            self.fail(f"{value!r} is no size such as 1920x1080, 1920x or x1080.", param, ctx)
        return width or None, height or None


def _check_name(out: Location, format: str) -> None:
    """Refuse a name that promises another format than the one asked for."""
    from vdn.image.formats import FORMATS, format_by_name

    suffix = out.suffix.lower()
    promised = [known.name for known in FORMATS if suffix in known.suffixes]
    if promised and suffix not in format_by_name(format).suffixes:
        raise InputError(f"{format!r} goes against the name {out}, which is one of {promised[0]}")


def _check_standard_output(plans: Sequence[Plan], json: bool) -> None:
    if any(plan.outputs.image == STANDARD for plan in plans):
        if json:
            raise InputError("- (standard output) cannot take the picture and --json too")
        if sys.stdout.isatty():
            raise InputError("standard output is a terminal; give -o FILE, or lead it into a file")


def _parse_sigma(text: str | None) -> float | Path | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        from vdn.image import open_picture

        with open_picture(text):
            return Path(text)
    if not 0 <= number < math.inf:
        raise InputError(f"{text} is not a standard deviation")
    return number


def _outcome(plan: Plan, report: "Report", seconds: float, plot: Path | None = None) -> Outcome:
    outputs = plan.outputs
    record: dict[str, Any] = {
        "input": str(plan.input.path),
        "output": str(outputs.image),
        "model": report.model,
        "width": report.width,
        "height": report.height,
        "noise_sigma": list(report.noise_sigma),
        "seconds": round(seconds, 3),
    }
    if report.given:
        record["noise_sigma_given"] = True
    if report.profile:
        record["profile"] = report.profile
    if report.frames > 1:
        record["frames"] = report.frames
    resized = (report.output_width, report.output_height) != (report.width, report.height)
    if resized:
        record |= {"output_width": report.output_width, "output_height": report.output_height}
    for name in ("kernel", "jpeg"):
        if (told := getattr(report, name)) is not None:
            record[name] = asdict(told)
    for name in ("noise_map", "uncertainty"):
        if made := getattr(outputs, name):
            record[name] = str(made)
    if plot is not None:
        record["plot"] = str(plot)
    warnings = [f"left out: {what}" for what in report.left_out]
    if report.jpeg is not None and report.jpeg.contradictory:
        record["jpeg"]["contradict_tables"] = True
        warnings.append(report.jpeg.describe())
    if warnings:
        record["warnings"] = warnings
    statistics = " ".join(f"{value:.3g}" for value in report.noise_sigma)
    made = ", ".join(shown(path) for path in plan.wanted)
    because = f" for {report.reason}" if report.reason else ""
    told = [
        f"{report.frames} images" if report.frames > 1 else "",
        f"{report.output_width} x {report.output_height}" if resized else "",
        f"model {report.model}{because}",
        report.profile,
        f"noise sigma {statistics}",
        f"blur {report.kernel.describe()}" if report.kernel is not None else "",
        report.jpeg.describe() if report.jpeg is not None and not report.jpeg.contradictory else "",
        f"{seconds:.1f} s",
    ]
    text = f"{shown(plan.input.path)} -> {made}  ({', '.join(filter(None, told))})"
    return Outcome([record], text, warnings)
