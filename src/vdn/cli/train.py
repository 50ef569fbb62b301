"""`vdn train`: train a model as a configuration says."""

from pathlib import Path
from typing import Annotated

import typer

from vdn.cli import options
from vdn.cli.failures import needs_extra, report

__all__ = ["train"]


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A TOML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the run folder's run stopped.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="RUN", help="The run folder; default: runs/NAME."),
    ] = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Train a model and print its run folder."""
    import logging

    with report(debug):
        with needs_extra("train"):
            from vdn.training import run
        if not quiet:
            logging.basicConfig(level=logging.WARNING, format="%(message)s")
            logging.getLogger("vdn").setLevel(logging.INFO)
        typer.echo(run(config, overrides or [], output, resume))
