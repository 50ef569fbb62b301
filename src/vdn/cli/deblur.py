"""`vdn deblur`: pictures without the mild blur of lenses, focus and short movements."""

from typing import Any

import click

from vdn.cli import options
from vdn.cli.restoring import restore_files

__all__ = ["deblur"]


@click.command()
@options.inputs
@options.output
@options.model
@options.strength("keeps all noise")
@options.plot
@options.restoring
def deblur(**given: Any) -> None:
    """Sharpen pictures that are mildly blurred, and remove their noise.

    The blur is found in the picture: of a lens, of focus, of a short movement. What is
    sharp and clean stays as it is. a.png becomes a.deblurred.png beside it. Everything
    else is as in vdn denoise.
    """
    restore_files("deblur", **given)
