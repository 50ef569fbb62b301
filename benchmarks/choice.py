"""Where the models for white noise find more noise than there is, and by which signs that is told.

    python benchmarks/choice.py DATA [--colour]

DATA holds `train/cid22` and `train/bsd430`. Of pictures of one channel with each kind of noise: the
estimate of `gray` over a robust one and over that of `photo`, least, median and greatest; and how
often `auto` takes `photo`. With --colour the same of `gaussian` and pictures in colour.
"""

import argparse
from pathlib import Path

import numpy as np

from vdn.data.pages import render_page
from vdn.image import read
from vdn.image.frame import Frame
from vdn.models import Models
from vdn.noise.registry import parse_noise
from vdn.noise_kind import NoiseKind
from vdn.predictions import LoadedModel

KINDS = ["clean", *(f"gaussian:{level}+8bit" for level in (2, 5, 10)), "gaussian:25", "gaussian:50"]
KINDS += ["case1", "case2", "case3", "correlated:12,0.5"]
PHOTONS = [1000, 100, 10, 3, 1]  # a pixel
SIDE = 320


def pictures(data: Path, colour: bool) -> dict[str, list[np.ndarray]]:
    paths = sorted((data / "train/cid22").iterdir())[::10]
    paths += sorted((data / "train/bsd430").iterdir())[::60]
    photographs = [np.asarray(read(path).pixels)[:SIDE, :SIDE] for path in paths]
    photographs = [np.dstack([a] * 3) if a.ndim == 2 else a for a in photographs]
    drawn = np.random.default_rng(5)
    pages = [render_page(drawn, SIDE) for _ in range(6)]
    return {
        "photographs": [picture if colour else picture[..., 1] for picture in photographs],
        "pages": [page if colour else page[..., 1] for page in pages],
    }


def noisy(clean: np.ndarray, kind: str | int, generator: np.random.Generator) -> np.ndarray:
    if isinstance(kind, int):
        return generator.poisson(clean / max(clean.mean(), 1) * kind).astype(np.float32)
    planes = np.ascontiguousarray(np.atleast_3d(clean).transpose(2, 0, 1)[None], np.float32) / 255
    result = 255 * parse_noise(kind)(planes, generator)[0][0].transpose(1, 2, 0)
    result = result.reshape(clean.shape)
    whole = np.array_equal(result, np.rint(result)) and result.min() >= 0
    return np.ascontiguousarray(result, np.uint8 if whole else np.float32)


def loaded(name: str) -> LoadedModel:
    models, any_frame = Models(name, precision="fp32"), Frame.of(np.zeros((SIDE, SIDE), np.float32))
    return models.load(models.choose(any_frame), any_frame.dtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--colour", action="store_true")
    options = parser.parse_args()
    models = Models(precision="fp32")
    white, photo = (loaded(name) for name in ("gaussian" if options.colour else "gray", "photo"))
    groups = pictures(options.data, options.colour)
    for name, cleans in groups.items():
        for kind in [*KINDS, *(PHOTONS if name == "photographs" else [])]:
            rows = []
            for number, clean in enumerate(cleans):
                frame = Frame.of(noisy(clean, kind, np.random.default_rng((5, number))))
                look = NoiseKind.of(frame)
                own, other = (look.estimate(model, nominal=False) for model in (white, photo))
                chosen = models.suited(frame).card.name == "photo"
                rows.append((own / max(look.robust_sigma, 1e-6), own / other, chosen))
            ratios = np.quantile(np.array(rows)[:, :2], (0, 0.5, 1), axis=0).T
            over = " | ".join(", ".join(f"{value:.2f}" for value in each) for each in ratios)
            what = f"{kind} photons" if isinstance(kind, int) else kind
            share = f"{sum(row[2] for row in rows)} of {len(rows)}"
            print(f"| {name}, {what} | {over} | {share} |", flush=True)


if __name__ == "__main__":
    main()
