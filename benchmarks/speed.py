"""Speed side by side, in one run: the whole `Denoiser` call, raw OpenVINO, the paper's D-Net.

    python benchmarks/speed.py [--model gaussian] [--side 1024] [--repeats 7]

All on the same number of threads, alternating, so that a machine that slows down slows all. Then
`vdn denoise` of a PNG of 512 x 512 from a cold start, as often, after one start that leaves the
byte code of Python behind, as an installation by pip does.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from command import run
from PIL import Image

import vdn
from vdn.networks import DNet
from vdn.runtime.cards import find_model
from vdn.runtime.openvino_engine import HINTS, cpu_has_bf16
from vdn.runtime.openvino_import import load_openvino, openvino_core


def raw_openvino(model: str, side: int, threads: int, precision: str) -> Callable[[], object]:
    ov = load_openvino()
    _, path = find_model(model)
    network = openvino_core().read_model(path)
    network.reshape([1, 3, side, side])
    hints = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino_core().compile_model(network, "CPU", hints).create_infer_request()
    tensor = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    request.set_input_tensor(ov.Tensor(tensor))
    return request.infer


def cold_starts(repeats: int) -> list[float]:
    """Return the seconds of each command; the first leaves the byte code and is left out."""
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "picture.png")
        Image.fromarray(pixels).save(picture)
        return [run("denoise", picture, "--overwrite")[0] for _ in range(repeats + 1)][1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="gaussian")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=HINTS, default="bf16" if cpu_has_bf16() else "fp32")
    options = parser.parse_args()
    side, threads, precision = options.side, options.threads, options.precision
    torch.set_num_threads(threads)
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    denoiser = vdn.Denoiser(options.model, threads=threads, precision=precision)
    dnet, batch = DNet().eval(), torch.rand(1, 3, side, side)

    def eager() -> None:
        with torch.inference_mode():
            dnet(batch)

    contestants = {
        f"Denoiser call, {precision}": lambda: denoiser(image).image,
        f"raw OpenVINO, {precision}": raw_openvino(options.model, side, threads, precision),
        "paper's D-Net, torch fp32": eager,
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for repeat in range(options.repeats + 1):
        for name, call in contestants.items():
            begun = time.perf_counter()
            call()
            if repeat:
                seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"{name}: {1000 * median:.0f} ms (min {1000 * min(seconds[name]):.0f})")
    ours, raw, paper = medians.values()
    print(f"Denoiser against raw OpenVINO: {raw / ours:.2f} of its speed")
    print(f"Denoiser against the paper's D-Net: {paper / ours:.1f} times as fast")
    starts = cold_starts(options.repeats)
    print(f"Cold start of vdn denoise: {statistics.median(starts):.2f} s (min {min(starts):.2f})")


if __name__ == "__main__":
    main()
