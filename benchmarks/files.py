"""Files: what the command costs beside the network, how much memory, how many at once.

    python benchmarks/files.py photo [--megapixels 24] [--repeats 3] [--whole]
    python benchmarks/files.py gigapixel [--side 32768] [--max-memory MB] [--noise-map]
    python benchmarks/files.py folder [--count 200] [--separate 20]

`photo`: `vdn denoise` of a JPEG, from start to end, against the network alone on the same pixels,
in turn; the network on the windows the command uses (a halo around each), and on tiles without a
halo, which is the least there is to do; with --whole also on the picture in one piece, which takes
250 bytes a pixel. `gigapixel`: a tiled TIFF made tile by tile; peak memory.
`folder`: small files in one command against a command each, of which a sample is run and scaled;
then the one command is killed in the middle and resumed, and the results are compared.

Peak memory is what the kernel says of the process (VmHWM, Linux). With --json FILE the figures are
written down.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from command import run

EXAMPLE = Path(__file__).parents[1] / "examples" / "grace_hopper.jpg"


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return the example photograph at another size, with grain of its own."""
    from PIL import Image

    with Image.open(EXAMPLE) as image:
        large = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
    rng = np.random.default_rng(seed)
    noisy = large + 6 * rng.standard_normal(large.shape, dtype=np.float32)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def photo(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from PIL import Image

    unit = 8 * round((options.megapixels * 1e6 / 24) ** 0.5 / 8)
    height, width = 4 * unit, 6 * unit
    source, target = folder / "photo.jpg", folder / "out.jpg"
    Image.fromarray(photograph(height, width)).save(source, quality=92)
    words = ("denoise", source, "-o", target, "--overwrite", "--model", options.model, "-q")
    words = (*words, "--threads", options.threads)
    seconds: dict[str, list[float]] = {"command": []}
    peak = 0.0
    for _ in range(options.repeats):
        taken, memory = run(*words)
        seconds["command"].append(taken)
        peak = max(peak, memory)
        alone = network_alone(options, source, unit)
        for name, value in alone.items():
            seconds.setdefault(name, []).append(value)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "pixels": [height, width],
        "seconds": {name: round(value, 2) for name, value in medians.items()},
        **{
            f"over_{name}": round(medians["command"] / value - 1, 3)
            for name, value in medians.items()
            if name != "command"
        },
        "peak_memory_mb": round(peak),
    }


def network_alone(options: argparse.Namespace, source: Path, side: int) -> dict[str, float]:
    """Time the network, compiled and warm, in a process of its own."""
    program = f"""
import json, time
import numpy as np
from vdn.denoiser import Denoiser
from vdn.image import read, to_unit
from vdn.runtime.tiling import tiles
from vdn.runtime.engine import Posterior
from vdn.predictions import Request, plan_window
picture = read({str(source)!r})
denoiser = Denoiser({options.model!r}, threads={options.threads})
frame = picture.frame
ready = denoiser.models.load(denoiser.models.choose(frame), frame.dtype)
planes = np.ascontiguousarray(to_unit(picture.pixels).planes.transpose(2, 0, 1))
height, width = frame.shape[:2]
window = plan_window(ready, frame, Request(), denoiser.working_memory)
card = ready.card
reads = [tile.read for tile in tiles(height, width, window, card.halo, card.multiple)]
side = {side}
grid = [(slice(y, y + side), slice(x, x + side))
        for y in range(0, height, side) for x in range(0, width, side)]
found = {{}}
whole = [(slice(0, height), slice(0, width))] if {options.whole} else []
for name, parts in (("windows", reads), ("tiles", grid), ("whole", whole)):
    if not parts:
        continue
    cut = [np.ascontiguousarray(planes[(slice(None), *part)]) for part in parts]
    room = Posterior.empty(cut[0].shape)
    ready.engine.run(cut[0], out=room)
    begun = time.perf_counter()
    for part in cut:
        ready.engine.run(part, out=room)
    found[name] = time.perf_counter() - begun
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def gigapixel(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    import tifffile

    side, tile = options.side, 512
    pattern = photograph(tile, tile)

    def patches() -> Iterator[np.ndarray]:
        count = -(-side // tile)
        for row in range(count):
            for column in range(count):
                yield np.roll(pattern, (7 * row, 11 * column), axis=(0, 1))

    source, target = folder / "large.tiff", folder / "out.tiff"
    tifffile.imwrite(
        source,
        patches(),
        shape=(side, side, 3),
        dtype=np.uint8,
        tile=(tile, tile),
        photometric="rgb",
        bigtiff=True,
    )
    words: list[object] = ["denoise", source, "-o", target, "--model", options.model]
    words += ["--threads", options.threads]
    if options.max_memory:
        words += ["--max-memory", options.max_memory]
    if options.noise_map:
        words += ["--noise-map"]
    seconds, memory = run(*words)
    return {
        "pixels": [side, side],
        "seconds": round(seconds, 1),
        "megapixels_per_second": round(side**2 / 1e6 / seconds, 3),
        "peak_memory_mb": round(memory),
        "output_mb": round(target.stat().st_size / 1e6),
    }


def folder(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from PIL import Image

    source = folder / "in"
    source.mkdir()
    large = photograph(1200, 1600)
    rng = np.random.default_rng(0)
    for index in range(options.count):
        height, width = rng.integers(200, 300, 2)
        top, left = (int(rng.integers(0, length - 300)) for length in large.shape[:2])
        crop = Image.fromarray(large[top : top + height, left : left + width])
        crop.save(source / f"{index:04}.jpg", quality=92)
    common = ("--model", options.model, "--threads", options.threads)
    together, memory = run("denoise", source, "-o", folder / "once", *common)
    files = sorted(source.iterdir())
    sample = files[:: max(1, options.count // options.separate)][: options.separate]
    (folder / "each").mkdir()
    each = sum(run("denoise", path, "-o", folder / "each", *common)[0] for path in sample)
    separate = each / len(sample) * options.count
    return {
        "files": options.count,
        "seconds_one_command": round(together, 1),
        "seconds_separate_scaled": round(separate, 1),
        "separate_commands_run": len(sample),
        "times_as_fast": round(separate / together, 2),
        "peak_memory_mb": round(memory),
        **kill_and_resume(source, folder, common),
    }


def kill_and_resume(source: Path, folder: Path, common: tuple[object, ...]) -> dict[str, Any]:
    """Kill the command in the middle, resume it, and compare with what an undisturbed run made."""
    target, wanted = folder / "killed", folder / "once"
    count = len(list(source.iterdir()))
    words = ["denoise", source, "-o", target, "--skip-existing", *common]
    command = [sys.executable, "-m", "vdn", *map(str, words)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as process:  # type: ignore[call-overload]
        while len(list(target.glob("[!.]*"))) < count // 3 and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    made = sorted(path.name for path in target.glob("[!.]*"))
    seconds, _ = run(*words)
    equal = [path.read_bytes() == (target / path.name).read_bytes() for path in wanted.iterdir()]
    return {
        "whole_when_killed": len(made),
        "seconds_to_resume": round(seconds, 1),
        "identical_after_resuming": sum(equal),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("photo", "gigapixel", "folder"))
    parser.add_argument("--model", default="photo")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--side", type=int, default=32768)
    parser.add_argument("--max-memory", type=float)
    parser.add_argument("--noise-map", action="store_true")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--separate", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    work = {"photo": photo, "gigapixel": gigapixel, "folder": folder}[options.what]
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        found = work(options, Path(place))
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
