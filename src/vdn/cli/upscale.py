"""`vdn upscale`: pictures with more pixels, without their noise and their blur."""

from typing import Any

import click

from vdn.cli import options
from vdn.cli.restoring import Size, restore_files

__all__ = ["upscale"]


@click.command()
@options.inputs
@options.output
@options.model
@click.option(
    "--scale",
    metavar="N",
    type=click.IntRange(min=2),
    help="N times the pixels a side, of the scales that ship; default: the smallest.",
)
@click.option(
    "--size",
    metavar="WxH",
    type=Size(),
    help="This very size, such as 1920x1080, 1920x or x1080, in place of a scale.",
)
@options.strength("keeps all noise")
@options.plot
@options.restoring
def upscale(**given: Any) -> None:
    """Enlarge pictures, and remove their noise and blur.

    a.png becomes a.upscaled.png beside it. Resolution, dimensions and places in the
    metadata follow. With --size the picture is enlarged by the smallest scale that
    suffices, then reduced to the size, which may change its proportions. Everything
    else is as in vdn denoise.
    """
    if given["scale"] is not None and given["size"] is not None:
        raise click.BadParameter("goes against --scale", param_hint="--size")
    restore_files("upscale", **given)
