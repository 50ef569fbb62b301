"""Speed side by side, in one run: the whole `Denoiser` call, raw OpenVINO, the paper's D-Net.

    python benchmarks/speed.py [--model gaussian] [--side 1024] [--repeats 7]

All on the same number of threads, alternating, so that a machine that slows down slows all.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

import vdn
from vdn.networks import DNet
from vdn.runtime.cards import find_model
from vdn.runtime.openvino_import import load_openvino


def raw_openvino(model: str, side: int, threads: int) -> Callable[[], object]:
    ov = load_openvino()
    _, path = find_model(model)
    network = ov.Core().read_model(path)
    network.reshape([1, 3, side, side])
    hints = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = ov.Core().compile_model(network, "CPU", hints).create_infer_request()
    tensor = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    request.set_input_tensor(ov.Tensor(tensor))
    return request.infer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="gaussian")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    side, threads = options.side, options.threads
    torch.set_num_threads(threads)
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    denoiser = vdn.Denoiser(options.model, threads=threads, precision="bf16")
    dnet, batch = DNet().eval(), torch.rand(1, 3, side, side)

    def eager() -> None:
        with torch.inference_mode():
            dnet(batch)

    contestants = {
        "Denoiser call, bf16": lambda: denoiser(image).image,
        "raw OpenVINO, bf16": raw_openvino(options.model, side, threads),
        "paper's D-Net, torch fp32": eager,
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for repeat in range(options.repeats + 1):
        for name, run in contestants.items():
            begun = time.perf_counter()
            run()
            if repeat:
                seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"{name}: {1000 * median:.0f} ms (min {1000 * min(seconds[name]):.0f})")
    ours, raw, paper = medians.values()
    print(f"Denoiser against raw OpenVINO: {raw / ours:.2f} of its speed")
    print(f"Denoiser against the paper's D-Net: {paper / ours:.1f} times as fast")


if __name__ == "__main__":
    main()
