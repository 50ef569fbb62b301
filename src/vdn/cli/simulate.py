"""`vdn simulate`: make a clean picture noisy, with the true map."""

import dataclasses
from pathlib import Path

import click

from vdn.cli import options
from vdn.cli.failures import report

__all__ = ["simulate"]


@click.command()
@click.argument("clean", metavar="CLEAN", type=options.PATH, help="A clean picture.")
@click.argument("out", metavar="OUT", type=options.PATH, help="The noisy picture to write.")
@click.option(
    "--noise",
    metavar="NOISE",
    required=True,
    help="gaussian:SIGMA, poisson:PHOTONS[,READ], correlated:SIGMA[,BLUR], photons:SIGMA, bump, "
    "case1, case2, case3 (the paper's maps), gradient, camera, common:SIGMA, per_channel:SIGMA, "
    "speckle:SIGMA, grain:SIGMA, resized:SIGMA[,FACTOR], rows:SIGMA, hot:SHARE, clean or "
    "file.py:FUNCTION. SIGMA and READ are in 255ths of white, LOW..HIGH draws a value, A+B adds "
    "one to another; +jpeg:QUALITY and +8bit at the end do what files do.",
)
@options.seed
@click.option(
    "--sigma-map",
    metavar="FILE",
    type=options.PATH,
    help="Write the true standard deviation as TIFF too.",
)
@options.overwrite
@options.quiet
@options.debug
def simulate(
    clean: Path,
    out: Path,
    noise: str,
    seed: int,
    sigma_map: Path | None,
    overwrite: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Add noise to a clean picture.

    Prints the standard deviation of the noise, in the units of the picture. The result is rounded
    and clipped to the type of the file; floats are not.
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
        in_units = unit.map_to_user(sigma)
        if sigma_map is not None:
            frame = dataclasses.replace(picture, metadata=picture.metadata.geometry(), encoding={})
            write(sigma_map, in_units, frame, overwrite=overwrite)
        if not quiet:
            root = np.sqrt(np.mean(np.square(in_units, dtype=np.float64)))
            low, high = in_units.min(), in_units.max()
            spread = f", from {low:.3g} to {high:.3g}" if high > low else ""
            click.echo(f"{out}: {noise}, seed {seed}: noise of {root:.3g}{spread}")
