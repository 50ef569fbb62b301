"""A whole image through an engine: channels fitted to the network, windows put together."""

from collections.abc import Callable, Sequence

import numpy as np

from vdn.runtime.cards import Card
from vdn.runtime.engine import DEFAULT_MEMORY, Engine, NoisePosterior, Planes, Posterior
from vdn.runtime.tiling import choose_window, pad_to_multiple, tiles

__all__ = ["predict", "predict_noise"]

_Step = Callable[..., Sequence[Planes]]


def predict(
    engine: Engine,
    card: Card,
    planes: Planes,
    *,
    sigma: Planes | None = None,
    strength: float = 1.0,
    max_memory: float = DEFAULT_MEMORY,
) -> Posterior:
    """Return what the network says about an image of any size, 1 or 3 channels.

    One channel through a colour network: the channel is repeated and the answers averaged.
    Colour through a network of one channel: channel by channel.

    Parameters
    ----------
    engine, card
        The network and its card.
    planes
        The image, float32 (C, H, W), nominally in [0, 1].
    sigma
        Standard deviations of the noise, same shape and unit, in place of the network's own.
    strength
        Factor of the noise map the image part sees.
    max_memory
        Bound on the network's working memory in MB; the image and the answers come on top.

    Raises
    ------
    InputError
        When `max_memory` holds no window.
    """
    inputs = [planes] if sigma is None else [planes, sigma]
    graphs = 1 if sigma is None and strength == 1.0 else 2  # both parts stay ready

    def step(window: Planes, window_sigma: Planes | None = None) -> Posterior:
        return engine.run(window, window_sigma, strength)

    return Posterior(*_run(step, engine, card, inputs, max_memory / graphs))


def predict_noise(
    engine: Engine, card: Card, planes: Planes, *, max_memory: float = DEFAULT_MEMORY
) -> NoisePosterior:
    """Return the noise alone, for an image as in `predict`."""
    return NoisePosterior(*_run(engine.run_noise, engine, card, [planes], max_memory))


def _run(
    step: _Step, engine: Engine, card: Card, inputs: list[Planes], max_memory: float
) -> Sequence[Planes]:
    channels, height, width = inputs[0].shape
    window = choose_window(
        height, width, card.halo, card.multiple, engine.bytes_per_pixel, max_memory
    )

    def tiled(arrays: list[Planes]) -> Sequence[Planes]:
        return _tiled(step, card, arrays, window)

    if channels == card.channels:
        return tiled(inputs)
    if channels == 1:
        answers = tiled([np.repeat(array, card.channels, axis=0) for array in inputs])
        return [answer.mean(axis=0, keepdims=True) for answer in answers]
    each = [tiled([array[c : c + 1] for array in inputs]) for c in range(channels)]
    return [np.concatenate(answers) for answers in zip(*each, strict=True)]


def _tiled(
    step: _Step, card: Card, inputs: list[Planes], window: tuple[int, int]
) -> Sequence[Planes]:
    _, height, width = inputs[0].shape
    padded = [pad_to_multiple(array, card.multiple) for array in inputs]
    if padded[0].shape[1:] == window:
        return [answer[:, :height, :width] for answer in step(*padded)]
    answers: list[Planes] = []
    for tile in tiles(height, width, window, card.halo, card.multiple):
        parts = step(*(array[(slice(None), *tile.read)] for array in padded))
        if not answers:
            answers = [np.empty((len(part), height, width), np.float32) for part in parts]
        for answer, part in zip(answers, parts, strict=True):
            answer[(slice(None), *tile.write)] = part[(slice(None), *tile.crop)]
    return answers
