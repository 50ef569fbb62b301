"""PSNR and noise-map accuracy of a model on clean test images with synthetic noise.

    python benchmarks/quality.py gaussian path/to/CBSD68 [--limit N] [--json FILE]

The paper's protocol: images cropped to multiples of 16, noise not clipped, the denoised and the
clean image rounded to 8 bits, PSNR over RGB jointly, averaged over images. Noise is drawn from
(seed, case, image), so the order and the number of images change nothing.
"""

import argparse
import json
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

import vdn
from vdn.noise.fields import TEST_MAPS

CASES = ("awgn15", "awgn25", "awgn50", "case1", "case2", "case3")


def sigma_map(case: str, shape: tuple[int, int]) -> np.ndarray:
    if case in TEST_MAPS:
        return TEST_MAPS[case](shape)
    return np.full(shape, int(case.removeprefix("awgn")) / 255, np.float32)


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    eight_bit = np.rint(np.clip(image, 0, 1) * 255)
    return float(10 * np.log10(255**2 / np.mean((eight_bit - np.rint(clean * 255)) ** 2)))


def measure(denoiser: vdn.Denoiser, path: Path, case: str, seed: int) -> dict[str, float]:
    pixels = np.asarray(Image.open(path).convert("RGB"))
    height, width = (side - side % 16 for side in pixels.shape[:2])
    clean = pixels[:height, :width].astype(np.float32) / 255
    generator = np.random.default_rng((seed, zlib.crc32(f"{case} {path.stem}".encode())))
    sigma = sigma_map(case, (height, width))[..., None]
    noisy = clean + sigma * generator.standard_normal(clean.shape, dtype=np.float32)
    result = denoiser(noisy)
    error = np.abs(result.image - clean)
    low, high = result.noise_sigma_interval(0.9)
    found = result.noise_sigma
    return {
        "noisy": psnr(noisy, clean),
        "psnr": psnr(result.image, clean),
        "mean_sigma_error": abs(float(found.mean() / sigma.mean()) - 1),
        "map_error": float(np.sqrt(np.mean((found - sigma) ** 2)) / np.sqrt(np.mean(sigma**2))),
        "sigma_coverage90": float(np.mean((low <= sigma) & (sigma <= high))),
        "error_coverage90": float(np.mean(error <= 1.645 * result.uncertainty)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    denoiser = vdn.Denoiser(options.model, precision=options.precision)
    paths = sorted(p for p in options.folder.iterdir() if p.suffix.lower() in {".png", ".webp"})
    table = {}
    for case in CASES:
        rows = [measure(denoiser, path, case, options.seed) for path in paths[: options.limit]]
        table[case] = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        print(case, " ".join(f"{name} {value:.4g}" for name, value in table[case].items()))
    if options.json:
        options.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
