"""What all commands do that make pictures of pictures: find, restore, write and report."""

import math
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vdn.cli import options
from vdn.cli.batch import Outcome, run_batch
from vdn.cli.failures import report, shown, usage_errors
from vdn.cli.inputs import MARKS, STANDARD, find_inputs, names_many
from vdn.cli.outputs import Outputs, Plan, plan_outputs, skip_existing
from vdn.errors import ExistsError, InputError

if TYPE_CHECKING:
    from vdn.image import Picture
    from vdn.noise.profiles import CameraProfile
    from vdn.streaming import IOThreads, Report, Settings

__all__ = ["Size", "restore_files"]


def restore_files(
    task: str,
    inputs: tuple[Path, ...],
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
    out = None if output is None else Path(output)
    with usage_errors("INPUT"):
        found = find_inputs(words, files_from, b"\0" if null else b"\n", out)
    many = names_many(words, found)
    if plot is not None:
        if many:
            raise click.BadParameter("give one picture to draw the blur of", param_hint="--plot")
        from vdn.cli.noise_plot import check_plot

        with report(debug):
            check_plot(plot, overwrite)
    to_folder = many or (output is not None and output.endswith(tuple(filter(None, _SEPARATORS))))
    from vdn.image import output_suffix
    from vdn.image.formats import format_by_name
    from vdn.models import Goal, Models
    from vdn.noise.profiles import read_profile
    from vdn.runtime.engine import memory_share
    from vdn.streaming import Settings, Targets, restore_picture

    if format is not None:
        with usage_errors("--format"):
            format_by_name(format)
            if out is not None and not to_folder:
                _check_name(out, format)
    with usage_errors("--output"):
        plans = plan_outputs(
            found,
            out,
            many=to_folder,
            suffix=lambda path: output_suffix(path, format),
            mark=MARKS[task],
            noise_map=noise_map,
            uncertainty=uncertainty,
            map_suffix=f".{map_format}",
        )
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
        arguments = model, threads, max_memory, precision, device
        models = Models(*arguments, goal=Goal(task, scale))
    wanted = skip_existing(plans) if skip_existing_ else plans
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
            plan.outputs.first.parent.mkdir(parents=True, exist_ok=True)
        if plan.outputs.first.suffix == ".zarr":
            if models.choose(picture.frames[0]).card.scale > 1:
                raise InputError("a Zarr keeps its size here; give -o FILE.ome.tif")
            done = _restore_to_store(task, picture, outputs, arguments, settings, advance)
            all_read()
            return lambda: _outcome(plan, done, time.perf_counter() - start)
        image = sys.stdout.buffer if outputs.image == STANDARD else outputs.image
        targets = Targets(image, outputs.noise_map, outputs.uncertainty)
        complete = restore_picture(
            models, picture, targets, settings, io_threads, advance=advance, all_read=all_read
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


def _restore_to_store(
    task: str,
    picture: "Picture",
    outputs: Outputs,
    arguments: tuple[str, int | None, float | None, str, str],
    settings: "Settings",
    advance: Callable[[float], None],
) -> "Report":
    from vdn.image.formats import FORMATS
    from vdn.image.losses import left_out
    from vdn.scale.files import Stores, denoise_frames, denoise_store
    from vdn.scale.worker import DenoiserArguments
    from vdn.streaming import Report

    if not isinstance(settings.noise_sigma, float | Path | None):
        raise InputError(
            f"{picture.path}: into a Zarr there is no --profile; denoise it into a TIFF file"
        )
    stores = Stores(outputs.image, outputs.noise_map, outputs.uncertainty)
    every: dict[str, Any] = {
        "strength": settings.strength,
        "noise_sigma": settings.noise_sigma,
        "provenance": settings.provenance,
        "overwrite": settings.overwrite,
        "advance": advance,
    }
    denoiser = DenoiserArguments(*arguments, weights=None, task=task)
    lost: tuple[str, ...] = ()
    if picture.format == "zarr":
        done = denoise_store(picture.path, stores, denoiser, **every)
    else:
        done = denoise_frames(picture, stores, denoiser, **every)
        (zarr,) = (known for known in FORMATS if known.name == "zarr")
        lost = left_out(picture, zarr)
    height, width = done.shape[-2:]
    return Report(
        ", ".join(done.models),
        width,
        height,
        width,
        height,
        len(picture.frames),
        sum(frame.shape[0] * frame.shape[1] for frame in picture.frames),
        done.noise_sigma,
        settings.noise_sigma is not None,
        "; ".join(done.reasons),
        lost,
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


def _check_name(out: Path, format: str) -> None:
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
