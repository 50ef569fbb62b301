"""`vdn simulate`: make a clean picture noisy, or blurred and smaller too, with the truth."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vdn.cli import options
from vdn.cli.failures import report

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["simulate"]


@click.command()
@click.argument("clean", metavar="CLEAN", type=options.PATH, help="A clean picture.")
@click.argument("out", metavar="OUT", type=options.PATH, help="The picture to write.")
@click.option(
    "--noise",
    metavar="NOISE",
    help="gaussian:SIGMA, poisson:PHOTONS[,READ], correlated:SIGMA[,BLUR], photons:SIGMA, bump, "
    "case1, case2, case3 (the paper's maps), gradient, camera, common:SIGMA, per_channel:SIGMA, "
    "speckle:SIGMA, grain:SIGMA, resized:SIGMA[,FACTOR], rows:SIGMA, hot:SHARE, clean or "
    "file.py:FUNCTION. SIGMA and READ are in 255ths of white, LOW..HIGH draws a value, A+B adds "
    "one to another; +jpeg:QUALITY and +8bit at the end do what files do.",
)
@click.option(
    "--degradation",
    metavar="BLUR",
    help="Before the noise: gaussian_blur:WIDTH, anisotropic_blur:WIDTH[,ACROSS[,DEGREES]], "
    "defocus:DIAMETER, motion:LENGTH[,DEGREES], bicubic:FACTOR or direct:FACTOR (smaller so many "
    "times), A+B one after the other, a reduction last. Lengths are in pixels of CLEAN.",
)
@options.seed
@click.option(
    "--sigma-map",
    metavar="FILE",
    type=options.PATH,
    help="Write the true standard deviation as TIFF too.",
)
@click.option(
    "--kernel",
    metavar="FILE",
    type=options.PATH,
    help="Write the weights of the blur as TIFF too, one pixel for a pixel of CLEAN.",
)
@options.overwrite
@options.quiet
@options.debug
def simulate(
    clean: Path,
    out: Path,
    noise: str | None,
    degradation: str | None,
    seed: int,
    sigma_map: Path | None,
    kernel: Path | None,
    overwrite: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Add noise to a clean picture, or blur it and make it smaller before that.

    Prints the standard deviation of the noise, in the units of the picture, and the widths of the
    blur. The result is rounded and clipped to the type of the file; floats are not.
    """
    if noise is None and degradation is None:
        raise click.UsageError("nothing to do: give --noise, --degradation or both")
    if kernel is not None and degradation is None:
        raise click.UsageError("--kernel is that of a --degradation; give one")
    with report(debug):
        import numpy as np

        from vdn.image import read, to_unit, write
        from vdn.image.atomic import check_target
        from vdn.image.write import check_output
        from vdn.noise.degradation import parse_degradation
        from vdn.noise.degrade import degrade
        from vdn.noise.registry import parse_noise
        from vdn.noise.simulate import simulate as add_noise

        scale = parse_degradation(degradation).scale if degradation else 1
        parse_noise(noise or "clean")
        picture = read(clean)
        frames = [
            frame.spec(shape=(*(-(-side // scale) for side in frame.shape[:2]), *frame.shape[2:]))
            for frame in picture.frames
        ]
        check_output(out, frames, picture, overwrite=overwrite)
        for extra in (sigma_map, kernel):
            if extra is not None:
                check_target(extra, overwrite)
        unit = to_unit(picture.pixels)
        generator = np.random.default_rng(seed)
        made = degrade(unit.planes, degradation or "identity", generator)
        noisy, sigma = add_noise(made.image, noise or "clean", generator)
        if scale > 1:  # alpha, and what has no data, are those of the pixels at the centres
            unit = to_unit(_centres(_centres(picture.pixels, scale, 0), scale, 1), unit.range)
        write(out, unit.restore(noisy), picture, overwrite=overwrite)
        in_units = unit.map_to_user(sigma)
        if sigma_map is not None:
            frame = dataclasses.replace(picture, metadata=picture.metadata.geometry(), encoding={})
            write(sigma_map, in_units, frame, overwrite=overwrite)
        if kernel is not None:
            write(kernel, made.kernel.astype(np.float32), overwrite=overwrite)
        if not quiet:
            root = np.sqrt(np.mean(np.square(in_units, dtype=np.float64)))
            low, high = in_units.min(), in_units.max()
            spread = f", from {low:.3g} to {high:.3g}" if high > low else ""
            what = ", ".join(filter(None, (degradation, noise)))
            blur = f"{made.describe()}; " if degradation else ""
            click.echo(f"{out}: {what}, seed {seed}: {blur}noise of {root:.3g}{spread}")


def _centres(pixels: "NDArray[Any]", scale: int, axis: int) -> "NDArray[Any]":
    """Return the pixel in the middle of every `scale` along an axis, or the last there is."""
    size = pixels.shape[axis]
    return pixels.take(range(scale // 2, scale // 2 + size, scale), axis, mode="clip")
