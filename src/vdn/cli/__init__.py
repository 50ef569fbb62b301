"""The command line: one file a command, which imports what it needs when it runs."""

import gc
import io
import os
import sys

import click

from vdn import __version__
from vdn.cli.deblock import deblock
from vdn.cli.deblur import deblur
from vdn.cli.denoise import denoise
from vdn.cli.evaluate import evaluate
from vdn.cli.export import export
from vdn.cli.models import models
from vdn.cli.noise import noise
from vdn.cli.pack import pack
from vdn.cli.profile import profile
from vdn.cli.serve import serve
from vdn.cli.simulate import simulate
from vdn.cli.train import train
from vdn.cli.upscale import upscale

__all__ = ["app", "main"]


class _Commands(click.Group):
    """Lists the commands in the order of their use, and says what may have been meant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib
            import shlex

            name = args[0]
            if os.path.lexists(name) or os.path.splitext(name)[1] or os.sep in name:
                hint = f"to denoise a file: vdn denoise {shlex.quote(name)}"
            else:
                near = difflib.get_close_matches(name, self.commands, 1) or ["--help"]
                hint = f"did you mean: vdn {near[0]}"
            raise click.UsageError(f"{error.message.rstrip('.')}; {hint}", ctx) from error


@click.group(
    "vdn",
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(__version__, message="vdn %(version)s", help="Print the version.")
def app() -> None:
    """Blind image denoising and restoration that tells you the noise."""


for command in (
    denoise,
    upscale,
    deblur,
    deblock,
    noise,
    profile,
    serve,
    models,
    simulate,
    pack,
    train,
    export,
    evaluate,
):
    app.add_command(command)


def main() -> None:
    """Run the command line on `sys.argv`."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # names that a terminal cannot show are no failure
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    finally:  # no search for cycles in memory that the program gives back whole, by ending
        gc.freeze()
