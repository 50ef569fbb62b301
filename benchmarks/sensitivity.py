"""How the result depends on eps0^2, on the window p, and on each term of the bound.

    python benchmarks/sensitivity.py {eps0,window,terms} [--out runs/sensitivity] [--set KEY=VALUE]

Trains one small network a setting (`configs/sensitivity.toml`), all on the same samples, and writes
`<study>.json` and, with matplotlib, `<study>.png` beside the run folders. A study that was stopped
goes on where it was; settings that are done are not trained again.

`eps0`: prior variances of the image from 1e-3 to 1e-8, and squared error alone, their limit.
`window`: sides p of the window, with xi the filtered squared residual, as for real noise; p is both
the window over which the noise is averaged, its sigma (p - 1) / 2, and the confidence of the prior.
`terms`: each term of the bound left out in turn.
"""

import argparse
import json
from pathlib import Path

from vdn.training import run

STUDIES: dict[str, dict[str, list[str]]] = {
    "eps0": {
        **{
            f"{value:g}": [f"objective.eps0_squared={value}"]
            for value in (1e-3, 1e-4, 5e-5, 1e-5, 1e-6, 1e-7, 1e-8)
        },
        "MSE": ["objective.kind=mse"],
    },
    "window": {
        str(side): [
            "objective.xi=residual",
            f"objective.window={side}",
            f"objective.window_sigma={(side - 1) / 2}",
        ]
        for side in (3, 5, 7, 11, 15, 19)
    },
    "terms": {
        "all": [],
        **{
            f"without {term}": [f"objective.weights={{ {term} = 0.0 }}"]
            for term in ("likelihood", "kl_image", "kl_noise")
        },
    },
}
AXES = {"eps0": "prior variance of the image", "window": "side p of the window", "terms": ""}
CASES = ("awgn15", "awgn25", "awgn50", "case2")


def log_rows(folder: Path, kind: str) -> list[dict[str, float]]:
    log = folder / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [row for row in map(json.loads, lines) if row["kind"] == kind]


def measure(config: Path, folder: Path, overrides: list[str]) -> dict[str, float]:
    """Train unless that is done, and return the last validation: dB, and errors of mean sigma."""
    if not log_rows(folder, "calibration"):  # the last line of a run that ended
        resume = (folder / "checkpoint.pt").exists()
        run(config, overrides, folder, resume=resume)
    last = log_rows(folder, "validation")[-1]
    return {name: value for name, value in last.items() if name != "kind"}


def plot(study: str, rows: list[dict], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    style = {"marker": "o", "linestyle": "-" if AXES[study] else "none"}
    for case in CASES:
        psnr = [row[f"psnr_{case}"] for row in rows]
        sigma_error = [row.get(f"sigma_error_{case}") for row in rows]
        axes[0].plot([value - max(psnr) for value in psnr], label=case, **style)
        axes[1].plot(sigma_error, label=case, **style)
    for axis in axes:
        axis.set_xticks(range(len(rows)), [row["setting"] for row in rows], rotation=30)
        axis.set_xlabel(AXES[study])
    axes[0].set_ylabel("PSNR against the best setting, dB")
    axes[1].set_ylabel("relative error of the mean sigma")
    axes[1].set_yscale("log")
    axes[1].legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--config", type=Path, default=Path("configs/sensitivity.toml"))
    parser.add_argument("--out", type=Path, default=Path("runs/sensitivity"))
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    rows: list[dict] = []
    for setting, overrides in STUDIES[options.study].items():
        folder = options.out / options.study / setting.replace(" ", "_")
        values = measure(options.config, folder, [*options.overrides, *overrides])
        rows.append({"setting": setting, **values})
        print(setting, *(f"{case} {values[f'psnr_{case}']:.2f} dB" for case in CASES), sep="  ")
        table = options.out / f"{options.study}.json"
        table.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    try:
        plot(options.study, rows, options.out / f"{options.study}.png")
    except ImportError:
        print("no plot: pip install 'vdn[bench]'")


if __name__ == "__main__":
    main()
