"""How often the verdict of `vdn noise` is right: a table of what it says by what is true.

    python benchmarks/noise_verdict.py DATA [--train] [--side 256] [--model NAME] [--rows FILE]

DATA holds `test/` (Set5, Set14, LIVE1, CBSD68) and `real_test/` (polyu, nam, sidd_one_block), or
for --train, on which the bounds of the verdict were chosen, `train/` (some pictures each of bsd430,
cid22, cid22_more, clic2025_half and photos) and `real_train/` (polyu). The middles of the
pictures are taken as clean, once as they are and twice (of --train once) with generated noise, of
all kinds in turn; of the real pairs the clean side is clean and the other noisy. A pair whose sides
differ by less than 3/255 (root mean square) is between the two and does not count. Nor do six old
scans of `test/` count as clean, which have grain themselves, or a clean side that is the mean of so
few exposures that noise of 3/255 is left.
Then the wrong ones by name, by kind of noise how many are called noisy, and how often the interval
of sigma holds the true one. --rows writes a JSON object a picture.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from vdn.image import Picture, read
from vdn.models import Models
from vdn.noise.simulate import simulate
from vdn.noise_report import describe_noise
from vdn.streaming import IOThreads, estimate_picture_noise

KINDS = (
    "gaussian:5+8bit",
    "gaussian:10+8bit",
    "gaussian:25+8bit",
    "gaussian:50+8bit",
    "case2+8bit",
    "poisson:200,2+8bit",
    "correlated:8,0.8+8bit",
    "correlated:15,1.2+8bit",
    "resized:15,1.6+8bit",
    "grain:8+8bit",
    "gaussian:20+jpeg:75",
    "speckle:15+8bit",
)
GRAINY = ("baboon", "face", "head_GT", "lenna", "man", "pepper")  # scans with noise of their own
TEST = {"Set5": None, "Set14": None, "LIVE1": None, "CBSD68": None}
TRAIN = {"bsd430": 80, "cid22": 35, "cid22_more": 25, "clic2025_half": 20, "photos": 30}
EXPOSURES = {"nam": 500, "polyu": 500, "sidd_one_block": 150}  # whose mean is the clean side
LEAST = 3.0  # 255ths: what differs by less from its clean picture is neither


@dataclass(frozen=True)
class Sample:
    """A picture, and what is true of it."""

    name: str
    source: str
    noise: str
    noisy: bool
    sigma: float | None
    pixels: np.ndarray


def middle(path: Path, side: int) -> np.ndarray:
    pixels = np.asarray(read(path).pixels)
    pixels = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels[..., :3]
    top, left = (max(length - side, 0) // 2 for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def generated(data: Path, side: int, train: bool) -> Iterator[Sample]:
    """Yield pictures of the sets, clean and with noise."""
    number = 0
    for folder, count in (TRAIN if train else TEST).items():
        files = sorted((data / ("train" if train else "test") / folder).iterdir())
        for path in files[:: 1 if count is None else max(1, len(files) // count)][:count]:
            clean = middle(path, side)
            name = f"{folder}/{path.stem}"
            if train or path.stem not in GRAINY:
                yield Sample(name, "generated", "clean", False, None, clean)
            for _ in range(1 if train else 2):
                kind = KINDS[number % len(KINDS)]
                unit = clean.astype(np.float32) / 255
                seed = number + 1000 * train
                noisy, _ = simulate(unit, kind, np.random.default_rng(seed))
                pixels = np.clip(np.rint(noisy * 255), 0, 255).astype(np.uint8)
                sigma = difference(pixels, clean)
                yield Sample(name, "generated", kind, True, sigma, pixels)
                number += 1


def real(data: Path, side: int, train: bool) -> Iterator[Sample]:
    """Yield both sides of the real pairs."""
    root = data / ("real_train" if train else "real_test")
    for folder in ("polyu",) if train else ("nam", "polyu", "sidd_one_block"):
        for path in sorted((root / folder / "noisy").iterdir()):
            noisy = middle(path, side)
            clean = middle(root / folder / "clean" / path.name, side)
            name = f"{folder}/{path.stem}"
            sigma = difference(noisy, clean)
            if sigma / EXPOSURES[folder] ** 0.5 < LEAST:
                yield Sample(name, "real", f"{folder} clean", False, None, clean)
            if sigma >= LEAST:
                yield Sample(name, "real", f"{folder} noisy", True, sigma, noisy)


def difference(noisy: np.ndarray, clean: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(noisy.astype(float) - clean))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--rows", type=Path)
    options = parser.parse_args()
    models = Models(options.model, threads=1)
    counts: dict[str, Counter[tuple[str, str]]] = {"generated": Counter(), "real": Counter()}
    kinds: dict[str, list[bool]] = {}
    wrong, held = [], []
    with IOThreads() as io_threads:
        for source in (generated, real):
            for sample in source(options.data, options.side, options.train):
                picture = Picture.of(sample.pixels)
                (found,) = estimate_picture_noise(models, picture, io_threads)
                record = describe_noise(found, {})
                truth = "noisy" if sample.noisy else "clean"
                counts[sample.source][truth, record["verdict"]] += 1
                kinds.setdefault(sample.noise, []).append(record["verdict"] == "noisy")
                if record["verdict"] != truth:
                    level = "" if sample.sigma is None else f", sigma {sample.sigma:.1f}"
                    wrong.append(f"{sample.name} {sample.noise}{level}")
                if sample.sigma is not None and sample.source == "generated":
                    low, high = np.sqrt(np.mean(np.square(record["noise_sigma_interval"]), axis=0))
                    held.append(low <= sample.sigma <= high)
                facts = {k: v for k, v in asdict(sample).items() if k != "pixels"}
                if options.rows is not None:
                    with options.rows.open("a") as file:
                        file.write(json.dumps({**facts, **record}) + "\n")
    print("|  | called clean | called noisy |\n|---|---|---|")
    for source, counted in counts.items():
        for truth in ("clean", "noisy"):
            said = " | ".join(str(counted[truth, verdict]) for verdict in ("clean", "noisy"))
            print(f"| {source}, {truth} | {said} |")
    total = sum(sum(counted.values()) for counted in counts.values())
    right = sum(counted[each, each] for counted in counts.values() for each in ("clean", "noisy"))
    print(f"\n{right} of {total} right: {100 * right / total:.1f} %")
    for line in wrong:
        print(f"wrong: {line}")
    for kind, called in kinds.items():
        print(f"{kind}: {sum(called)} of {len(called)} called noisy")
    print(f"interval of sigma holds the true one in {100 * np.mean(held):.0f} % (generated)")


if __name__ == "__main__":
    main()
