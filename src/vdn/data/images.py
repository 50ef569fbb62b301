"""Folders of images, decoded once and kept in memory as bytes."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from vdn.errors import FileError

__all__ = ["image_files", "read_rgb", "split_holdout"]

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


def image_files(folder: str | Path) -> list[Path]:
    """The image files directly in a folder, sorted by name.

    Raises
    ------
    FileError
        If the folder does not exist or holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder of training images")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise FileError(f"{folder}: holds no image ({', '.join(sorted(SUFFIXES))})")
    return files


def read_rgb(path: str | Path, channels: int = 3) -> np.ndarray:
    """One file as uint8 (H, W, C): RGB, or its luminance for ``channels=1``."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
    except (OSError, UnidentifiedImageError) as error:
        raise FileError(f"{path}: cannot be read as an image ({error})") from error
    return pixels if pixels.ndim == 3 else pixels[..., None]


def split_holdout(files: Iterable[Path], every: int) -> tuple[list[Path], list[Path]]:
    """Split sorted files into (training, held out): every `every`-th is held out; 0 for none.

    Examples
    --------
    >>> split_holdout([Path("a"), Path("b"), Path("c")], every=3)
    ([PosixPath('b'), PosixPath('c')], [PosixPath('a')])
    """
    training: list[Path] = []
    held_out: list[Path] = []
    for index, path in enumerate(files):
        (held_out if every and index % every == 0 else training).append(path)
    return training, held_out
