"""Folders of images, decoded once and kept in memory."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vdn.errors import FileError
from vdn.image import Frame, Picture, Range, find_ranges, read, to_unit
from vdn.image.formats import FORMATS

__all__ = ["as_image", "image_files", "read_aligned", "read_image", "reduce_image", "split_holdout"]

_SUFFIXES = {suffix for format in FORMATS for suffix in format.suffixes}
_LUMA_65536 = np.array([19595, 38470, 7471])  # ITU-R BT.601, in 65,536ths


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
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise FileError(f"{folder}: holds no image of a format that is read here")
    return files


def read_image(path: str | Path, channels: int = 3) -> np.ndarray:
    """Return the image of a file as (H, W, C) with C of 1 or 3, white at 255; alpha is left out.

    Of 8 bits it is uint8, as it is in the file; deeper and float images are float32, by the range
    that `vdn.image.find_ranges` finds. Of a colour image one channel is its luma (ITU-R BT.601).

    Raises
    ------
    FileError
        When the file cannot be read, or holds several images or channels that are not colours.
    """
    return read_aligned([Path(path)], channels)[0]


def read_aligned(paths: Sequence[Path], channels: int = 3) -> list[np.ndarray]:
    """Return images of one scene as `read_image` does, all by the range of the last one.

    Those of another dtype than the last keep their own.

    Raises
    ------
    FileError
        As `read_image`; and when the sizes differ.
    """
    images = [_pixels(read(path)) for path in paths]
    first, last = images[0], images[-1]
    for path, image in zip(paths, images, strict=True):
        if image.shape[:2] != first.shape[:2]:
            raise FileError(f"{path}: has shape {image.shape}, {paths[0]} has {first.shape}")
    common = _range(last)
    ranges = [common if image.dtype == last.dtype else _range(image) for image in images]
    return [
        _of_channels(_in_255ths(image, range_), channels)
        for image, range_ in zip(images, ranges, strict=True)
    ]


def as_image(picture: Picture, channels: int = 3) -> np.ndarray:
    """Return the image of an open picture as `read_image` does."""
    image = _pixels(picture)
    return _of_channels(_in_255ths(image, _range(image)), channels)


def _pixels(picture: Picture) -> np.ndarray:
    """Return the image as it is in the file, (H, W, 1 or 3)."""
    frame = picture.frame
    if frame.color_channels not in (1, 3) or frame.channels == "planes":
        raise FileError(
            f"{picture.path}: has channels that are neither gray nor red, green and blue"
        )
    return np.atleast_3d(frame.read())[..., : frame.color_channels]


def _range(pixels: np.ndarray) -> Range:
    (found,) = find_ranges(Frame.of(pixels if pixels.shape[2] == 3 else pixels[..., 0]))
    return found


def _in_255ths(pixels: np.ndarray, range_: Range) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    return to_unit(pixels, range_).planes * np.float32(255)


def _of_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    if pixels.dtype == np.uint8:  # in whole numbers, as image libraries do it
        luma = (pixels.astype(np.uint32) @ _LUMA_65536 + 2**15) >> 16
        return luma.astype(np.uint8)[..., None]
    return (pixels @ (_LUMA_65536 / 65536).astype(np.float32))[..., None]


def reduce_image(image: np.ndarray, factor: float) -> np.ndarray:
    """Return an image (H, W, C) reduced by a factor (Lanczos), of its dtype, within 0 to 255.

    Examples
    --------
    >>> reduce_image(np.full((30, 20, 3), 7, np.uint8), 0.5).shape
    (15, 10, 3)
    """
    height, width = (max(round(side * factor), 1) for side in image.shape[:2])
    size, lanczos = (width, height), Image.Resampling.LANCZOS
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, lanczos))
        for plane in np.moveaxis(image, 2, 0)
    ]
    return np.clip(np.stack(planes, axis=2), 0, 255)


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
