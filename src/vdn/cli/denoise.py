"""`vdn denoise`: clean pictures, and the maps of their noise and uncertainty."""

import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vdn.cli import options
from vdn.cli.batch import Outcome, run_batch
from vdn.cli.failures import shown, usage_errors
from vdn.cli.inputs import STANDARD, find_inputs, names_many
from vdn.cli.outputs import Outputs, Plan, plan_outputs, skip_existing
from vdn.errors import ExistsError, InputError

if TYPE_CHECKING:
    from vdn.image import Picture
    from vdn.noise.profiles import CameraProfile
    from vdn.streaming import IOThreads, Report, Settings

__all__ = ["denoise"]


@click.command()
@options.inputs
@click.option(
    "--output",
    "-o",
    metavar="OUT",
    help="A file for one picture, a folder for several, - for standard output.",
)
@options.model
@click.option(
    "--strength",
    metavar="FACTOR",
    type=options.Number(0, 4),
    default=1.0,
    help="Factor of the noise to remove; 0 returns the input.",
)
@click.option(
    "--noise-sigma",
    metavar="NUMBER|FILE",
    help="The noise's standard deviation if you know it, in the units of the picture.",
)
@click.option(
    "--profile",
    metavar="NAME",
    help="Take the noise from a profile of the camera, as `vdn noise --profile` makes them.",
)
@click.option(
    "--iso",
    metavar="N",
    type=options.Number(min=1),
    help="With --profile: the ISO, instead of that of the picture.",
)
@click.option(
    "--ensemble",
    metavar="N",
    type=click.Choice(["1", "2", "4", "8"]),
    default="1",
    help="Mean over N mirrored and turned versions: a little better, N times the time.",
)
@click.option("--noise-map", is_flag=True, help="Write the noise's standard deviation too.")
@click.option("--uncertainty", is_flag=True, help="Write the result's standard error too.")
@click.option(
    "--map-format",
    type=click.Choice(["tiff", "png"]),
    default="tiff",
    help="Of these maps: floats in the units of the picture, or 16 bits for any viewer.",
)
@options.files_from
@options.null
@click.option(
    "--skip-existing",
    "skip_existing_",
    is_flag=True,
    help="Make only what does not exist yet: resumes a stopped run.",
)
@click.option(
    "--format", metavar="NAME", help="Format of the result; default: that of the picture."
)
@click.option(
    "--quality",
    metavar="N",
    type=click.IntRange(1, 100),
    help="Quality of a lossy format; default: that of the picture.",
)
@click.option(
    "--no-provenance", is_flag=True, help="Do not note in the result what it was made with."
)
@options.max_memory
@options.threads
@options.device
@options.precision
@options.overwrite
@options.json
@options.quiet
@options.debug
def denoise(
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
) -> None:
    """Remove the noise of pictures, whatever it is.

    a.png becomes a.denoised.png beside it; with the maps also a.noise.tiff and
    a.uncertainty.tiff, float32 in the units of the picture (with --map-format png
    16 bits, whose description says what a step is worth). With -o OUT, folders
    are mirrored in the folder OUT. In folders, hidden files, results of earlier
    runs and files that are not pictures are skipped. One bad file does not stop the
    others; a stopped run is resumed with --skip-existing.
    """
    words = options.check_inputs(inputs, files_from, null)
    if skip_existing_ and overwrite:
        raise click.BadParameter("goes against --overwrite", param_hint="--skip-existing")
    out = None if output is None else Path(output)
    with usage_errors("INPUT"):
        found = find_inputs(words, files_from, b"\0" if null else b"\n", out)
    many = names_many(words, found)
    to_folder = many or (output is not None and output.endswith(tuple(filter(None, _SEPARATORS))))
    from vdn.image import output_suffix
    from vdn.image.formats import format_by_name
    from vdn.models import Models
    from vdn.noise.profiles import read_profile
    from vdn.runtime.engine import memory_share
    from vdn.streaming import Settings, Targets, denoise_picture

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
        models = Models(*arguments)
    wanted = skip_existing(plans) if skip_existing_ else plans
    settings = Settings(
        strength=strength,
        noise_sigma=sigma,
        iso=iso,
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
            raise ExistsError(f"{plan.input.path}: has been denoised meanwhile")
        if to_folder and outputs.image != STANDARD:
            plan.outputs.first.parent.mkdir(parents=True, exist_ok=True)
        if picture.format == "zarr" and plan.outputs.first.suffix == ".zarr":
            report = _denoise_store(picture, outputs, arguments, settings, advance)
            all_read()
            return lambda: _outcome(plan, report, time.perf_counter() - start)
        image = sys.stdout.buffer if outputs.image == STANDARD else outputs.image
        targets = Targets(image, outputs.noise_map, outputs.uncertainty)
        complete = denoise_picture(
            models, picture, targets, settings, io_threads, advance=advance, all_read=all_read
        )
        return lambda: _outcome(plan, complete(), time.perf_counter() - start)

    run_batch(
        wanted,
        work,
        max_memory=max_memory or memory_share(),
        done="denoised",
        skipped=len(plans) - len(wanted),
        skip_existing=skip_existing_,
        many=many,
        as_json=json,
        quiet=quiet or any(plan.outputs.image == STANDARD for plan in plans),
        warn=not quiet,
        debug=debug,
    )


def _denoise_store(
    picture: "Picture",
    outputs: Outputs,
    arguments: tuple[str, int | None, float | None, str, str],
    settings: "Settings",
    advance: Callable[[float], None],
) -> "Report":
    from vdn.scale.files import Stores, denoise_store
    from vdn.scale.worker import DenoiserArguments
    from vdn.streaming import Report

    if not isinstance(settings.noise_sigma, float | Path | None):
        raise InputError(
            f"{picture.path}: from Zarr to Zarr there is no --profile; denoise it into a TIFF file"
        )
    done = denoise_store(
        picture.path,
        Stores(outputs.image, outputs.noise_map, outputs.uncertainty),
        DenoiserArguments(*arguments, weights=None),
        strength=settings.strength,
        noise_sigma=settings.noise_sigma,
        provenance=settings.provenance,
        overwrite=settings.overwrite,
        advance=advance,
    )
    height, width = done.shape[-2:]
    return Report(
        ", ".join(done.models),
        width,
        height,
        len(picture.frames),
        sum(frame.shape[0] * frame.shape[1] for frame in picture.frames),
        done.noise_sigma,
        settings.noise_sigma is not None,
        "; ".join(done.reasons),
    )


_SEPARATORS = (os.sep, os.altsep)


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


def _outcome(plan: Plan, report: "Report", seconds: float) -> Outcome:
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
    for name in ("noise_map", "uncertainty"):
        if made := getattr(outputs, name):
            record[name] = str(made)
    warnings = [f"left out: {what}" for what in report.left_out]
    if warnings:
        record["warnings"] = warnings
    statistics = " ".join(f"{value:.3g}" for value in report.noise_sigma)
    made = ", ".join(shown(path) for path in plan.wanted)
    frames = f"{report.frames} images, " if report.frames > 1 else ""
    because = f" for {report.reason}" if report.reason else ""
    if report.profile:
        because += f", {report.profile}"
    return Outcome(
        [record],
        f"{shown(plan.input.path)} -> {made}  "
        f"({frames}model {report.model}{because}, noise sigma {statistics}, {seconds:.1f} s)",
        warnings,
    )
