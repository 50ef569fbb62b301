"""How soon the page answers: from the command to the first preview, the whole, a moved slider.

    python benchmarks/serve.py [--megapixels 12] [--repeats 3]

Starts `vdn serve` and does what the page does. Prints seconds: from the start of the command to its
address; from the upload of a JPEG to the first preview (1 megapixel); to the whole, beside `vdn
denoise` with both maps on the same file; for a strength while the slider moves, and at rest.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

COMMAND = [sys.executable, "-m", "vdn"]


def photograph(megapixels: float) -> bytes:
    """Return a JPEG of so many megapixels: the example, enlarged, with noise of its own."""
    example = Image.open(Path(__file__).parents[1] / "examples" / "grace_hopper.jpg")
    factor = (megapixels * 1e6 / (example.width * example.height)) ** 0.5
    size = round(example.width * factor), round(example.height * factor)
    large = np.asarray(example.resize(size, Image.Resampling.BICUBIC), np.float32)
    noisy = large + np.random.default_rng(0).normal(0, 8, large.shape)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def timed(function) -> tuple[float, object]:
    begun = time.perf_counter()
    found = function()
    return time.perf_counter() - begun, found


def visit(content: bytes, repeats: int) -> dict[str, float]:
    begun = time.perf_counter()
    with subprocess.Popen(
        [*COMMAND, "serve", "--no-open", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            address = process.stdout.readline().strip()
            found = {"start": time.perf_counter() - begun}
            with httpx.Client(base_url=address.partition("?")[0], timeout=600) as page:
                found |= measure(page, address, content, repeats)
        finally:
            process.terminate()
    return found


def measure(page: httpx.Client, address: str, content: bytes, repeats: int) -> dict[str, float]:
    page.get(address)
    begun = time.perf_counter()
    picture = page.post("/visit/pictures", params={"name": "a.jpg"}, content=content).json()
    path = f"/visit/pictures/{picture['id']}"
    query = {"row": picture["height"] / 2, "column": picture["width"] / 2}

    def preview(strength: float, exact: bool) -> None:
        asked = query | {"strength": strength, "exact": exact}
        page.get(f"{path}/preview", params=asked).raise_for_status()

    preview(1.0, True)
    found = {"first preview": time.perf_counter() - begun}
    while page.get("/visit").json()["pictures"][0]["state"] != "done":
        time.sleep(0.05)
    found["whole"] = time.perf_counter() - begun
    strengths = np.linspace(0.55, 0.95, 5 * repeats)
    preview(0.5, False)
    moves = [timed(lambda s=s: preview(float(s), False))[0] for s in strengths]
    found |= {"moving": statistics.median(moves), "moving, longest": max(moves)}
    rests = [timed(lambda k=k: preview(0.6 + 0.01 * k, True))[0] for k in range(repeats)]
    return found | {"at rest": statistics.median(rests)}


def command(content: bytes) -> float:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a.jpg"
        source.write_bytes(content)
        words = ["denoise", str(source), "--noise-map", "--uncertainty", "--quiet"]
        return timed(lambda: subprocess.run([*COMMAND, *words], check=True))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    content = photograph(arguments.megapixels)
    runs = []
    for _ in range(arguments.repeats):
        runs.append(visit(content, arguments.repeats) | {"vdn denoise": command(content)})
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    medians["whole / vdn denoise"] = medians["whole"] / medians["vdn denoise"]
    print(json.dumps({name: round(value, 3) for name, value in medians.items()}, indent=1))


if __name__ == "__main__":
    main()
