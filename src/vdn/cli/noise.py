"""`vdn noise`: how noisy pictures are, where, and of what kind the noise is."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vdn.cli import options
from vdn.cli.batch import Outcome, run_batch
from vdn.cli.failures import report, usage_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vdn.denoiser import NoiseEstimate

__all__ = ["noise"]

_GRID = 4  # cells a side, among which are the quietest and the noisiest


def noise(
    inputs: options.Inputs,
    model: options.Model = "auto",
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the map and the curve of one picture (PNG, PDF)."),
    ] = None,
    max_memory: options.MaxMemory = None,
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Tell how noisy pictures are, where and why.

    Every number is a standard deviation in the units of the picture: 0 to 255 for 8 bit, 0 to
    65535 for 16 bit, as given for float.
    """
    if plot is not None:
        if len(inputs) > 1:
            raise typer.BadParameter("give one picture to draw", param_hint="--plot")
        from vdn.cli.noise_plot import check_plot

        with report(debug):
            check_plot(plot, overwrite)
    from vdn.denoiser import Denoiser
    from vdn.image import read

    with usage_errors("--model"):
        denoiser = Denoiser(model, threads, max_memory)

    def work(path: Path) -> Outcome:
        pixels = read(path).pixels
        estimate = denoiser.estimate_noise(pixels)
        outcome = _outcome(path, pixels, estimate)
        if plot is None:
            return outcome
        from vdn.cli.noise_plot import draw_noise

        draw_noise(plot, path.name, estimate, overwrite)
        return Outcome({**outcome.record, "plot": str(plot)}, f"{outcome.text}\n  plot      {plot}")

    run_batch(inputs, work, as_json=json, quiet=quiet, debug=debug)


def _outcome(path: Path, pixels: "NDArray[Any]", estimate: "NoiseEstimate") -> Outcome:
    height, width = pixels.shape[:2]
    cells = sorted(_cells(estimate.map), key=lambda cell: cell["sigma"])
    quietest, noisiest = cells[0], cells[-1]
    profile = estimate.profile
    sigma = [float(value) for value in estimate.sigma]
    record = {
        "input": str(path),
        "model": estimate.model,
        "width": width,
        "height": height,
        "noise_sigma": sigma,
        "quietest": quietest,
        "noisiest": noisiest,
        "kind": profile.describe(),
        "variance_slope": list(profile.a),
        "variance_at_black": list(profile.b),
    }
    lines = [
        f"{path}  ({width} x {height}, {pixels.dtype}, model {estimate.model})",
        f"  sigma     {' '.join(f'{value:.3g}' for value in sigma)}",
        f"  quietest  {_place(quietest)}",
        f"  noisiest  {_place(noisiest)}",
        f"  kind      {profile.describe()}",
    ]
    return Outcome(record, "\n".join(lines))


def _cells(map_: "NDArray[Any]") -> list[dict[str, Any]]:
    """Return the root mean square of a map in the cells of a coarse grid."""
    import numpy as np

    def parts(length: int) -> list[tuple[int, int]]:
        edges = np.linspace(0, length, min(_GRID, length) + 1).astype(int).tolist()
        return list(itertools.pairwise(edges))

    def rms(part: "NDArray[Any]") -> float:
        return float(np.sqrt(np.mean(np.square(part, dtype=np.float64))))

    return [
        {
            "sigma": rms(map_[top:bottom, left:right]),
            "row": top,
            "column": left,
            "height": bottom - top,
            "width": right - left,
        }
        for top, bottom in parts(map_.shape[0])
        for left, right in parts(map_.shape[1])
    ]


def _place(cell: dict[str, Any]) -> str:
    bottom, right = cell["row"] + cell["height"] - 1, cell["column"] + cell["width"] - 1
    return (
        f"{cell['sigma']:.3g}  in rows {cell['row']} to {bottom}, "
        f"columns {cell['column']} to {right}"
    )
