"""Pictures in the memory of a device, from which batches of crops are gathered."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdn.data.shards import Shards
from vdn.noise.arrays import indices

__all__ = ["Crops", "ImagePool", "ShardPool", "symmetry"]


def symmetry(image: NDArray[Any], which: int) -> NDArray[Any]:
    """Return one of the eight symmetries of the square of an image (H, W[, C]).

    Examples
    --------
    >>> symmetry(np.arange(4).reshape(2, 2), 4).tolist()
    [[1, 0], [3, 2]]
    """
    turned = np.rot90(image, which % 4)
    return turned[:, ::-1] if which >= 4 else turned


class Crops:
    """Which squares of a pool to take: N at random places, each turned and mirrored at random.

    Parameters
    ----------
    images : numpy.ndarray
        Numbers of the pictures in the pool, (N,).
    generator : numpy.random.Generator
        The source of places and symmetries.
    upright : float
        The share of those that are neither turned nor mirrored; 0 makes all eight ways alike.
    """

    def __init__(
        self, images: NDArray[np.intp], generator: np.random.Generator, upright: float = 0.0
    ) -> None:
        self.images = images
        self.places = generator.random((len(images), 2))
        if upright:
            others = generator.integers(1, 8, size=len(images))
            self.symmetries = np.where(generator.random(len(images)) < upright, 0, others)
        else:
            self.symmetries = generator.integers(8, size=len(images))


class ImagePool:
    """Pictures of any size as one flat buffer on a device.

    Parameters
    ----------
    images : sequence of numpy.ndarray
        (H, W, C) with one C, uint8 or float32 in 255ths; all are kept as float32 if one is.
    size : int
        Side of the crops to come. Pictures with a shorter side are continued by reflection.
    device : torch.device
        Where the buffer lies.

    Examples
    --------
    >>> pool = ImagePool([np.full((9, 12, 3), 7, np.uint8)], 4, torch.device("cpu"))
    >>> crops = pool.take(Crops(np.array([0, 0]), np.random.default_rng(0)))
    >>> crops.shape, float(crops.max())
    (torch.Size([2, 3, 4, 4]), 7.0)
    """

    def __init__(self, images: Sequence[NDArray[Any]], size: int, device: torch.device) -> None:
        grown = [_grown(image, size) for image in images]
        dtype = np.result_type(*grown)
        lines = [image.astype(dtype, copy=False).reshape(-1, image.shape[2]) for image in grown]
        self._pixels = torch.from_numpy(np.concatenate(lines)).to(device)
        self._shapes = np.array([image.shape[:2] for image in grown])
        self._starts = np.cumsum([0, *(len(line) for line in lines)])[:-1]
        rows, columns = np.indices((size, size))
        turned = [[symmetry(axis, which) for axis in (rows, columns)] for which in range(8)]
        self._offsets = indices(np.array(turned), self._pixels)  # 8, row and column, side, side
        self.size = size

    def __len__(self) -> int:
        return len(self._starts)

    def choose(self, slots: range, generator: np.random.Generator) -> NDArray[np.intp]:
        """Return the numbers of pictures for patches, drawn evenly."""
        return generator.integers(len(self), size=len(slots))

    def take(self, crops: Crops) -> Tensor:
        """Return crops, float32 (N, C, size, size) in 255ths; the same ones of any aligned pool."""
        shapes = self._shapes[crops.images]
        top, left = (crops.places * (shapes - self.size + 1)).astype(np.int64).T
        base = self._starts[crops.images] + top * shapes[:, 1] + left
        down, across = self._offsets[indices(crops.symmetries, self._pixels)].unbind(1)
        base, width = (indices(each[:, None, None], self._pixels) for each in (base, shapes[:, 1]))
        places = base + down * width + across
        found = self._pixels.index_select(0, places.reshape(-1))
        return found.reshape(*places.shape, -1).permute(0, 3, 1, 2).float()


class ShardPool:
    """Pictures in shards, each read when its turn comes: every epoch has each of them once.

    Parameters
    ----------
    shards : Shards
        The pictures.
    size : int
        Side of the crops to come.
    channels : int
        Of the pictures, 1 or 3.
    crops : int
        How many crops in a row are of one picture.
    device : torch.device
        Where the crops go.
    """

    def __init__(
        self, shards: Shards, size: int, channels: int, crops: int, device: torch.device
    ) -> None:
        self._shards, self.size, self._channels = shards, size, channels
        self._crops, self._device = crops, device

    def choose(self, slots: range, generator: np.random.Generator) -> NDArray[np.intp]:
        """Return the numbers of pictures for patches: those whose turn it is."""
        return np.array([self._shards.at(slot // self._crops) for slot in slots])

    def take(self, crops: Crops) -> Tensor:
        """Return crops, float32 (N, C, size, size) in 255ths."""
        patches, image, last = [], np.empty(0), None
        for number, place, which in zip(crops.images, crops.places, crops.symmetries, strict=True):
            if number != last:
                image, last = _grown(self._shards.read(number, self._channels), self.size), number
            top, left = (place * (np.array(image.shape[:2]) - self.size + 1)).astype(int)
            patch = image[top : top + self.size, left : left + self.size]
            patches.append(symmetry(patch, which).transpose(2, 0, 1).astype(np.float32))
        return torch.from_numpy(np.stack(patches)).to(self._device)


def _grown(image: NDArray[Any], size: int) -> NDArray[Any]:
    missing = [(0, max(size - side, 0)) for side in image.shape[:2]]
    return np.pad(image, [*missing, (0, 0)], mode="symmetric") if np.any(missing) else image
