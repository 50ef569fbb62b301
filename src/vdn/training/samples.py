"""What a run trains on, and what it holds out."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from torch.utils.data import DataLoader, Sampler

from vdn.data.corruption import CORRUPTIONS
from vdn.data.images import image_files, read_rgb, split_holdout
from vdn.data.pair_noise import MeasuredPair, measure_pair
from vdn.data.pairs import Mixture, Pair, pair_folder
from vdn.data.patches import Patches
from vdn.errors import ConfigError
from vdn.training.config import Config
from vdn.training.validation import Held, held_out_set

__all__ = ["endless_loader", "training_data"]


def training_data(config: Config) -> tuple[Patches, list[Held]]:
    """Return the patches to train on, and what is held out of them.

    Raises
    ------
    ConfigError, FileError
        If there is nothing to train on, or a folder or file cannot be read.
    """
    channels = config.network.channels
    training, held_out = [], []
    for folder in config.data.folders:
        kept, out = split_holdout(image_files(folder), config.data.holdout_every)
        training += [read_rgb(path, channels) for path in kept]
        held_out += [read_rgb(path, channels) for path in out]
    pairs, held_pairs = _pairs(config)
    if not training and not pairs:
        raise ConfigError("data.folders and data.pairs are both empty; name at least one folder")
    unknown = sorted(set(config.data.noise) - set(CORRUPTIONS))
    if unknown:
        raise ConfigError(f"data.noise names {', '.join(unknown)}; known: {', '.join(CORRUPTIONS)}")
    share = config.data.pair_share
    if training and pairs and not share:
        raise ConfigError(
            "data.pair_share is 0, so the pairs of data.pairs would not be trained on; give a "
            "share above 0, such as 0.5, or leave out data.pairs"
        )
    patches = Patches(
        training,
        pairs,
        config.data.noise,
        pair_share=share if training else 1.0,
        sigma_max=config.data.sigma_max,
        patch=config.data.patch,
        exposure=_ends(config.data.exposure),
        gray_share=config.data.gray_share,
        seed=config.seed,
    )
    return patches, held_out_set(held_out, held_pairs, config.data.noise)


def _pairs(config: Config) -> tuple[Sequence[MeasuredPair | Pair], list[MeasuredPair]]:
    """Return pairs to train on and those held out.

    They are kept in memory and measured, but where the filtered residual is the prior: that needs
    no measure, and sets as large as SIDD stay in their files.
    """
    sets: list[Sequence[Any]] = []
    held_out: list[MeasuredPair] = []
    for folder in config.data.pairs:
        pairs = pair_folder(folder, config.network.channels)
        every = config.data.holdout_every
        _, out = split_holdout([pair.noisy for pair in pairs.files], every)
        chosen, apart = pairs.split(set(out))
        lazily = config.objective.xi == "residual"
        sets.append(chosen if lazily else [measure_pair(*pair) for pair in chosen])
        held_out += [measure_pair(*pair) for pair in apart]
    if not sets:
        return [], []
    return Mixture(sets, config.data.pair_shares or [1] * len(sets)), held_out


def _ends(exposure: tuple[float, ...]) -> tuple[float, float]:
    if len(exposure) != 2 or not 0 < exposure[0] <= exposure[1]:
        raise ConfigError(f"data.exposure is {exposure}; give (lowest, highest), above 0")
    return exposure[0], exposure[1]


def endless_loader(
    patches: Patches, config: Config, *, start: int, process: int, processes: int
) -> DataLoader[Any]:
    """Return batches without end, from sample `start` on: each of `processes` takes its share."""
    return DataLoader(
        patches,
        batch_size=config.schedule.batch,
        sampler=_Onward(start + process, processes),
        num_workers=config.data.workers,
        prefetch_factor=4 if config.data.workers else None,
    )


class _Onward(Sampler[int]):
    """Indices from `start` on in steps of `stride`, without end: a sample's seed is its index."""

    def __init__(self, start: int, stride: int):
        self.start, self.stride = start, stride

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self.start, self.stride)
