"""What a run trains on, and what it holds out."""

import itertools
import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vdn.data.batches import Batches
from vdn.data.detail import Detail
from vdn.data.images import image_files, read_image, reduce_image, split_holdout
from vdn.data.pages import render_page
from vdn.data.pair_noise import MeasuredPair, PairPool, measure_pair
from vdn.data.pairs import Mixture, PairFiles, pair_folder
from vdn.data.pool import ImagePool, ShardPool
from vdn.data.shards import Shards, find_shards
from vdn.data.spots import render_spots
from vdn.data.textures import render_textures
from vdn.errors import ConfigError
from vdn.noise.camera import LUMA
from vdn.noise.degradation import parse_degradation
from vdn.noise.registry import parse_noise
from vdn.training.config import Config

__all__ = ["made_ahead", "training_data"]

_AHEAD = 2  # batches a thread makes before they are asked for


def training_data(
    config: Config, device: torch.device
) -> tuple[Batches, list[np.ndarray], list[MeasuredPair]]:
    """Return the batches to train on, and the pictures (H, W, C) and pairs held out of them.

    Raises
    ------
    ConfigError, FileError
        If there is nothing to train on, or a folder or file cannot be read.
    """
    data, channels = config.data, config.network.channels
    if data.shards:
        shards = Shards(find_shards(data.shards), config.seed, data.holdout_every)
        pool = ShardPool(shards, data.patch, channels, data.crops, device)
        held = [shards.read(number, channels) for number in shards.held]
        return _batches(config, pool, None, (), device), held, []
    training, held_out = [], []
    for folder in data.folders:
        kept, out = split_holdout(image_files(folder), data.holdout_every)
        training += [read_image(path, channels) for path in kept]
        held_out += [read_image(path, channels) for path in out]
    if data.reduced:
        training += _reduced(training, _ends("reduced", data.reduced), data.patch, config.seed)
    renderers = {render_page: data.pages, render_spots: data.spots, render_textures: data.textures}
    for render, count in renderers.items():
        drawn = np.random.default_rng((config.seed, count))
        rendered = [_of_channels(render(drawn), channels) for _ in range(count)]
        training += rendered[count // 20 :]
        held_out += rendered[: count // 20]
    sets, held_pairs = _pairs(config)
    if not training and not sets:
        raise ConfigError(
            "data.folders, data.pairs and data.shards are empty; name at least one folder"
        )
    if training and sets and not data.pair_share:
        raise ConfigError(
            "data.pair_share is 0, so the pairs of data.pairs would not be trained on; give a "
            "share above 0, such as 0.5, or leave out data.pairs"
        )
    detail = Detail(training, data.patch) if data.detailed_share else None
    batches = _batches(
        config,
        ImagePool(training, data.patch, device) if training else None,
        PairPool([pair for pairs in sets for pair in pairs], data.patch, device) if sets else None,
        _numbers(sets, data.pair_shares or [1] * len(sets)),
        device,
        detail,
    )
    return batches, held_out, held_pairs


def _batches(
    config: Config,
    images: ImagePool | ShardPool | None,
    pairs: PairPool | None,
    pair_numbers: Sequence[int],
    device: torch.device,
    detail: Detail | None = None,
) -> Batches:
    data = config.data
    return Batches(
        images,
        pairs,
        pair_numbers,
        {parse_noise(name): share for name, share in data.noise.items() if share},
        pair_share=data.pair_share if images else 1.0,
        batch=config.schedule.batch,
        exposure=_ends("exposure", data.exposure),
        gray_share=data.gray_share,
        upright=data.upright,
        detail=detail,
        detailed_share=data.detailed_share,
        told_share=data.told_share,
        seed=config.seed,
        device=device,
        degradation={parse_degradation(name): part for name, part in data.degradation.items()},
    )


def _of_channels(image: np.ndarray, channels: int) -> np.ndarray:
    if channels == 1 and image.ndim == 3:
        image = np.rint(image @ LUMA).astype(np.uint8)
    return image if image.ndim == 3 else np.repeat(image[..., None], channels, axis=2)


def _numbers(sets: Sequence[Sequence[Any]], shares: Sequence[int]) -> Sequence[int]:
    """Return the numbers of the pairs, counted through all sets, as often as their shares say."""
    ends = np.cumsum([0, *map(len, sets)])
    ranges = [range(start, end) for start, end in itertools.pairwise(ends.tolist())]
    return Mixture(ranges, shares) if sets else ()


def _pairs(
    config: Config,
) -> tuple[list[Sequence[MeasuredPair] | Sequence[PairFiles]], list[MeasuredPair]]:
    """Return sets of pairs to train on, and the pairs held out.

    They are kept in memory and measured, but where the filtered residual is the prior: that needs
    no measure, and sets as large as SIDD stay in their files.
    """
    sets: list[Sequence[MeasuredPair] | Sequence[PairFiles]] = []
    held_out: list[MeasuredPair] = []
    for folder in config.data.pairs:
        pairs = pair_folder(folder, config.network.channels)
        every = config.data.holdout_every
        _, out = split_holdout([pair.noisy for pair in pairs.files], every)
        chosen, apart = pairs.split(set(out))
        lazily = config.objective.xi == "residual"
        sets.append(chosen.files if lazily else [measure_pair(*pair) for pair in chosen])
        held_out += [measure_pair(*pair) for pair in apart]
    return sets, held_out


def _reduced(
    images: Sequence[np.ndarray], ends: tuple[float, float], patch: int, seed: int
) -> list[np.ndarray]:
    """Return the images reduced by random factors, none below the side of a patch."""
    low, high = map(math.log, ends)
    factors = np.exp(np.random.default_rng(seed).uniform(low, high, len(images)))
    return [
        reduce_image(image, max(factor, min(patch / min(image.shape[:2]), 1.0)))
        for image, factor in zip(images, factors, strict=True)
    ]


def _ends(name: str, factors: tuple[float, ...]) -> tuple[float, float]:
    if len(factors) != 2 or not 0 < factors[0] <= factors[1]:
        raise ConfigError(f"data.{name} is {factors}; give (lowest, highest), above 0")
    return factors[0], factors[1]


def made_ahead(
    batch: Callable[[int], Mapping[str, Tensor]], numbers: Iterable[int], threads: int
) -> Generator[Mapping[str, Tensor]]:
    """Yield the batches of these numbers, made by `threads` while others are worked on."""
    if not threads:
        yield from map(batch, numbers)
        return
    numbers = iter(numbers)
    with ThreadPoolExecutor(threads, "vdn-batches", torch.set_num_threads, (1,)) as pool:
        first = itertools.islice(numbers, _AHEAD * threads)
        waiting = deque(pool.submit(batch, number) for number in first)
        try:
            while waiting:
                next_one = waiting.popleft()
                waiting += [pool.submit(batch, number) for number in itertools.islice(numbers, 1)]
                yield next_one.result()
        finally:
            for other in waiting:
                other.cancel()
