"""A cluster on this machine: two processes against one, and what a file costs beside the network.

    python benchmarks/cluster.py speed [--count 60] [--megapixels 0.25] [--repeats 3]
    python benchmarks/cluster.py overhead [--megapixels 0.25 24]

`speed`: files a second of two processes of one thread each against one of one thread, in turn, once
the networks are loaded.
`overhead`: what client and scheduler take for a batch (of files that are not there, one each), what
a file takes in a process, how many files a batch has, and so the share of the scheduler.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from files import photograph


def pictures(folder: Path, megapixels: float, count: int) -> list[Path]:
    """Write JPEG files."""
    from PIL import Image

    unit = 8 * round((megapixels * 1e6 / 24) ** 0.5 / 8)
    folder.mkdir()
    pixels, paths = photograph(4 * unit, 6 * unit), []
    for index in range(count):
        paths.append(folder / f"{index:04}.jpg")
        Image.fromarray(pixels).save(paths[-1], quality=92)
    return paths


def denoised(paths: Sequence[Path], client: Any, options: argparse.Namespace) -> list[Any]:
    """Denoise files on a cluster; return what came of them."""
    from vdn.cluster import Job, map_files

    with tempfile.TemporaryDirectory() as folder:
        jobs = [Job(path, Path(folder, path.name), size=_size(path)) for path in paths]
        return list(map_files(jobs, client, model=options.model))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def speed(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from vdn.cluster import connect

    paths = pictures(folder / "shoot", options.megapixels[0], options.count)
    rates: dict[str, list[float]] = {"one": [], "two": []}
    with connect("local", workers=1) as one, connect("local", workers=2) as two:
        for client in (one, two):
            denoised(paths[:2], client, options)
        for _ in range(options.repeats):
            for name, client in (("one", one), ("two", two)):
                begun = time.perf_counter()
                done = denoised(paths, client, options)
                assert all(each.status == "done" for each in done), done
                rates[name].append(len(paths) / (time.perf_counter() - begun))
    ratios = [two / one for one, two in zip(rates["one"], rates["two"], strict=True)]
    return {
        "files_per_second": {k: [round(each, 3) for each in v] for k, v in rates.items()},
        "ratios": [round(ratio, 2) for ratio in ratios],
        "median_ratio": round(statistics.median(ratios), 2),
    }


def overhead(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from vdn.cluster import connect

    found: dict[str, Any] = {}
    with connect("local", workers=1) as client:
        begun, batches = time.perf_counter(), 200
        denoised([Path("absent", str(index)) for index in range(batches)], client, options)
        found["ms_per_batch"] = round(1e3 * (time.perf_counter() - begun) / batches, 2)
        small = pictures(folder / "small", 0.01, 1)
        denoised(small, client, options)  # loads the network
        for megapixels in options.megapixels:
            count = max(1, min(16, int(4 / megapixels)))
            paths = pictures(folder / str(megapixels), megapixels, count)
            done = denoised(paths, client, options)[-max(1, count // 2) :]
            seconds = statistics.median(each.seconds for each in done)
            files = max(1, round(3 / seconds))
            milliseconds = found["ms_per_batch"] / files
            found[f"{megapixels} MP"] = {
                "seconds_per_file": round(seconds, 3),
                "files_per_batch": files,
                "overhead_ms_per_file": round(milliseconds, 2),
                "share": round(milliseconds / 1e3 / seconds, 4),
            }
    return found


def main() -> None:
    kinds = {"speed": speed, "overhead": overhead}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.25])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", default="photo")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = kinds[options.kind](options, Path(folder))
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({"load": load, **result}, indent=1))


if __name__ == "__main__":
    main()
