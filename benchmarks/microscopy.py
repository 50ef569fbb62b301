"""Microscopy: pairs of a noisy and a clean picture, before and after denoising.

    python benchmarks/microscopy.py DATA/micro [--model gray] [--json figures.json]

DATA/micro holds sets, folders with `noisy/` and `clean/` of equal names. The clean picture is a
mean of many exposures, often in another unit: gain and offset are fitted by least squares, a
channel each, to what is compared with it, the noisy picture and the denoised one alike. Where the
sizes differ, the larger is cut to the place that fits best. Empty channels are left out. PSNR is
that of the fitted pictures, the peak the largest value of the clean one.
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn import Denoiser
from vdn.image import read

Image = NDArray[np.float64]


def psnr(image: Image, clean: Image) -> float:
    """Return the PSNR in dB of the image with the gain and the offset that fit best."""
    errors = []
    for channel in range(clean.shape[2]):
        x, y = image[..., channel].ravel(), clean[..., channel].ravel()
        gain = np.cov(x, y)[0, 1] / np.var(x, ddof=1)
        errors.append(np.mean((gain * (x - x.mean()) + y.mean() - y) ** 2))
    return float(10 * np.log10(clean.max() ** 2 / np.mean(errors)))


def aligned(noisy: Image, clean: Image) -> tuple[Image, Image]:
    """Cut both to a common size, where they agree best."""
    height, width = np.minimum(noisy.shape[:2], clean.shape[:2])

    def places(image: Image) -> Iterator[Image]:
        free = image.shape[0] - height + 1, image.shape[1] - width + 1
        for top, left in itertools.product(*map(range, free)):
            yield image[top : top + height, left : left + width]

    return max(itertools.product(places(noisy), places(clean)), key=lambda pair: psnr(*pair))


def pairs(folder: Path) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Yield the name, the noisy and the clean picture of each pair, without empty channels."""
    for path in sorted((folder / "noisy").iterdir()):
        noisy, clean = (
            np.atleast_3d(read(folder / side / path.name).pixels) for side in ("noisy", "clean")
        )
        used = [c for c in range(clean.shape[2]) if np.ptp(clean[..., c]) and np.ptp(noisy[..., c])]
        yield path.stem, *aligned(noisy[..., used], clean[..., used])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="gray")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    denoiser = Denoiser(options.model)
    rows = []
    print(f"{'picture':32} {'noisy':>7} {'denoised':>9} {'sigma':>7}")
    for folder in sorted(path for path in options.folder.iterdir() if path.is_dir()):
        for name, noisy, clean in pairs(folder):
            # Channel by channel, as the colours are those of dyes.
            results = [denoiser(np.ascontiguousarray(noisy[..., c])) for c in range(noisy.shape[2])]
            denoised = np.stack([result.image for result in results], axis=2)
            before, after = (
                psnr(image.astype(np.float64), clean.astype(np.float64))
                for image in (noisy, denoised)
            )
            sigma = [round(float(result.noise_sigma.mean()), 2) for result in results]
            rows.append({"set": folder.name, "name": name, "noisy": round(before, 2),
                         "denoised": round(after, 2), "sigma": sigma})  # fmt: skip
            print(f"{folder.name + '/' + name:32} {before:7.2f} {after:9.2f} {sigma}", flush=True)
    for label, chosen in itertools.groupby(rows, key=lambda row: row["set"]):
        each = list(chosen)
        before, after = (np.mean([row[key] for row in each]) for key in ("noisy", "denoised"))
        print(f"{label + ', mean of ' + str(len(each)):32} {before:7.2f} {after:9.2f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
