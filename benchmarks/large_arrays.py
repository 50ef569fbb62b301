"""Dask arrays: speed against the call in memory, and the memory that a virtual array takes.

    python benchmarks/large_arrays.py speed [--side 4096] [--repeats 3] [--model gray]
    python benchmarks/large_arrays.py memory [--side 65536] [--model gray] [--max-memory MB]

`speed`: a picture denoised by `vdn.denoise` and, cut into chunks, by `vdn.scale.denoise_array`, in
turn; pixels per second, and the ratio. `memory`: noise that is made when a chunk is asked for,
denoised and written to Zarr; peak memory (VmHWM, Linux) beside the pixels that went through.
"""

import argparse
import json
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from vdn import Denoiser
from vdn.scale import denoise_array


def noise(side: int, chunk: int, dtype: str) -> da.Array:
    """Return a lazy array of noise around a smooth pattern."""

    def block(block_info: Any) -> np.ndarray:
        place = block_info[None]["array-location"]
        rows, columns = (np.arange(*each, dtype=np.float32) for each in place)
        rng = np.random.default_rng([place[0][0], place[1][0]])
        pattern = 2000 + 1000 * np.sin(rows / 40)[:, None] * np.sin(columns / 60)
        grain = 150 * rng.standard_normal(pattern.shape, dtype=np.float32)
        return (pattern + grain).astype(dtype)

    sides = [min(chunk, side - start) for start in range(0, side, chunk)]
    return da.map_blocks(block, chunks=(tuple(sides),) * 2, dtype=dtype)


def speed(options: argparse.Namespace) -> dict[str, Any]:
    lazy = noise(options.side, options.chunk, options.dtype)
    image = lazy.compute()
    bound = {"threads": options.threads, "max_memory": options.max_memory}
    denoiser = Denoiser(options.model, **bound)
    result = denoise_array(da.from_array(image, chunks=options.chunk), options.model, **bound)
    calls = {"memory": lambda: denoiser(image).image, "blocks": lambda: result.image.compute()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():  # compiles the network
        call()
    for _ in range(options.repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "pixels": [options.side] * 2,
        "blocks": [list(sides) for sides in result.image.chunks],
        "seconds": {name: round(value, 2) for name, value in medians.items()},
        "speed_ratio": round(medians["memory"] / medians["blocks"], 3),
    }


def memory(options: argparse.Namespace) -> dict[str, Any]:
    lazy = noise(options.side, options.chunk, options.dtype)
    bound = {"threads": options.threads, "max_memory": options.max_memory}
    result = denoise_array(lazy, options.model, **bound)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        start = time.perf_counter()
        result.image.rechunk(1024).to_zarr(str(Path(folder, "clean.zarr")))
        seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()
    peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024
    return {
        "gigapixels": round(options.side**2 / 1e9, 3),
        "megabytes_of_pixels": round(result.image.nbytes / 1e6),
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(peak / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["speed", "memory"])
    parser.add_argument("--side", type=int)
    parser.add_argument("--chunk", type=int, default=512)
    parser.add_argument("--dtype", default="uint16")
    parser.add_argument("--model", default="gray")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--max-memory", type=float, help="MB, as in `Denoiser`")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", help="where the Zarr is written; default: the system's")
    options = parser.parse_args()
    options.side = options.side or {"speed": 4096, "memory": 65536}[options.what]
    print(json.dumps({"speed": speed, "memory": memory}[options.what](options), indent=1))


if __name__ == "__main__":
    main()
