"""A window of an image through an engine: its channels fitted to those of the network."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from vdn.runtime.cards import Card
from vdn.runtime.engine import Engine, NoisePosterior, Planes, Posterior
from vdn.runtime.kernel import mean_parameters, turned_back

__all__ = ["ENSEMBLES", "predict", "predict_noise"]

ENSEMBLES = {1: (0,), 2: (0, 3), 4: (0, 1, 2, 3), 8: tuple(range(8))}
"""Symmetries of a window to take the mean over: bit 0 mirrors columns, 1 rows, 2 swaps both."""


def predict(
    engine: Engine,
    card: Card,
    planes: Planes,
    *,
    sigma: Planes | None = None,
    strength: float = 1.0,
    ensemble: int = 1,
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
    ensemble
        One of `ENSEMBLES`: of how many symmetric versions of the window the predictions are
        averaged (logarithms as such), each turned back.
    out
        Memory for what the network predicts, of as many channels as it has.

    References
    ----------
    The mean over symmetries: Lim et al., Enhanced deep residual networks for single image
    super-resolution, CVPR Workshops 2017, https://arxiv.org/abs/1707.02921
    """
    buffer = out if planes.shape[0] <= card.channels else None  # else it runs more than once
    kernels: list[Planes] = []  # one for all channels, whatever the number of runs

    def step(which: int, window: Planes, window_sigma: Planes | None = None) -> Sequence[Planes]:
        *maps, kernel = engine.run(window, window_sigma, strength, buffer)
        if kernel is not None:
            kernels.append(turned_back(kernel, which))
        return maps

    inputs = [planes] if sigma is None else [planes, sigma]
    if ensemble == 1:
        maps = _fitted(partial(step, 0), card, inputs)
        return Posterior(*maps)._replace(kernel=mean_parameters(kernels))
    total: list[Planes] = []
    for which in ENSEMBLES[ensemble]:
        if which & _SWAPPED:
            buffer = None  # of another shape
        turned = _fitted(partial(step, which), card, [_turned(array, which) for array in inputs])
        found = map(partial(_turned_back, which=which), turned)
        if total:
            for sum_, each in zip(total, found, strict=True):
                sum_ += each
        else:
            total = [each.copy() for each in found]
    means = (np.divide(sum_, ensemble, out=sum_) for sum_ in total)
    return Posterior(*means)._replace(kernel=mean_parameters(kernels))


def predict_noise(engine: Engine, card: Card, planes: Planes) -> NoisePosterior:
    """Return the noise alone, for a window as in `predict`."""
    return NoisePosterior(*_fitted(engine.run_noise, card, [planes]))


_SWAPPED = 4


def _turned(planes: Planes, which: int) -> Planes:
    swapped = planes.swapaxes(1, 2) if which & _SWAPPED else planes
    return np.ascontiguousarray(_mirrored(swapped, which))


def _turned_back(planes: Planes, which: int) -> Planes:
    mirrored = _mirrored(planes, which)
    return mirrored.swapaxes(1, 2) if which & _SWAPPED else mirrored


def _mirrored(planes: Planes, which: int) -> Planes:
    rows, columns = (slice(None, None, -1 if which & bit else None) for bit in (2, 1))
    return planes[:, rows, columns]


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
