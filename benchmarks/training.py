"""Speed of training: how long a batch takes to make, and a step with it.

    python benchmarks/training.py [CONFIG] [--steps 10] [--threads N]

The pictures are made up, so that no data is needed. On Linux, compare with huge pages and without:

    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python benchmarks/training.py
"""

import argparse
import dataclasses
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vdn.training import load_config
from vdn.training.loop import Run
from vdn.training.precision import choose_precision
from vdn.training.task import find_task

CONFIGS = Path(__file__).parents[1] / "configs"
WARM_UP = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", default=str(CONFIGS / "light_gaussian.toml"))
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = load_config(options.config)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(8):
            Image.fromarray(picture(number)).save(Path(folder) / f"{number}.png")
        data = dataclasses.replace(config.data, folders=(folder,), pairs=(), holdout_every=0)
        config = dataclasses.replace(config, data=data, start="")
        task = find_task(config)
        task.load_data(device)
    task.model.to(device, memory_format=torch.channels_last)
    dtype = choose_precision(config.precision)
    run = Run.begin(config, task.model, dtype)
    making, stepping = [], []
    for index in range(WARM_UP + options.steps):
        begun = time.perf_counter()
        batch = task.batch(index)
        _wait(device)
        made = time.perf_counter()
        run.model.zero_grad()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            terms = task.loss(run.model, batch)
        terms.loss.backward()
        run.update(1.0)
        _wait(device)
        making.append(made - begun)
        stepping.append(time.perf_counter() - made)
    patches, side = config.schedule.batch, config.data.patch
    for name, seconds in (("batch", making), ("step", stepping)):
        median = statistics.median(seconds[WARM_UP:])
        rate = patches * side**2 / 1e6 / median
        print(
            f"{config.name}, {name} of {patches} patches of {side}: {1000 * median:.0f} ms, "
            f"{1000 * median / patches:.1f} ms per patch, {rate:.2f} Mpx/s"
        )


def picture(number: int) -> np.ndarray:
    """Smooth colours with some texture, as a photograph has them."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
    smooth = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC), np.float32)
    return np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
