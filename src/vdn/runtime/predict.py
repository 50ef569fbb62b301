"""A window of an image through an engine: its channels fitted to those of the network."""

from collections.abc import Callable, Sequence

import numpy as np

from vdn.runtime.cards import Card
from vdn.runtime.engine import Engine, NoisePosterior, Planes, Posterior

__all__ = ["predict", "predict_noise"]


def predict(
    engine: Engine,
    card: Card,
    planes: Planes,
    *,
    sigma: Planes | None = None,
    strength: float = 1.0,
    out: Posterior | None = None,
) -> Posterior:
    """Return what the network predicts for a window of 1 or 3 channels.

    One channel through a colour network: the channel is repeated and the predictions averaged.
    Colour through a network of one channel: channel by channel.

    Parameters
    ----------
    engine, card
        The network and its card.
    planes
        The window, float32 (C, H, W), nominally in [0, 1]; H and W are multiples of the card's.
    sigma
        Standard deviations of the noise, same shape and unit, in place of the network's own.
    strength
        Factor of the noise map the image part sees.
    out
        Memory for what the network predicts, of as many channels as it has.
    """
    buffer = out if planes.shape[0] <= card.channels else None  # else it runs more than once

    def step(window: Planes, window_sigma: Planes | None = None) -> Posterior:
        return engine.run(window, window_sigma, strength, buffer)

    return Posterior(*_fitted(step, card, [planes] if sigma is None else [planes, sigma]))


def predict_noise(engine: Engine, card: Card, planes: Planes) -> NoisePosterior:
    """Return the noise alone, for a window as in `predict`."""
    return NoisePosterior(*_fitted(engine.run_noise, card, [planes]))


def _fitted(
    step: Callable[..., Sequence[Planes]], card: Card, inputs: list[Planes]
) -> Sequence[Planes]:
    channels = inputs[0].shape[0]
    if channels == card.channels:
        return step(*inputs)
    if channels == 1:
        predictions = step(*(np.repeat(array, card.channels, axis=0) for array in inputs))
        return [prediction.mean(axis=0, keepdims=True) for prediction in predictions]
    each = [step(*(array[c : c + 1] for array in inputs)) for c in range(channels)]
    return [np.concatenate(predictions) for predictions in zip(*each, strict=True)]
