"""The arguments and options that several commands share."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "PATH",
    "Number",
    "check_inputs",
    "debug",
    "files_from",
    "inputs",
    "json",
    "max_memory",
    "model",
    "null",
    "output",
    "overwrite",
    "plot",
    "precision",
    "quiet",
    "restoring",
    "seed",
    "strength",
    "threads",
]

PATH = click.Path(path_type=Path)
_Command = TypeVar("_Command", bound=Callable[..., Any])


class Number(click.FloatRange):
    """A number within bounds, which "nan" would pass."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or refuse it."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


inputs = click.argument(
    "inputs",
    metavar="[INPUT]...",
    nargs=-1,
    type=click.Path(),
    help="Pictures, folders (with all below them), patterns such as 'shoot/**/*.jpg', or - "
    "for standard input.",
)
files_from = click.option(
    "--files-from",
    metavar="LIST",
    help="A file with further names, one per line; - for standard input.",
)
null = click.option(
    "--null",
    "-0",
    is_flag=True,
    help="Names in LIST end with a NUL, as `find -print0` ends them.",
)
model = click.option(
    "--model",
    metavar="NAME|FILE",
    default="auto",
    help="A model that ships (see `vdn models`), or an .onnx file.",
)
threads = click.option(
    "--threads",
    metavar="N",
    type=click.IntRange(min=1),
    help="CPU threads; default: every core.",
)
max_memory = click.option(
    "--max-memory",
    metavar="MB",
    type=Number(min=1),
    help="Bound on the memory for pixels and network; the program itself needs some 150 MB more. "
    "Default: a quarter of the machine's or container's memory, at most 1100 where the picture "
    "can be processed in parts.",
)
device = click.option(
    "--device",
    metavar="NAME",
    default="auto",
    help="Where the networks run: cpu, gpu or npu by OpenVINO, cuda or mps by torch; default: cpu.",
)
precision = click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    help="Arithmetic; auto: bf16 for 8-bit pictures where the CPU has it.",
)
seed = click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="The same seed makes the same noise.",
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace existing output files.")
json = click.option(
    "--json", is_flag=True, help="Print one JSON object per line on standard output."
)
quiet = click.option("--quiet", "-q", is_flag=True, help="Print nothing but failures.")
debug = click.option("--debug", is_flag=True, help="Print the traceback of a failure.")


output = click.option(
    "--output",
    "-o",
    metavar="OUT",
    help="A file for one picture, a folder for several, - for standard output.",
)
plot = click.option(
    "--plot",
    metavar="FILE",
    type=PATH,
    help="Draw the blur of one picture (PNG, PDF, SVG).",
)


def strength(at_zero: str) -> Callable[[_Command], _Command]:
    """Return the option of how much noise is removed; `at_zero` says what 0 does."""
    return click.option(
        "--strength",
        metavar="FACTOR",
        type=Number(0, 4),
        default=1.0,
        help=f"Factor of the noise to remove; 0 {at_zero}.",
    )


_RESTORING = (
    click.option(
        "--noise-sigma",
        metavar="NUMBER|FILE",
        help="The noise's standard deviation if you know it, in the units of the picture.",
    ),
    click.option(
        "--profile",
        metavar="NAME",
        help="Take the noise from a profile of the camera, as `vdn noise --profile` makes them.",
    ),
    click.option(
        "--iso",
        metavar="N",
        type=Number(min=1),
        help="With --profile: the ISO, instead of that of the picture.",
    ),
    click.option(
        "--ensemble",
        metavar="N",
        type=click.Choice(["1", "2", "4", "8"]),
        default="1",
        help="Mean over N mirrored and turned versions: a little better, N times the time.",
    ),
    click.option("--noise-map", is_flag=True, help="Write the noise's standard deviation too."),
    click.option("--uncertainty", is_flag=True, help="Write the result's standard error too."),
    click.option(
        "--map-format",
        type=click.Choice(["tiff", "png"]),
        default="tiff",
        help="Of these maps: floats in the units of the picture, or 16 bits for any viewer.",
    ),
    files_from,
    null,
    click.option(
        "--skip-existing",
        "skip_existing_",
        is_flag=True,
        help="Make only what does not exist yet: resumes a stopped run.",
    ),
    click.option(
        "--format", metavar="NAME", help="Format of the result; default: that of the picture."
    ),
    click.option(
        "--quality",
        metavar="N",
        type=click.IntRange(1, 100),
        help="Quality of a lossy format; default: that of the picture.",
    ),
    click.option(
        "--no-provenance", is_flag=True, help="Do not note in the result what it was made with."
    ),
    max_memory,
    threads,
    device,
    precision,
    click.option(
        "--cluster",
        metavar="WHERE",
        help="Spread the files over a Dask cluster: local (processes here), slurm, the address of "
        "a scheduler or its file.",
    ),
    click.option(
        "--workers",
        metavar="N",
        type=click.IntRange(min=1),
        help="Processes to start for --cluster local (default: one for every core, or for every "
        "--threads) or slurm.",
    ),
    click.option(
        "--manifest",
        metavar="FOLDER",
        help="Where --cluster records every file, as Parquet; default: manifest.parquet in the "
        "folder OUT.",
    ),
    overwrite,
    json,
    quiet,
    debug,
)


def restoring(command: _Command) -> _Command:
    """Add the options that all commands share that make pictures of pictures."""
    for option in reversed(_RESTORING):
        command = option(command)
    return command


def check_inputs(inputs: Sequence[str], files_from: str | None, null: bool) -> list[str]:
    """Return the words of the inputs; refuse when there are none, and no list either."""
    if not inputs and files_from is None:
        raise click.BadParameter("give pictures, folders, or a list of them", param_hint="INPUT")
    if null and files_from is None:
        raise click.BadParameter("goes with --files-from", param_hint="--null")
    return list(inputs)
