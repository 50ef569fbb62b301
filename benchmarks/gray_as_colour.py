"""PSNR of gray pictures stored in three equal channels, with noise that is equal in them, 8 bits.

    python benchmarks/gray_as_colour.py DATA/BSD68_gray [--model photo] [--every 8]

Every n-th picture of the folder, in the order of their names.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import vdn
from vdn.evaluation.metrics import psnr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--every", type=int, default=8, help="take every n-th picture")
    options = parser.parse_args()
    denoiser = vdn.Denoiser(options.model, precision="fp32")
    generator = np.random.default_rng(0)
    for level in (10, 25):
        rows = []
        for file in sorted(options.folder.iterdir())[:: options.every]:
            clean = np.asarray(Image.open(file).convert("L"))
            noisy = clean + generator.normal(0, level, clean.shape)
            noisy = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
            pictures = [np.repeat(plane[..., np.newaxis], 3, -1) for plane in (clean, noisy)]
            denoised = denoiser(pictures[1]).image
            rows.append([psnr(image / 255, pictures[0] / 255) for image in (pictures[1], denoised)])
        before, after = np.mean(rows, axis=0)
        print(f"noise {level}: {before:.2f} -> {after:.2f} dB, {len(rows)} pictures")


if __name__ == "__main__":
    main()
