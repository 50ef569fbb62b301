"""`vdn train`: train a model as a configuration says."""

from pathlib import Path

import click

from vdn.cli import options
from vdn.cli.failures import report
from vdn.extras import needs_extra

__all__ = ["train"]


@click.command()
@click.argument("config", metavar="CONFIG", type=options.PATH, help="A TOML file.")
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a setting; may be repeated.",
)
@click.option("--resume", is_flag=True, help="Resume the run in the run folder.")
@click.option(
    "--output",
    "-o",
    metavar="RUN",
    type=options.PATH,
    help="The run folder; default: runs/NAME.",
)
@options.quiet
@options.debug
def train(
    config: Path,
    overrides: tuple[str, ...],
    resume: bool,
    output: Path | None,
    quiet: bool,
    debug: bool,
) -> None:
    """Train a model and print its run folder."""
    import logging

    with report(debug):
        with needs_extra("train"):
            from vdn.training import run
        if not quiet:
            logging.basicConfig(level=logging.WARNING, format="%(message)s")
            logging.getLogger("vdn").setLevel(logging.INFO)
        folder = run(config, overrides, output, resume)
        click.echo(folder)
        if not quiet:
            click.echo(f"make a model file of it: vdn export {folder} model.onnx", err=True)
