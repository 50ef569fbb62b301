"""`vdn simulate`: make a clean picture noisy, with the true map."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from vdn.cli import options
from vdn.cli.failures import report

__all__ = ["simulate"]


def simulate(
    clean: Annotated[Path, typer.Argument(metavar="CLEAN", help="A clean picture.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The noisy picture to write.")],
    noise: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="case1, case2, case3, bump, gaussian:SIGMA, poisson:PHOTONS[,READ] or camera; "
            "SIGMA and READ in 255ths of white.",
        ),
    ],
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same noise.")] = 0,
    sigma_map: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the true standard deviation as TIFF too."),
    ] = None,
    overwrite: options.Overwrite = False,
    debug: options.Debug = False,
) -> None:
    """Make a clean picture noisy.

    The sum is rounded and clipped as the file's type demands: floats not at all.
    """
    with report(debug):
        import numpy as np

        from vdn.image import read, to_unit, write
        from vdn.image.atomic import check_target
        from vdn.image.write import check_output
        from vdn.noise.simulate import simulate as add_noise

        picture = read(clean)
        check_output(out, picture.frames, picture, overwrite=overwrite)
        if sigma_map is not None:
            check_target(sigma_map, overwrite)
        unit = to_unit(picture.pixels)
        noisy, sigma = add_noise(unit.planes, noise, np.random.default_rng(seed))
        write(out, unit.restore(noisy), picture, overwrite=overwrite)
        if sigma_map is not None:
            frame = dataclasses.replace(picture, metadata=picture.metadata.geometry(), encoding={})
            write(sigma_map, unit.map_to_user(sigma), frame, overwrite=overwrite)
