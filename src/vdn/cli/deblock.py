"""`vdn deblock`: pictures without what JPEG has left in them."""

from typing import Any

import click

from vdn.cli import options
from vdn.cli.restoring import restore_files

__all__ = ["deblock"]


@click.command()
@options.inputs
@options.output
@options.model
@options.strength("returns the input")
@options.restoring
def deblock(**given: Any) -> None:
    """Remove the blocks and rings that JPEG leaves, of any quality, also cropped since.

    Tells the quality of the file's tables and the one that the pixels bear the traces of,
    with its interval, and warns when the two contradict each other. a.jpg becomes
    a.deblocked.jpg beside it, compressed as before: -o a.png keeps all of the result.
    Everything else is as in vdn denoise.
    """
    restore_files("deblock", **given)
