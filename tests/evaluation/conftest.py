from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def save(path: Path, seed: int, shape=(48, 64, 3)) -> Path:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    rng = np.random.default_rng(seed)
    phases = rng.uniform(0, 6, 3)
    waves = [np.sin(rows / 7 + p) * np.cos(columns / 9 + p) for p in phases]
    pixels = np.clip(128 + 110 * np.stack(waves, -1), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels if len(shape) == 3 else pixels[..., 0]).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Sets as a user has them: two of colour, one gray, one of pairs."""
    folder = tmp_path / "data"
    for seed, name in enumerate(("Set5/a.png", "Set5/b.png", "CBSD68/c.png")):
        save(folder / name, seed)
    save(folder / "Set12/01.png", 3, (48, 64))
    clean = Image.open(save(folder / "mine/clean/x.png", 9))
    noise = np.random.default_rng(0).normal(0, 8, (48, 64, 3))
    noisy = np.clip(np.asarray(clean) + noise, 0, 255).astype(np.uint8)
    (folder / "mine/noisy").mkdir()
    Image.fromarray(noisy).save(folder / "mine/noisy/x.png")
    return folder


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A set with one picture large enough to be timed, and one that is not."""
    folder = tmp_path / "large"
    save(folder / "LIVE1/a.png", 0, (520, 512, 3))
    save(folder / "LIVE1/b.png", 1, (300, 600, 3))
    return folder
