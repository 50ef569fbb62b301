"""What is left of the light where few photons are counted, and how good the picture is.

    python benchmarks/photons.py DATA

DATA holds `train/cid22` and `train/bsd430`. Means over pictures of one channel by `gray`, with and
without what `vdn.runtime.light` gives back, and of a Gaussian blur of 2 pixels: PSNR by the
brightest value, and the sum of the result by that of the clean picture.
"""

import argparse
from pathlib import Path
from unittest.mock import patch

import numpy as np
from scipy.ndimage import gaussian_filter

import vdn
from vdn.image import read

SIDE = 320


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    return float(10 * np.log10(clean.max() ** 2 / np.mean((image - clean) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    paths = sorted((data / "train/cid22").iterdir())[::12]
    paths += sorted((data / "train/bsd430").iterdir())[::80]
    pictures = [np.asarray(read(path).pixels)[:SIDE, :SIDE] for path in paths]
    pictures = [a if a.ndim == 2 else a[..., 1] for a in pictures]
    denoiser, generator = vdn.Denoiser("gray", precision="fp32"), np.random.default_rng(3)
    print("| photons a pixel | noisy | blurred | without | light | with | light |")
    print("|---|---|---|---|---|---|---|")
    for photons in (30, 10, 3, 1, 0.3, 0.1):
        rows = []
        for picture in pictures:
            clean = picture / picture.mean() * photons
            noisy = generator.poisson(clean).astype(np.float32)
            given = denoiser(noisy).image.astype(np.float64)
            with patch("vdn.predictions.are_counts", return_value=False):
                plain = denoiser(noisy).image.astype(np.float64)
            found = [psnr(noisy, clean), psnr(gaussian_filter(noisy, 2), clean)]
            for image in (plain, given):
                found += [psnr(image, clean), image.sum() / clean.sum()]
            rows.append(found)
        print(f"| {photons} |", " | ".join(f"{value:.2f}" for value in np.mean(rows, axis=0)), "|")


if __name__ == "__main__":
    main()
