"""How often the interval of sigma holds the truth: by the posterior alone, and as calibrated.

    python benchmarks/sigma_interval.py DATA gray --noise gaussian:3 --noise gaussian:10

takes every fifth picture of DATA/CBSD68, its middle of 192 x 192 pixels, and the noise part of the
model alone. Columns: the shares of the 50 and the 90 % interval, and the median width of the latter
in parts of the estimate.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from vdn.data.images import image_files, read_image
from vdn.export import load_module
from vdn.noise.registry import parse_noise
from vdn.noise_quantiles import log_sigma_ratio
from vdn.runtime.cards import find_model
from vdn.training.validation import as_tensor, centre, with_noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("model", nargs="+")
    parser.add_argument("--noise", action="append", required=True)
    given = parser.parse_args()
    print("| model | noise | posterior: 50 % | 90 % | width | calibrated: 50 % | 90 % | width |")
    print("|---|---|---|---|---|---|---|---|")
    for model in given.model:
        card, _ = find_model(model)
        module = load_module(model)
        files = image_files(given.data / "CBSD68")[::5]
        images = [centre(read_image(file, card.channels), 192) for file in files]
        for noise in given.noise:
            row = [measure(module, images, noise, scores) for scores in ({}, card.sigma_scores)]
            shown = " | ".join(f"{value:.2f}" for found in row for value in found)
            print(f"| {card.name} | {noise} | {shown} |", flush=True)


def measure(module, images, noise, scores):
    """Return the means over the images."""
    generator, found = np.random.default_rng(0), []
    for image in images:
        noisy, sigma = with_noise(parse_noise(noise), as_tensor(image), generator)
        with torch.inference_mode():
            posterior = module(noisy, noise_only=True)
        log_alpha, log_sigma = posterior.log_alpha.numpy(), posterior.mode.sqrt().log().numpy()
        error = sigma.log().numpy() - log_sigma
        ends = {
            level: [
                log_sigma_ratio(log_alpha, log_sigma, (1 + side * level) / 2, scores)
                for side in (-1, 1)
            ]
            for level in (0.5, 0.9)
        }
        shares = [((low <= error) & (error <= high)).mean() for low, high in ends.values()]
        low, high = ends[0.9]
        found.append([*shares, np.median(np.exp(high) - np.exp(low))])
    return np.mean(found, axis=0)


if __name__ == "__main__":
    main()
