"""The arguments and options that several commands share."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    "overwrite",
    "precision",
    "quiet",
    "seed",
    "threads",
]

PATH = click.Path(path_type=Path)


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


def check_inputs(inputs: Sequence[str], files_from: str | None, null: bool) -> list[str]:
    """Return the words of the inputs; refuse when there are none, and no list either."""
    if not inputs and files_from is None:
        raise click.BadParameter("give pictures, folders, or a list of them", param_hint="INPUT")
    if null and files_from is None:
        raise click.BadParameter("goes with --files-from", param_hint="--null")
    return list(inputs)
