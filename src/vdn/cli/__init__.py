"""The command line: one file a command, which imports what it needs when it runs."""

import io
import sys
from typing import Annotated

import typer

from vdn.cli.denoise import denoise
from vdn.cli.evaluate import evaluate
from vdn.cli.export import export
from vdn.cli.models import models
from vdn.cli.noise import noise
from vdn.cli.simulate import simulate
from vdn.cli.train import train

__all__ = ["app", "main"]

app = typer.Typer(
    name="vdn",
    help="Blind image denoising that tells you the noise.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (denoise, noise, models, simulate, train, export, evaluate):
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"vdn {version('vdn')}")
        raise typer.Exit


@app.callback()
def _every_command(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line on `sys.argv`."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # names that a terminal cannot show are no failure
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
