"""PSNR on real noisy photographs before and after, and on clean ones left alone.

    python benchmarks/real.py photo --pairs path/to/nam [path/to/polyu ...] [--clean FOLDER]

Each folder of pairs holds ``noisy/NAME`` and ``clean/NAME``, 8-bit colour.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

import vdn


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9)))


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--pairs", type=Path, nargs="*", default=[])
    parser.add_argument("--clean", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    denoiser = vdn.Denoiser(options.model)
    rows = []
    for folder in options.pairs:
        for path in sorted((folder / "noisy").iterdir()):
            noisy, clean = read(path), read(folder / "clean" / path.name)
            after = psnr(denoiser(noisy).image, clean)
            rows.append({"set": folder.name, "name": path.stem, "noisy": psnr(noisy, clean)})
            rows[-1]["denoised"] = after
            print(folder.name, path.stem, f"{rows[-1]['noisy']:.2f} -> {after:.2f}")
    for path in sorted(options.clean.iterdir()) if options.clean else []:
        clean = read(path)
        rows.append({"set": "clean", "name": path.stem})
        rows[-1]["denoised"] = psnr(denoiser(clean).image, clean)
    for name in dict.fromkeys(row["set"] for row in rows):
        of_set = [row for row in rows if row["set"] == name]
        after = np.mean([row["denoised"] for row in of_set])
        before = np.mean([row.get("noisy", np.nan) for row in of_set])
        worse = sum(row["denoised"] <= row.get("noisy", -1) for row in of_set)
        print(f"{name}: {len(of_set)} images, {before:.2f} -> {after:.2f} dB, {worse} not better")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
