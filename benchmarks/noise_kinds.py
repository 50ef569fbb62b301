"""What models make of the kinds of noise, and of pictures, that people bring.

    python benchmarks/noise_kinds.py DATA [MODEL]...

DATA holds `test/Set14`, `test/CBSD68`, `real_test/polyu` and `real_test/nam`. Of every case, means:
PSNR of the noisy pictures, of the results, and of the results where the model is told the standard
deviation at every pixel; the estimate as a factor of the truth (root mean squares), and the shares
of pixels whose 90 % interval of sigma holds the truth, and whose error lies within that of the
image. With --gray the green channels alone.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import vdn
from vdn.data.pages import render_page
from vdn.image import read
from vdn.noise.registry import parse_noise

GRAY = "--gray" in sys.argv
NORMAL_90 = 1.645
CASES = {
    "gaussian:5+8bit": "photos",
    "gaussian:15": "photos",
    "gaussian:25": "photos",
    "gaussian:50": "photos",
    "case2": "photos",
    "correlated:12,0.5": "photos",
    "correlated:12,0.8": "photos",
    "correlated:12,1.2": "photos",
    "resized:25,1.6": "photos",
    "gaussian:20+jpeg:75": "photos",
    "gaussian:20+jpeg:60": "photos",
    "grain:12": "photos",
    "camera:10": "photos",
    "clean": "photos",
    "clean+jpeg:90": "photos",
    "baboon clean": "baboon",
    "baboon gaussian:5+8bit": "baboon",
    "baboon gaussian:10+8bit": "baboon",
    "text clean": "pages",
    "text clean+jpeg:90": "pages",
    "text gaussian:10+8bit": "pages",
}


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    difference = np.clip(image.astype(np.float64), 0, 255) - clean
    error = np.mean(np.square(difference))
    return float(-10 * np.log10(max(error, 1e-4) / 255**2))


def picture(path: Path, side: int = 320) -> np.ndarray:
    pixels = np.asarray(read(path).pixels)
    pixels = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels[..., :3]
    if GRAY:
        pixels = pixels[..., 1:2]
    top, left = (max(length - side, 0) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def cleans(data: Path) -> dict[str, list[np.ndarray]]:
    set14 = sorted((data / "test/Set14").iterdir())
    photos = sorted((data / "test/CBSD68").iterdir())[::8]
    drawn = np.random.default_rng(77)
    return {
        "photos": [picture(path) for path in photos],
        "baboon": [picture(path) for path in set14 if "baboon" in path.name.lower()],
        "pages": [
            render_page(drawn, 320)[..., slice(1, 2) if GRAY else slice(3)] for _ in range(6)
        ],
    }


def simulated(data: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield case, noisy, clean and sigma, each (H, W, 3) in 255ths."""
    pictures = cleans(data)
    for case, kind in CASES.items():
        model = parse_noise(case.split()[-1])
        for number, clean in enumerate(pictures[kind]):
            planes = np.ascontiguousarray(clean.transpose(2, 0, 1)[None], np.float32) / 255
            noisy, sigma = model(planes, np.random.default_rng((5, number)))
            sigma = np.broadcast_to(sigma, planes.shape)
            sides = (255 * each[0].transpose(1, 2, 0) for each in (noisy, sigma))
            noisy, sigma = map(np.ascontiguousarray, sides)
            yield case, noisy, sigma, clean


def pairs(data: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for name in ("polyu", "nam"):
        folder = data / "real_test" / name
        for path in sorted((folder / "noisy").iterdir()):
            clean = next((folder / "clean").glob(f"{path.stem}.*"))
            yield name, picture(path, 512), picture(clean, 512)


def row(case: str, found: list[list[float]]) -> dict[str, object]:
    names = ("noisy", "denoised", "told", "sigma", "interval", "error interval")
    means = np.mean(found, axis=0)
    return {"case": case} | {
        name: round(float(value), 3) for name, value in zip(names, means, strict=False)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("models", nargs="*", default=["auto"])
    parser.add_argument("--gray", action="store_true")
    parser.add_argument("--only", help="cases whose name holds this")
    arguments = parser.parse_args()
    for name in arguments.models:
        denoiser = vdn.Denoiser(name, precision="fp32")
        rows: dict[str, list[list[float]]] = {}
        for case, noisy, sigma, clean in simulated(arguments.data):
            if arguments.only and arguments.only not in case:
                continue
            whole = np.array_equal(noisy, np.rint(noisy)) and noisy.min() >= 0
            given = noisy.astype(np.uint8) if whole else (noisy / 255).astype(np.float32)
            unit = 1 if whole else 255
            told = denoiser(given, noise_sigma=sigma / unit)
            result = denoiser(given)
            low, high = (unit * bound for bound in result.noise_sigma_interval(0.9))
            truth = np.maximum(sigma, 12**-0.5)
            bound = np.maximum(NORMAL_90 * unit * result.uncertainty, 0.5)  # that of rounding
            level = unit * np.sqrt(np.mean(np.square(result.noise_sigma)))
            rows.setdefault(case, []).append(
                [
                    psnr(noisy, clean),
                    psnr(unit * result.image.astype(np.float32), clean),
                    psnr(unit * told.image.astype(np.float32), clean),
                    level / np.sqrt(np.mean(np.square(truth))),
                    np.mean((low <= truth) & (truth <= high)),
                    np.mean(np.abs(unit * result.image.astype(np.float32) - clean) <= bound),
                ]
            )
        for case, noisy, clean in pairs(arguments.data):
            if not arguments.only or arguments.only in case:
                rows.setdefault(case, []).append(
                    [psnr(noisy, clean), psnr(denoiser(noisy).image, clean)]
                )
        for case, found in rows.items():
            print(json.dumps({"model": name} | row(case, found)), flush=True)


if __name__ == "__main__":
    main()
