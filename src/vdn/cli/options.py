"""The arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "Debug",
    "FilesFrom",
    "Inputs",
    "Json",
    "MaxMemory",
    "Model",
    "Null",
    "Overwrite",
    "Precision",
    "Quiet",
    "Threads",
    "check_inputs",
]

Inputs = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="INPUT...",
        help="Pictures, folders (with all below them), patterns such as 'shoot/**/*.jpg', or - "
        "for standard input.",
        show_default=False,
    ),
]
FilesFrom = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="A file with further names, one a line; - for standard input.",
    ),
]
Null = Annotated[
    bool,
    typer.Option("--null", "-0", help="Names in LIST end with a NUL, as `find -print0` ends them."),
]
Model = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE", help="A model that ships (see `vdn models`), or an .onnx file."
    ),
]
Threads = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="CPU threads; default: every core.")
]
MaxMemory = Annotated[
    float | None,
    typer.Option(
        metavar="MB",
        min=1,
        help="Bound on the memory for pixels and network, beside some 150 MB for the program; "
        "default: a quarter of the machine's, of which no more than 1100 is used for what can be "
        "done in parts.",
    ),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    typer.Option(help="Arithmetic; auto: bf16 for 8-bit pictures where the CPU has it."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing output files.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a line on standard output.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but failures.")]
Debug = Annotated[bool, typer.Option("--debug", help="Print the traceback of a failure.")]


def check_inputs(inputs: list[Path] | None, files_from: str | None, null: bool) -> list[str]:
    """Return the words of the inputs; refuse when there are none, and no list either."""
    if not inputs and files_from is None:
        raise typer.BadParameter("give pictures, folders, or a list of them", param_hint="INPUT")
    if null and files_from is None:
        raise typer.BadParameter("goes with --files-from", param_hint="--null")
    return [str(path) for path in inputs or []]
