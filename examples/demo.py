"""Denoise the example photograph and lay the result beside it: `make demo`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageDraw

PHOTO = Path(__file__).parent / "grace_hopper.jpg"
OUT = Path("demo")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "vdn", "denoise", str(PHOTO), "-o", f"{OUT}/"]
    subprocess.run([*command, "--noise-map", "--uncertainty", "--overwrite"], check=True)
    noisy = Image.open(PHOTO).convert("RGB")
    clean = Image.open(OUT / PHOTO.name).convert("RGB")
    sigma = tifffile.imread(OUT / f"{PHOTO.stem}.noise.tiff").mean(axis=2)
    grey = np.clip(255 * sigma / np.percentile(sigma, 99.5), 0, 255).astype(np.uint8)
    panels = {
        "noisy": noisy,
        "denoised": clean,
        f"noise map, mean {sigma.mean():.1f}": Image.fromarray(grey).convert("RGB"),
    }
    side = Image.new("RGB", (len(panels) * noisy.width, noisy.height + 20), "white")
    draw = ImageDraw.Draw(side)
    for index, (caption, panel) in enumerate(panels.items()):
        side.paste(panel, (index * noisy.width, 20))
        draw.text((index * noisy.width + 6, 4), caption, fill="black")
    side.save(OUT / "side_by_side.png")
    print(f"clean image   {OUT / PHOTO.name}")
    print(f"noise map     {OUT / PHOTO.stem}.noise.tiff")
    print(f"uncertainty   {OUT / PHOTO.stem}.uncertainty.tiff")
    print(f"side by side  {OUT}/side_by_side.png")


if __name__ == "__main__":
    main()
