"""The arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "Debug",
    "Inputs",
    "Json",
    "MaxMemory",
    "Model",
    "Overwrite",
    "Precision",
    "Quiet",
    "Threads",
]

Inputs = Annotated[list[Path], typer.Argument(metavar="INPUT", help="Pictures: PNG, JPEG or TIFF.")]
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
    typer.Option(metavar="MB", min=1, help="Bound on the network's working memory."),
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
