"""`vdn export`: from a training run to a model file."""

from pathlib import Path
from typing import Annotated

import typer

from vdn.cli import options
from vdn.cli.failures import needs_extra, report

__all__ = ["export"]


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of `vdn train`.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .onnx file to write.")],
    overwrite: options.Overwrite = False,
    debug: options.Debug = False,
) -> None:
    """Make a model file of a training run."""
    with report(debug):
        with needs_extra("export"):
            from vdn.export import export_run
        export_run(run, out, overwrite=overwrite)
        typer.echo(out)
