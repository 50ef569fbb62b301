"""How near the law of the noise is that is read off pictures of known gain and read-out noise.

    python benchmarks/noise_law.py DATA/BSD68_gray [--limit 20]

Twelve settings of Poisson-Gaussian noise, variance = a x + b with white at 1. One line each: the
median and the largest error of a, how often its 90 % interval holds it, and how often b is said
to be known, its median and largest error there, and how often the interval holds it.
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
                held = law.a_interval[0] <= gain <= law.a_interval[1]
                b_held = law.b_interval[0] <= read**2 <= law.b_interval[1]
                rows.append((law.a / gain - 1, held, law.b_known, law.b / read**2 - 1, b_held))
        error, held, known, b_error, b_held = (np.array(each) for each in zip(*rows, strict=True))
        off = 100 * np.abs(b_error[known])
        b_text = f"{np.median(off):.0f}, worst {off.max():.0f}" if known.any() else "-"
        print(
            f"a {gain} read {read}: {len(rows)} laws, a {100 * np.median(error):+.1f}, "
            f"|a| {100 * np.median(np.abs(error)):.1f}, worst {100 * np.abs(error).max():.0f}, "
            f"held {held.mean():.2f}; b known {known.mean():.2f}, error there {b_text}, "
            f"held {b_held.mean():.2f}"
        )


if __name__ == "__main__":
    main()
