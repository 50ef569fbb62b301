"""`vdn export`: from a training run to a model file."""

from pathlib import Path

import click

from vdn.cli import options
from vdn.cli.failures import report
from vdn.extras import needs_extra

__all__ = ["export"]


@click.command()
@click.argument("run", metavar="RUN", type=options.PATH, help="A run folder of `vdn train`.")
@click.argument("out", metavar="OUT", type=options.PATH, help="The .onnx file to write.")
@options.overwrite
@options.debug
def export(run: Path, out: Path, overwrite: bool, debug: bool) -> None:
    """Export a training run as a model file."""
    with report(debug):
        with needs_extra("export"):
            from vdn.export import export_run
        export_run(run, out, overwrite=overwrite)
        click.echo(out)
