"""Denoise random arrays with outliers and see whether every map is finite and the rest untouched.

    python benchmarks/fuzz_arrays.py --count 10000 --seed 0

Every dtype, gray and colour, 1 to 64 pixels a side, in units from 1e-30 to 1e30, shifted, constant,
black, or pure noise; with up to 1 % of the values replaced by outliers of 10^k, by the ends of the
dtype, or by marks. A finding is a warning, an error of another kind than VdnError, a map that is
not finite, a result of another shape or dtype, and an input that was changed.
"""

import argparse
import json
import time
import traceback
import warnings
from collections import Counter
from typing import Any

import numpy as np

from vdn.denoiser import Denoiser
from vdn.errors import VdnError

DTYPES = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES += ["float16", "float32", "float64"]
MODELS = ("auto", "gaussian", "gray", "photo")


def random_image(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return an image, and which of its values are outliers."""
    dtype = np.dtype(rng.choice(DTYPES))
    height, width = rng.integers(1, 65, 2)
    channels = rng.choice([0, 3, 4, 1, 2], p=[0.4, 0.3, 0.1, 0.1, 0.1])
    shape = (height, width, channels) if channels else (height, width)
    rows, columns = np.mgrid[:height, :width].reshape(2, height, width, *(1 for _ in shape[2:]))
    scene = 0.5 + 0.3 * np.sin(rows / rng.uniform(2, 30)) * np.cos(columns / rng.uniform(2, 30))
    scene = scene * np.ones(shape) * rng.choice([0, 1], p=[0.1, 0.9])
    noisy = scene + rng.choice([0, 0.01, 0.1, 1.0]) * rng.standard_normal(shape)
    if dtype.kind == "f":
        limits: Any = np.finfo(dtype)
        unit, offset = 10.0 ** rng.uniform(-30, 30), rng.choice([0, 0, -3, 1000])
        largest, least = float(limits.max), float(limits.min)
    else:
        limits = np.iinfo(dtype)
        unit, offset = float(limits.max) ** rng.uniform(0.3, 1), 0
        largest, least = float(limits.max) * (1 - 2**-50), float(limits.min)
    with np.errstate(all="ignore"):
        image = np.clip((noisy + offset) * unit, least, largest).astype(dtype)
        hit = rng.random(shape) < rng.choice([0, 1e-3, 1e-2])
        value = rng.choice(
            [largest, least, -9999, -32768, 65535, unit * 10.0 ** rng.integers(1, 13)]
        )
        image[hit] = np.array(np.clip(value, least, largest)).astype(dtype)
    return image, hit


def fault(denoiser: Denoiser, image: np.ndarray, rng: np.random.Generator) -> str:
    """Denoise an image; return what is wrong, "refused", or nothing."""
    before = image.copy()
    try:
        result = denoiser(image, strength=float(rng.choice([1.0, 0.5, 0.0])))
    except VdnError as error:
        return "refused" if "\n" not in str(error) else f"unclear: {error}"
    if not np.array_equal(image, before):
        return "the input was changed"
    if (result.image.shape, result.image.dtype) != (image.shape, image.dtype):
        return f"result of {result.image.dtype} and shape {result.image.shape}"
    maps = (result.image, result.noise_sigma, result.uncertainty, *result.noise_sigma_interval())
    if not all(np.isfinite(each).all() for each in maps):
        return "a map is not finite"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    denoisers = [Denoiser(model) for model in MODELS]
    counts: Counter[str] = Counter()
    findings = 0
    warnings.simplefilter("error")
    begun = time.monotonic()
    for number in range(options.count):
        rng = np.random.default_rng((options.seed, number))
        image, hit = random_image(rng)
        model = number % len(MODELS)
        try:
            wrong = fault(denoisers[model], image, rng)
        except Exception:
            wrong = traceback.format_exc()
        counts["finding" if wrong not in ("", "refused") else wrong or "denoised"] += 1
        if wrong not in ("", "refused"):
            findings += 1
            what = {"number": number, "model": MODELS[model], "shape": image.shape}
            print(
                json.dumps(what | {"dtype": str(image.dtype), "hit": int(hit.sum()), "what": wrong})
            )
    print(dict(counts), f"{time.monotonic() - begun:.0f} s")
    raise SystemExit(bool(findings))


if __name__ == "__main__":
    main()
