"""How long N cores take for a job, and what holds them up: a model, and its check on this machine.

    python benchmarks/cost_model.py measure --model gray > measured.json
    python benchmarks/cost_model.py check measured.json --repeats 3
    python benchmarks/cost_model.py predict measured.json --photos 1e6 --megapixels 24
    python benchmarks/cost_model.py predict measured.json --terabytes 100

A job is `items` of `megapixels`, each denoised by one worker of one thread. It takes

    start + max(items x (pixels x work + task) x crowd / cores, bytes / storage, items x dispatch)

with `work` the processor time of a pixel (decoding, network and encoding), `task` that of an item
whatever its size, `crowd` how much more of it a worker takes when every core of its machine has
one (caches and memory are shared), `dispatch` what the scheduler takes for a task, and `start` that
of a worker: the largest of the three is the bottleneck. `measure` finds them; `check` runs items
with one worker and with two, and compares. Times are of the clock on an idle machine; where others
compute beside it, `check` also says which share of the processor its workers got, and compares
with that.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

_SIDES = (512, 1024)  # of the pictures that are measured: small, and large
_THROUGH = 1000  # tasks that do nothing, for the scheduler's time

_WORKER = """
import os, sys, time
begun = time.time()
from vdn import Denoiser
from vdn.image import read, write
import numpy as np
model, target, *files = sys.argv[1:]
denoiser = Denoiser(model, threads=1)
denoiser(np.zeros((int(os.environ["SIDE"]),) * 2, np.uint16))  # compiles the network
ready = time.time(), time.process_time()
for number, file in enumerate(files):
    picture = read(file)
    write(f"{target}/{os.getpid()}-{number}.tif", denoiser(picture.pixels).image, picture)
print(begun, ready[0], time.time(), time.process_time() - ready[1])
"""


def picture(side: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    pattern = 2000 + 1000 * np.sin(rows / 40) * np.sin(columns / 60)
    return (pattern + 150 * rng.standard_normal((side, side), np.float32)).astype(np.uint16)


def work(model: str, side: int, each: int, workers: int) -> dict[str, float]:
    """Denoise `each` files in every worker; return seconds of the clock and of the processor."""
    from vdn.image import write

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.tif")
        write(file, picture(side, 0))
        environment = os.environ | {"SIDE": str(side), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", _WORKER, model, folder, *[str(file)] * each]
        begun = time.time()
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
            for _ in range(workers)
        ]
        told = [list(map(float, process.communicate()[0].split())) for process in running]
        first, last = max(t[1] for t in told), max(t[2] for t in told)
        return {
            "start": first - begun,
            "seconds": last - first,
            "processor": sum(t[3] for t in told),
            "share": sum(t[3] for t in told) / sum(t[2] - t[1] for t in told),
        }


def measure(options: argparse.Namespace) -> dict[str, float]:
    small, large = ([] for _ in _SIDES)
    starts = []
    for _ in range(options.repeats):
        for side, found in zip(_SIDES, (small, large), strict=True):
            done = work(options.model, side, options.each, 1)
            found.append(done["processor"] / options.each)
            starts.append(done["start"] * done["share"])
    crowd = []
    for _ in range(options.repeats if (os.cpu_count() or 1) > 1 else 0):
        done = work(options.model, _SIDES[-1], options.each, os.cpu_count() or 1)
        crowd.append(done["processor"] / (options.each * (os.cpu_count() or 1)))
    pixels = [side * side / 1e6 for side in _SIDES]
    times = [min(small), min(large)]
    rate = max((times[1] - times[0]) / (pixels[1] - pixels[0]), 1e-9)
    return {
        "seconds_a_megapixel": round(rate, 4),
        "seconds_a_task": round(max(times[0] - rate * pixels[0], 0.0), 4),
        "crowd": round(max(statistics.median(crowd) / times[1], 1.0), 3) if crowd else 1.0,
        "spread": round(max(max(v) / min(v) for v in (small, large)) - 1, 3),
        "seconds_to_start": round(statistics.median(starts), 2),
        "seconds_to_dispatch": round(dispatch(), 6),
        "bytes_a_pixel": 4.0,  # 16 bits in, 16 bits out
    }


def dispatch() -> float:
    """Return the processor time that Dask's scheduler takes for a task."""
    import dask

    tasks = [dask.delayed(int, pure=False)(number) for number in range(_THROUGH)]
    begun = time.process_time()
    dask.compute(*tasks)
    return (time.process_time() - begun) / _THROUGH


def predict(
    measured: dict[str, float],
    items: float,
    megapixels: float,
    cores: float,
    storage: float,
    bytes_a_pixel: float | None = None,
) -> dict[str, Any]:
    """Return hours for a job and what takes them; `storage` is in MB a second, in and out."""
    each = measured["seconds_a_megapixel"] * megapixels + measured["seconds_a_task"]
    moved = (bytes_a_pixel or measured["bytes_a_pixel"]) * megapixels  # MB an item
    parts = {
        "processor": items * each * (measured["crowd"] if cores > 1 else 1) / cores,
        "storage": items * moved / storage,
        "scheduler": items * measured["seconds_to_dispatch"],
    }
    longest = max(parts, key=lambda name: parts[name])
    return {
        "cores": cores,
        "hours": round((measured["seconds_to_start"] + parts[longest]) / 3600, 2),
        "bottleneck": longest,
        "core_hours": round(parts["processor"] * cores / 3600),
    }


def check(options: argparse.Namespace) -> dict[str, Any]:
    measured = json.loads(Path(options.measured).read_text())
    side = _SIDES[-1]
    found: dict[str, Any] = {}
    for workers in (1, 2):
        per_worker = measured["seconds_a_megapixel"] * side**2 / 1e6 + measured["seconds_a_task"]
        predicted = per_worker * options.each * (measured["crowd"] if workers > 1 else 1)
        ratios, shares = [], []
        for _ in range(options.repeats):
            done = work(options.model, side, options.each, workers)
            ratios.append(done["seconds"] / predicted)
            shares.append(done["share"])
        allowed = [ratio * share for ratio, share in zip(ratios, shares, strict=True)]
        found[f"{workers} workers"] = {
            "seconds_predicted": round(predicted, 2),
            "measured_over_predicted": [round(ratio, 3) for ratio in ratios],
            "share_of_the_processor": [round(share, 3) for share in shares],
            "measured_over_predicted_with_that_share": [round(each, 3) for each in allowed],
        }
    return found


def table(options: argparse.Namespace) -> list[dict[str, Any]]:
    measured = json.loads(Path(options.measured).read_text())
    megapixels, items = options.megapixels, options.photos
    if options.terabytes:  # planes of 16 bits, cut into regions
        megapixels, items = 4.2, options.terabytes * 1e12 / 2 / 4.2e6
    bytes_a_pixel = options.bytes_a_pixel
    return [
        predict(measured, items, megapixels, cores, options.storage, bytes_a_pixel)
        for cores in options.cores
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="what", required=True)
    for name in ("measure", "check"):
        command = commands.add_parser(name)
        if name == "check":
            command.add_argument("measured")
        command.add_argument("--model", default="gray")
        command.add_argument("--each", type=int, default=4, help="pictures for every worker")
        command.add_argument("--repeats", type=int, default=3)
    command = commands.add_parser("predict")
    command.add_argument("measured")
    command.add_argument("--photos", type=float, default=1e6)
    command.add_argument("--megapixels", type=float, default=24)
    command.add_argument("--terabytes", type=float)
    command.add_argument("--bytes-a-pixel", type=float, help="moved, in and out")
    command.add_argument("--storage", type=float, default=1000, help="MB a second")
    command.add_argument("--cores", type=float, nargs="+", default=[2, 64, 1000])
    options = parser.parse_args()
    print(
        json.dumps(
            {"measure": measure, "check": check, "predict": table}[options.what](options), indent=1
        )
    )


if __name__ == "__main__":
    main()
