"""Random training batches, made on the device: each a pure function of (seed, index)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vdn.data.detail import Detail
from vdn.data.pair_noise import ROUNDING, PairPool
from vdn.data.pool import Crops, ImagePool, ShardPool
from vdn.data.torch_generator import TorchGenerator
from vdn.model import LinearDegradation
from vdn.noise.arrays import like, per_image
from vdn.noise.camera import LUMA
from vdn.noise.degradation import Degradation
from vdn.noise.models import NoiseModel

__all__ = ["Batches", "degraded"]

Batch = dict[str, Tensor]
_FIELDS = ("noisy", "clean", "sigma", "kernel")
_CANDIDATES = 4  # of which the most detailed patch is taken

_SHARPEST = 0.3**2
"""The least variance of a kernel, in square pixels: a Gaussian as narrow changes next to nothing,
and nobody can tell one from another."""


class Batches:
    """Batches of noisy patches: ``batches(index)`` makes one, whichever came before.

    Parameters
    ----------
    images : ImagePool or ShardPool, optional
        Clean pictures.
    pairs : PairPool, optional
        Real pairs.
    pair_numbers : sequence of int
        Numbers of the real pairs, drawn evenly from here.
    noise : mapping of NoiseModel to float
        The share of the clean pictures that gets each noise.
    pair_share : float
        The probability of a real pair; 1 without clean pictures.
    batch : int
        Patches in a batch.
    exposure : tuple of float
        Lowest and highest factor of the brightness of clean pictures, drawn log-uniformly.
    gray_share : float
        The share of the clean pictures in colour that are made gray, with noise alike in all
        channels.
    upright : float
        The share of the patches that are neither turned nor mirrored; see `Crops`.
    detail : Detail, optional
        The detail of the clean pictures, where a `detailed_share` needs it.
    detailed_share : float
        The share of the patches of clean pictures that are the most detailed of four.
    told_share : float
        The share of all patches of which D-Net is told the true noise.
    degradation : mapping of Degradation to float
        The share of the clean pictures that is degraded in each way before the noise; all have
        the same reduction. None without real pairs.
    seed : int
        A batch depends on ``(seed, index)`` alone.
    device : torch.device
        Where the batches are made. What is to be made is drawn on the host, so that nothing is
        read back from the device.

    Notes
    -----
    A batch is a dict of float32 (N, C, H, W) tensors: ``noisy``, ``clean``, and ``sigma``, the
    standard deviations of the noise, at least those of rounding. With a degradation `noisy` and
    `sigma` are as small as it makes them, and ``kernel`` (N, 3) has the variances of the blur along
    x and y, in square pixels of `clean`, and their correlation. With a `told_share` there is
    ``told`` (N, 1, 1, 1), true for the patches of which D-Net is told `sigma`.
    """

    def __init__(
        self,
        images: ImagePool | ShardPool | None,
        pairs: PairPool | None,
        pair_numbers: Sequence[int],
        noise: Mapping[NoiseModel, float],
        *,
        pair_share: float,
        batch: int,
        seed: int,
        device: torch.device,
        exposure: tuple[float, float] = (1.0, 1.0),
        gray_share: float = 0.0,
        upright: float = 0.0,
        detail: Detail | None = None,
        detailed_share: float = 0.0,
        told_share: float = 0.0,
        degradation: Mapping[Degradation, float] | None = None,
    ) -> None:
        self._images, self._pairs, self.pair_numbers = images, pairs, pair_numbers
        self._models = list(noise)
        self._shares = _normalised(noise)
        self._degradations = list(degradation or {})
        self._degradation_shares = _normalised(degradation or {})
        self._pair_share = pair_share if pairs is not None else 0.0
        self._batch, self._seed, self._device = batch, seed, device
        self._exposure, self._gray_share, self._upright = exposure, gray_share, upright
        self._detail, self._detailed_share = detail, detailed_share
        self._told_share = told_share

    def __call__(self, index: int) -> Batch:
        """Make a batch."""
        generator = TorchGenerator((self._seed, index), self._device)
        real = int((generator.host.random(self._batch) < self._pair_share).sum())
        parts = []
        if real:
            parts.append(self._real(real, generator))
        if real < self._batch:
            slots = range(index * self._batch + real, (index + 1) * self._batch)
            parts.append(self._simulated(slots, generator))
        fields = (torch.cat(field) for field in zip(*parts, strict=True))
        made = dict(zip(_FIELDS, fields, strict=False))
        made["noisy"] = made["noisy"].contiguous(memory_format=torch.channels_last)
        if self._told_share:
            told = generator.host.random(self._batch) < self._told_share
            made["told"] = _each(told, made["noisy"])
        return made

    def _real(self, count: int, generator: TorchGenerator) -> tuple[Tensor, ...]:
        assert self._pairs is not None
        drawn = generator.host.integers(len(self.pair_numbers), size=count)
        numbers = [self.pair_numbers[i] for i in drawn]
        return self._pairs.take(numbers, generator.host, self._upright)

    def _simulated(self, slots: range, generator: TorchGenerator) -> tuple[Tensor, ...]:
        """Return patches of clean pictures, those of one noise computed together.

        `slots` number the patches through the whole run.
        """
        assert self._images is not None
        host, count = generator.host, len(slots)
        kinds = np.sort(host.choice(len(self._models), size=count, p=self._shares))
        crops = self._crops(slots, host)
        low, high = map(math.log, self._exposure)
        factors = np.exp(host.uniform(low, high, size=count)) / 255
        gray = host.random(count) < self._gray_share
        clean = self._images.take(crops)
        if clean.shape[1] == 3 and gray.any():
            luma = torch.round((clean * like(LUMA.reshape(1, 3, 1, 1), clean)).sum(1, True))
            clean = torch.where(_each(gray, clean), luma, clean)
        clean = clean * per_image(factors, clean)
        observed, kernel = clean, []
        if self._degradations:
            observed, truth = self._degraded(clean, generator)
            kernel.append(truth)
        parts = []
        for kind in np.unique(kinds):
            part = observed[slice(*np.searchsorted(kinds, [kind, kind + 1]))]
            noisy, sigma = self._noise(self._models[kind], part, generator)
            parts.append((noisy, sigma.expand_as(part)))
        noisy, sigma = (torch.cat(side) for side in zip(*parts, strict=True))
        if clean.shape[1] == 3 and gray.any():  # the same noise in all channels
            noisy, sigma = (
                torch.where(_each(gray, clean), side[:, 1:2], side) for side in (noisy, sigma)
            )
        return noisy, clean, sigma.clamp_min(ROUNDING), *kernel

    def _crops(self, slots: range, host: np.random.Generator) -> Crops:
        assert self._images is not None
        crops = Crops(self._images.choose(slots, host), host, self._upright)
        if self._detail is not None:
            detailed = host.random(len(slots)) < self._detailed_share
            most = self._detail.of(crops)
            for _ in range(_CANDIDATES - 1):
                rivals = Crops(self._images.choose(slots, host), host, self._upright)
                detail = self._detail.of(rivals)
                better = detailed & (detail > most)
                crops.images = np.where(better, rivals.images, crops.images)
                crops.places = np.where(better[:, None], rivals.places, crops.places)
                most = np.where(better, detail, most)
        return crops

    def _degraded(self, clean: Tensor, generator: TorchGenerator) -> tuple[Tensor, Tensor]:
        host, count = generator.host, len(clean)
        kinds = host.choice(len(self._degradations), size=count, p=self._degradation_shares)
        return degraded(clean, [self._degradations[kind] for kind in kinds], host)

    def _noise(
        self, model: NoiseModel, clean: Tensor, generator: TorchGenerator
    ) -> tuple[Tensor, Tensor]:
        if self._device.type != "cpu":
            return model(clean, generator)
        noisy, sigma = model(clean.contiguous().numpy(), generator.host)  # faster there
        return torch.from_numpy(noisy), torch.from_numpy(sigma)


def degraded(
    clean: Tensor, degradations: Sequence[Degradation], generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Degrade pictures (N, C, H, W), each in its own way, all by the same reduction.

    Returns
    -------
    degraded, kernel : Tensor
        (N, C, H / s, W / s), and variances along x and y and correlation of the blur, (N, 3).

    Examples
    --------
    >>> from vdn.noise.degradation import parse_degradation
    >>> ways = [parse_degradation("gaussian_blur:1+bicubic:2")]
    >>> small, kernel = degraded(torch.ones(1, 3, 8, 8), ways, np.random.default_rng(0))
    >>> small.shape, kernel.tolist()
    (torch.Size([1, 3, 4, 4]), [[1.0, 1.0, 0.0]])
    """
    drawn: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for way in dict.fromkeys(degradations):
        places = [place for place, other in enumerate(degradations) if other == way]
        kernels, covariances = way.draw(len(places), generator)
        drawn |= dict(zip(places, zip(kernels, covariances, strict=True), strict=True))
    kernels, covariances = zip(*(drawn[place] for place in range(len(clean))), strict=True)
    side = max(len(kernel) for kernel in kernels)
    whole = np.stack([np.pad(kernel, (side - len(kernel)) // 2) for kernel in kernels])
    first = degradations[0]
    operator = LinearDegradation.of_blur(like(whole, clean), first.taps, first.scale)
    return operator(clean).contiguous(), like(_parameters(np.stack(covariances)), clean)


def _parameters(covariances: np.ndarray) -> np.ndarray:
    """Return variances and correlation (N, 3) of covariances (N, 2, 2)."""
    variances = np.maximum(covariances[:, [0, 1], [0, 1]], _SHARPEST)
    correlation = covariances[:, 0, 1] / np.sqrt(variances.prod(1))
    return np.concatenate([variances, correlation[:, None]], 1)


def _normalised(shares: Mapping[Any, float]) -> np.ndarray:
    values = np.array(list(shares.values()), float)
    return values / values.sum() if len(values) else values


def _each(chosen: np.ndarray, images: Tensor) -> Tensor:
    """Return one truth value an image as (N, 1, 1, 1), on the device of the images."""
    return per_image(chosen, images) > 0
