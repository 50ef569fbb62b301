"""`vdn denoise`: clean pictures, and the maps of their noise and uncertainty."""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vdn.cli import options
from vdn.cli.batch import Outcome, run_batch
from vdn.cli.failures import shown, usage_errors
from vdn.cli.inputs import STANDARD, Input, folder_named, iterate_inputs, names_many, refuse_objects
from vdn.cli.outputs import Plan, plan_outputs, skip_existing
from vdn.cluster.storage import Location, location
from vdn.cluster.work import Restorer
from vdn.errors import ExistsError, InputError

if TYPE_CHECKING:
    from vdn.image import Picture
    from vdn.streaming import IOThreads, Report

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
@click.option(
    "--cluster",
    metavar="WHERE",
    help="Spread the files over a Dask cluster: local (processes here), slurm, the address of a "
    "scheduler or its file.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="Processes to start for --cluster local (default: one for every core, or for every "
    "--threads) or slurm.",
)
@click.option(
    "--manifest",
    metavar="FOLDER",
    help="Where --cluster records every file, as Parquet; default: manifest.parquet in the folder "
    "OUT.",
)
@options.overwrite
@options.json
@options.quiet
@options.debug
def denoise(
    inputs: tuple[str, ...],
    output: str | None,
    model: str,
    strength: float,
    noise_sigma: str | None,
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
) -> None:
    """Remove the noise of pictures, whatever it is.

    a.png becomes a.denoised.png beside it; with the maps also a.noise.tiff and
    a.uncertainty.tiff, float32 in the units of the picture (with --map-format png
    16 bits, whose description says what a step is worth). With -o OUT, folders
    are mirrored in the folder OUT. In folders, hidden files, results of earlier
    runs and files that are not pictures are skipped. One bad file does not stop the
    others; a stopped run is resumed with --skip-existing. With --cluster, INPUT and OUT may
    lie on object storage: s3://, gs:// or az://.
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
    to_folder = many or (output is not None and output.endswith(tuple(filter(None, _SEPARATORS))))
    from vdn.image import output_suffix
    from vdn.image.formats import format_by_name
    from vdn.runtime.engine import memory_share
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
            noise_map=noise_map,
            uncertainty=uncertainty,
            map_suffix=f".{map_format}",
        )

    with usage_errors("--output"):
        plans = plan(found)
        _check_standard_output(plans, json)
    with usage_errors("--noise-sigma"):
        sigma = _parse_sigma(noise_sigma)
    with usage_errors("--model"):
        arguments = DenoiserArguments(model, threads, max_memory, precision, device, weights=None)
        restorer = Restorer.of(arguments)
    settings = Settings(
        strength=strength,
        noise_sigma=sigma,
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
            raise ExistsError(f"{plan.input.path}: has been denoised meanwhile")
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
    return Outcome(
        [record],
        f"{shown(plan.input.path)} -> {made}  "
        f"({frames}model {report.model}{because}, noise sigma {statistics}, {seconds:.1f} s)",
        warnings,
    )
