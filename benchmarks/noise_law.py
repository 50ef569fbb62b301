"""How near the law of the noise is that is read off pictures of known gain and read-out noise.

    python benchmarks/noise_law.py DATA/BSD68_gray [--limit 20]

Twelve settings of Poisson-Gaussian noise, variance = a x + b with white at 1. One line each: of a
and of b how often they are said to be known, the median and the largest error there, and how often
the 90 % interval holds the true one, known or not.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np

from vdn.data.images import image_files, read_image
from vdn.noise.law import fit_law

GAINS, READS = (0.002, 0.01, 0.02, 0.05), (0.0002, 0.005, 0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    files = image_files(options.folder)[: options.limit]
    pictures = [read_image(path, 1)[..., 0].astype(np.float64) / 255 for path in files]
    print(f"{len(pictures)} pictures; errors in %")
    for gain, read in itertools.product(GAINS, READS):
        rows = []
        for seed, clean in enumerate(pictures):
            rng = np.random.default_rng(seed)
            noisy = gain * rng.poisson(clean / gain) + read * rng.standard_normal(clean.shape)
            (law,) = fit_law(noisy)
            if law is not None:
                rows.append(
                    [
                        (100 * (found / true - 1), known, ends[0] <= true <= ends[1])
                        for found, true, known, ends in (
                            (law.a, gain, law.a_known, law.a_interval),
                            (law.b, read**2, law.b_known, law.b_interval),
                        )
                    ]
                )
        said = [summed(np.array(each)) for each in zip(*rows, strict=True)]
        print(f"a {gain} read {read}: {len(rows)} laws; a {said[0]}; b {said[1]}", flush=True)


def summed(rows: np.ndarray) -> str:
    """Sum up errors, whether known, and whether the interval held the true one, (N, 3)."""
    errors, known, held = rows[:, 0], rows[:, 1].astype(bool), rows[:, 2]
    text = f"known {known.mean():.2f}"
    if known.any():
        sizes = np.abs(errors[known])
        text += f", there {np.median(errors[known]):+.1f}, of its size {np.median(sizes):.1f}"
        text += f", worst {sizes.max():.0f}"
    return f"{text}, held {held.mean():.2f}"


if __name__ == "__main__":
    main()
