"""Random training patches: each a pure function of (seed, index)."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vdn.data.corruption import corrupt
from vdn.data.pair_noise import MeasuredPair, local_sigma
from vdn.data.pairs import Pair
from vdn.noise.camera import LUMA

__all__ = ["Patches", "augment", "random_crop"]


def random_crop(
    images: Sequence[np.ndarray], size: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """The same random square of aligned (H, W, C) images; sides shorter than `size` reflect."""
    height, width = images[0].shape[:2]
    top = generator.integers(max(height - size, 0) + 1)
    left = generator.integers(max(width - size, 0) + 1)
    crops = [image[top : top + size, left : left + size] for image in images]
    missing = [(0, max(size - side, 0)) for side in (height, width)]
    if any(after for _, after in missing):
        crops = [np.pad(crop, [*missing, (0, 0)], mode="symmetric") for crop in crops]
    return crops


def augment(images: Sequence[np.ndarray], which: int) -> list[np.ndarray]:
    """One of the eight symmetries of the square, the same for every (H, W, C) image.

    Examples
    --------
    >>> a = np.arange(4).reshape(2, 2, 1)
    >>> augment([a], 4)[0][..., 0].tolist()
    [[1, 0], [3, 2]]
    """
    turned = [np.rot90(image, which % 4) for image in images]
    return [image[:, ::-1] for image in turned] if which >= 4 else turned


class Patches(Dataset[dict[str, Tensor]]):
    """An endless dataset of noisy patches made from images in memory.

    Parameters
    ----------
    images : sequence of ndarray
        Clean uint8 (H, W, C) images.
    pairs : sequence of MeasuredPair, or of (ndarray, ndarray)
        Real ones, used with probability `pair_share`; (noisy, clean) uint8 may be read from files
        only when their turn comes.
    noise : mapping
        Share of each corruption by name.
    sigma_max : float
        Largest standard deviation of synthetic noise, in [0, 1] units.
    patch : int
        Side of a patch in pixels.
    exposure : tuple of float
        Lowest and highest factor of the brightness of clean images, drawn log-uniformly.
    gray_share : float
        Share of the clean images in colour that are made gray, with noise alike in all channels.
    seed : int
        Sample `i` depends on ``(seed, i)`` alone, however many workers there are.
    length : int
        How many samples the dataset claims to hold.

    Notes
    -----
    A sample is a dict of float32 (C, H, W) tensors: ``noisy``, ``clean``, and ``sigma``, the true
    standard deviations; of a real pair, those of its curve, or if it was not measured
    the local root mean square of its residual.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        pairs: Sequence[MeasuredPair | Pair],
        noise: Mapping[str, float],
        *,
        pair_share: float,
        sigma_max: float,
        patch: int,
        seed: int,
        exposure: tuple[float, float] = (1.0, 1.0),
        gray_share: float = 0.0,
        length: int = 2**40,
    ):
        self.images, self.pairs, self.noise = images, pairs, dict(noise)
        self.pair_share, self.sigma_max, self.patch = pair_share, sigma_max, patch
        self.seed, self.length, self.exposure = seed, length, exposure
        self.gray_share = gray_share

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = np.random.default_rng((self.seed, index))
        real = self.pairs and generator.random() < self.pair_share
        noisy, clean, sigma = (self._real if real else self._simulated)(generator)
        planes = {"noisy": noisy, "clean": clean, "sigma": sigma}
        return {
            name: torch.from_numpy(plane.transpose(2, 0, 1).copy())
            for name, plane in planes.items()
        }

    def _real(self, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
        pair = self.pairs[int(generator.integers(len(self.pairs)))]
        sides = (pair.noisy, pair.clean) if isinstance(pair, MeasuredPair) else pair
        crops = augment(random_crop(sides, self.patch, generator), int(generator.integers(8)))
        noisy, clean = (crop.astype(np.float32) / np.float32(255) for crop in crops)
        if isinstance(pair, MeasuredPair):
            return noisy, clean, pair.sigma(clean)
        return noisy, clean, local_sigma(noisy, clean)

    def _simulated(self, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
        image = self.images[int(generator.integers(len(self.images)))]
        crops = random_crop([image], self.patch, generator)
        (crop,) = augment(crops, int(generator.integers(8)))
        colour = crop.shape[2] == 3
        gray = colour and self.gray_share > 0 and generator.random() < self.gray_share
        if gray:
            crop = np.rint(crop @ LUMA)[..., None].repeat(3, axis=2)
        factor = np.exp(generator.uniform(*np.log(self.exposure)))
        clean = crop.astype(np.float32) * np.float32(factor / 255)
        noisy, sigma = corrupt(clean, self.noise, self.sigma_max, generator)
        if gray:
            noisy, sigma = (plane[..., 1:2].repeat(3, axis=2) for plane in (noisy, sigma))
        return noisy, clean, sigma
