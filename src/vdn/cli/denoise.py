"""`vdn denoise`: clean pictures, and the maps of their noise and uncertainty."""

import dataclasses
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vdn.cli import options
from vdn.cli.batch import Outcome, run_batch
from vdn.cli.failures import usage_errors
from vdn.cli.outputs import Outputs, plan_outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vdn.denoiser import Denoised
    from vdn.image import Picture

__all__ = ["denoise"]


def denoise(
    inputs: options.Inputs,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT", help="A file for one input, a folder for several."
        ),
    ] = None,
    model: options.Model = "auto",
    strength: Annotated[
        float,
        typer.Option(min=0, max=4, help="Factor of the noise to remove; 0 returns the input."),
    ] = 1.0,
    noise_sigma: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|FILE",
            help="The noise's standard deviation if you know it, in the units of the picture.",
        ),
    ] = None,
    noise_map: Annotated[
        bool, typer.Option("--noise-map", help="Write the noise's standard deviation as TIFF too.")
    ] = False,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Write the result's standard error as TIFF too."),
    ] = False,
    max_memory: options.MaxMemory = None,
    threads: options.Threads = None,
    precision: options.Precision = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Remove the noise of pictures, whatever it is.

    a.png becomes a.denoised.png beside it; with the maps also a.noise.tiff and
    a.uncertainty.tiff, float32 in the units of the picture.
    """
    with usage_errors("--output"):
        plan = plan_outputs(inputs, output, noise_map=noise_map, uncertainty=uncertainty)
    with usage_errors("--noise-sigma"):
        sigma = _parse_sigma(noise_sigma)
    from vdn.denoiser import Denoiser
    from vdn.image import read

    with usage_errors("--model"):
        denoiser = Denoiser(model, threads, max_memory, precision)

    def work(path: Path) -> Outcome:
        start = time.perf_counter()
        picture = read(path)
        outputs = plan[path]
        if len(inputs) > 1:
            outputs.image.parent.mkdir(parents=True, exist_ok=True)
        _check(outputs, picture, overwrite)
        result = denoiser(picture.pixels, strength=strength, noise_sigma=sigma)
        _write(outputs, picture, result, overwrite=overwrite, unchanged=strength == 0)
        return _outcome(path, outputs, result, time.perf_counter() - start)

    run_batch(inputs, work, as_json=json, quiet=quiet, debug=debug)


def _parse_sigma(text: str | None) -> "float | NDArray[Any] | None":
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        from vdn.image import read

        return read(text).pixels
    if not 0 <= number < math.inf:
        raise typer.BadParameter(f"{text} is no standard deviation", param_hint="--noise-sigma")
    return number


def _check(outputs: Outputs, picture: "Picture", overwrite: bool) -> None:
    """Refuse what cannot be written before the work, not after it."""
    from vdn.image.atomic import check_target
    from vdn.image.write import check_output

    check_output(outputs.image, picture.frames, picture, overwrite=overwrite)
    for path in outputs:
        check_target(path, overwrite)


def _write(
    outputs: Outputs, picture: "Picture", result: "Denoised", *, overwrite: bool, unchanged: bool
) -> None:
    from vdn.image import write
    from vdn.image.formats import format_by_suffix
    from vdn.image.write import copy

    if unchanged and format_by_suffix(outputs.image).name == picture.format:
        copy(picture, outputs.image, overwrite=overwrite)  # not even compressed anew
    else:
        write(outputs.image, result.image, picture, overwrite=overwrite)
    frame = dataclasses.replace(picture, metadata=picture.metadata.geometry(), encoding={})
    if outputs.noise_map:
        write(outputs.noise_map, result.noise_sigma, frame, overwrite=overwrite)
    if outputs.uncertainty:
        write(outputs.uncertainty, result.uncertainty, frame, overwrite=overwrite)


def _outcome(path: Path, outputs: Outputs, result: "Denoised", seconds: float) -> Outcome:
    import numpy as np

    height, width = result.image.shape[:2]
    sigma = np.atleast_3d(result.noise_sigma).mean(axis=(0, 1), dtype=np.float64).tolist()
    record: dict[str, Any] = {
        "input": str(path),
        "output": str(outputs.image),
        "model": result.model,
        "width": width,
        "height": height,
        "noise_sigma": sigma,
        "seconds": round(seconds, 3),
    }
    for name in ("noise_map", "uncertainty"):
        if made := getattr(outputs, name):
            record[name] = str(made)
    levels = " ".join(f"{value:.3g}" for value in sigma)
    made = ", ".join(map(str, outputs))
    return Outcome(
        record, f"{path} -> {made}  (model {result.model}, noise sigma {levels}, {seconds:.1f} s)"
    )
