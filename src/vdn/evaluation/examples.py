"""The few pictures a report shows: what each method made of them."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.evaluation.methods import Method, Ready
from vdn.evaluation.metrics import eight_bit
from vdn.evaluation.runner import Item, observe
from vdn.evaluation.suites import PAIRED, Suite, find_suite
from vdn.image.atomic import replacing
from vdn.noise.fields import TEST_MAPS

__all__ = ["Example", "choose_examples", "make_example"]


@dataclass(frozen=True)
class Example:
    """A picture with the results of all methods.

    `clean`, `noisy` and `images` are uint8, of one size: pixels of a reduced picture are repeated.
    `sigma` and `maps` are standard deviations in 255ths, (H, W), the true one None where it is not
    known or the picture not only noisy.
    """

    item: Item
    clean: NDArray[np.uint8]
    noisy: NDArray[np.uint8]
    sigma: NDArray[np.float32] | None
    images: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    maps: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def varies(self) -> bool:
        """Whether the true noise is known and not the same everywhere."""
        return self.sigma is not None and float(np.ptp(self.sigma)) > 0


def choose_examples(suite: Suite, items: Sequence[Item]) -> list[Item]:
    """Take the middle picture of every set: in the suite's case, for the first set in the maps too.

    Examples
    --------
    >>> from vdn.evaluation.suites import find_suite
    >>> choose_examples(find_suite("paper"), [])
    []
    """
    chosen = []
    for number, set_ in enumerate(dict.fromkeys(item.set for item in items)):
        of_set = [item for item in items if item.set == set_]
        names = list(dict.fromkeys(item.sample.name for item in of_set))
        picture = names[len(names) // 2]
        wanted = (
            {suite.example, PAIRED, *(TEST_MAPS if number == 0 else ())} if suite.example else {}
        )
        chosen += [item for item in of_set if item.sample.name == picture and item.case in wanted]
    return chosen


def make_example(
    item: Item, methods: Sequence[Method], load: Callable[[Method], Ready], folder: Path
) -> Example:
    """Denoise a picture by all methods, or take what is in the folder from an earlier report."""
    observation = observe(item)
    restores = find_suite(item.suite).restores
    sigma = None if restores else observation.sigma
    scale = observation.truth.scale if restores else 1
    example = Example(
        item,
        eight_bit(observation.clean),
        eight_bit(observation.noisy).repeat(scale, 0).repeat(scale, 1),
        None if sigma is None else _plane(sigma, observation.clean.shape[:2]),
    )
    folder.mkdir(parents=True, exist_ok=True)
    for method in methods:
        if method.name == "noisy":
            continue
        digest = hashlib.sha256(json.dumps(item.key(method)).encode()).hexdigest()[:24]
        path = folder / f"{digest}.npz"
        if not path.exists():
            ready = load(method)
            if restores:
                result = ready.restore(observation.noisy, observation.truth)
            else:
                result = ready.denoise(observation.noisy, sigma)
            arrays: dict[str, Any] = {"image": eight_bit(getattr(result, "image", result))}
            if hasattr(result, "noise_sigma") and not restores:
                sigma_found = _plane(result.noise_sigma, observation.clean.shape[:2])
                arrays["sigma"] = sigma_found.astype(np.float16)
            with replacing(path) as temporary:
                np.savez_compressed(temporary, **arrays)
        with np.load(path) as stored:
            example.images[method.name] = stored["image"]
            if "sigma" in stored:
                example.maps[method.name] = stored["sigma"].astype(np.float32)
    return example


def _plane(sigma: NDArray[np.floating] | float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a standard deviation as a map (H, W) in 255ths, the channels' variances averaged."""
    variance = np.square(np.asarray(sigma, np.float64) * 255)
    plane = variance.mean(axis=2) if variance.ndim == 3 else variance
    return np.sqrt(np.broadcast_to(plane, shape)).astype(np.float32)
