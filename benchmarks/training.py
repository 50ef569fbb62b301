"""Speed of training: seconds a step and megapixels a second, of the network that ships.

    python benchmarks/training.py [--patch 128] [--batch 16] [--steps 10] [--precision auto]

On Linux, compare with huge pages and without:

    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python benchmarks/training.py
"""

import argparse
import statistics
import time

import torch

from vdn.training.build import build_model
from vdn.training.config import Network, Objective, Optimiser
from vdn.training.objectives import choose_objective
from vdn.training.optimiser import NormClipper, make_optimisers
from vdn.training.precision import choose_precision

WARM_UP = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patch", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    options = parser.parse_args()
    torch.manual_seed(0)
    dtype = choose_precision(options.precision)
    model = build_model(Network())
    model.to(memory_format=torch.channels_last)
    optimisers = make_optimisers(model, Optimiser(name="muon"), dtype)
    clipper, parameters = NormClipper(2.0), list(model.parameters())
    clean = torch.rand(options.batch, 3, options.patch, options.patch)
    clean = clean.contiguous(memory_format=torch.channels_last)
    sigma = torch.full_like(clean, 0.1)
    batch = {"noisy": clean + sigma * torch.randn_like(clean), "clean": clean, "sigma": sigma}
    objective = choose_objective(Objective())
    seconds = []
    for _ in range(WARM_UP + options.steps):
        begun = time.perf_counter()
        for optimiser in optimisers:
            optimiser.zero_grad()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            terms = objective(model, batch)
        terms.loss.backward()
        clipper(parameters)
        for optimiser in optimisers:
            optimiser.step()
        seconds.append(time.perf_counter() - begun)
    median = statistics.median(seconds[WARM_UP:])
    pixels = options.batch * options.patch**2 / 1e6
    print(f"{median:.3f} s a step, {pixels / median:.2f} Mpx/s")


if __name__ == "__main__":
    main()
