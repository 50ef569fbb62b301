"""An array that no memory holds, denoised into an OME-Zarr: peak memory, and speed per pixel.

    python benchmarks/gigapixel.py --gigapixels 0.3 1 --model gray
    python benchmarks/gigapixel.py --gigapixels 20 --model small

The pixels are made when they are asked for: noise around a smooth pattern, 12 bits in 16. Before
the run and after it a part of the array is denoised by `Denoiser` in memory; a pixel of that is
compared with a pixel of the run, by the clock and by the time that the processor was at work for
the process, which other programs on the machine change less. Peak memory is VmHWM (Linux), of a
process of its own for each size. `small` is a network of the light family with random weights,
exported here: no picture gets better by it, but it takes all the steps of a real one in a fraction
of the time.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from vdn import Denoiser
from vdn.scale import denoise_to_zarr

_PERIOD = 4093  # pixels after which the grain repeats


class Noise:
    """A virtual image: every part of it is the same whenever it is asked for."""

    dtype = np.dtype(np.uint16)
    ndim = 2

    def __init__(self, side: int) -> None:
        self.shape = (side, side)
        self.size = side * side
        grain = np.random.default_rng(0).standard_normal((_PERIOD, _PERIOD), np.float32)
        self._grain = np.round(150 * grain).astype(np.int16)

    def __getitem__(self, region: tuple[slice, slice]) -> np.ndarray:
        rows, columns = (np.arange(*part.indices(self.shape[0])) for part in region)
        down, across = np.sin(rows / 40, dtype=np.float32), np.sin(columns / 60, dtype=np.float32)
        pattern = np.multiply.outer(1000 * down, across).astype(np.int16)
        pattern += 2000
        pattern += self._grain[rows % _PERIOD].take(columns % _PERIOD, axis=1)
        return pattern.view(np.uint16)


def small_model(folder: Path) -> Path:
    """Export a small network of the light family, with random weights."""
    import torch

    from vdn.export import export_model
    from vdn.training.build import build_vdn
    from vdn.training.config import Network

    torch.manual_seed(0)
    network = Network(
        channels=1, widths=(8,), blocks=(1,), snet_width=4, snet_depth=2, error_width=4, unshuffle=4
    )
    card = {
        "name": "small",
        "summary": "random weights, to measure what is around a network",
        "task": "denoise",
        "version": "0",
        "licence": "Apache-2.0",
        "kmac_per_pixel": 0.0,
        "noise_range": [0.0, 0.3],
        "error_scale": 1.0,
        "training_data": [],
        "metrics": {},
        "network": asdict(network),
        "trained_megapixels": 0,
    }
    return export_model(build_vdn(network), folder / "small.onnx", card)


def memory(name: str) -> int:
    """Return VmRSS or VmHWM in MB."""
    status = Path("/proc/self/status").read_text()
    return round(int(re.search(rf"{name}:\s+(\d+)", status)[1]) * 1.024e-3)


class Clock:
    """Pixels per second, by the clock and by the processor's time."""

    def __init__(self) -> None:
        self.pixels = self.seconds = self.processor = 0.0

    def time(self, pixels: float, call: Any) -> Any:
        begun = time.perf_counter(), time.process_time()
        found = call()
        self.seconds += time.perf_counter() - begun[0]
        self.processor += time.process_time() - begun[1]
        self.pixels += pixels
        return found

    def rates(self) -> dict[str, float]:
        return {
            "megapixels": round(self.pixels / 1e6, 1),
            "mp_per_second": round(self.pixels / self.seconds / 1e6, 3),
            "mp_per_processor_second": round(self.pixels / self.processor / 1e6, 3),
        }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    side = round(np.sqrt(options.gigapixels[0] * 1e9))
    array = Noise(side)
    bound = {"threads": options.threads, "max_memory": options.max_memory}
    denoiser = Denoiser(options.model, **bound)
    part = min(options.part, side)
    piece = array[:part, :part]
    denoiser(piece[:512, :512], range=(0, 4095))  # compiles the network
    in_memory, blocks = Clock(), Clock()
    before = memory("VmRSS")

    def call() -> None:
        in_memory.time(piece.size, lambda: denoiser(piece, range=(0, 4095)))

    call()
    first = memory("VmHWM")
    path = Path(options.folder, f"vdn-{side}.ome.zarr")
    done = 0.0
    begun = time.perf_counter()

    def advance(share: float) -> None:
        nonlocal done
        if int(20 * (done + share)) > int(20 * done):
            hours = (time.perf_counter() - begun) / 3600
            now, most = memory("VmRSS"), memory("VmHWM")
            line = f"{100 * (done + share):.0f} % after {hours:.2f} h, {now} MB now, {most} at most"
            print(line, file=sys.stderr)
        done += share

    try:
        blocks.time(
            array.size,
            lambda: denoise_to_zarr(
                array, path, options.model, range=(0, 4095), advance=advance, **bound
            ),
        )
        written = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    finally:
        if not options.keep:
            shutil.rmtree(path, ignore_errors=True)
    peak = memory("VmHWM")
    call()
    ratio = blocks.rates(), in_memory.rates()
    return {
        "gigapixels": round(array.size / 1e9, 3),
        "model": Path(options.model).stem,
        "to_zarr": ratio[0],
        "in_memory": ratio[1],
        "speed_ratio": {
            name: round(ratio[0][name] / ratio[1][name], 3)
            for name in ("mp_per_second", "mp_per_processor_second")
        },
        "megabytes": {"before": before, "after_the_call_in_memory": first, "peak": peak},
        "gigabytes_written": round(written / 1e9, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigapixels", type=float, nargs="+", default=[20.0])
    parser.add_argument("--model", default="small")
    parser.add_argument("--part", type=int, default=4096, help="side of what is denoised in memory")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--max-memory", type=float, default=500, help="MB, as in `Denoiser`")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the Zarr is written")
    parser.add_argument("--keep", action="store_true", help="do not delete the Zarr")
    options = parser.parse_args()
    if len(options.gigapixels) == 1 and options.model != "small":
        print(json.dumps(measure(options), indent=1))
        return
    with tempfile.TemporaryDirectory() as folder:
        model = str(small_model(Path(folder))) if options.model == "small" else options.model
        for size in options.gigapixels:
            words = ["--gigapixels", str(size), "--model", model, "--part", str(options.part)]
            words += ["--max-memory", str(options.max_memory), "--folder", options.folder]
            words += ["--threads", str(options.threads)] if options.threads else []
            words += ["--keep"] if options.keep else []
            subprocess.run([sys.executable, __file__, *words], check=True)


if __name__ == "__main__":
    main()
