"""`vdn denoise`: clean pictures, and the maps of their noise and uncertainty."""

from typing import Any

import click

from vdn.cli import options
from vdn.cli.restoring import restore_files

__all__ = ["denoise"]


@click.command()
@options.inputs
@options.output
@options.model
@options.strength("returns the input")
@options.restoring
def denoise(**given: Any) -> None:
    """Remove the noise of pictures, whatever it is.

    a.png becomes a.denoised.png beside it; with the maps also a.noise.tiff and
    a.uncertainty.tiff, float32 in the units of the picture (with --map-format png
    16 bits, whose description says what a step is worth). With -o OUT, folders
    are mirrored in the folder OUT. In folders, hidden files, results of earlier
    runs and files that are not pictures are skipped. One bad file does not stop the
    others; a stopped run is resumed with --skip-existing. With --cluster, INPUT and OUT may
    lie on object storage: s3://, gs:// or az://.
    """
    restore_files("denoise", **given)
