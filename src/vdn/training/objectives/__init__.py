"""What is minimised: the bound of the paper, a part of it, and its rivals.

============= ==================================== ============================
kind          D-Net                                S-Net
============= ==================================== ============================
``elbo``      the bound                            the bound
``noise``     does not learn                       the true map, and how far it errs
``mse``       squared error, given S-Net's map     through D-Net alone
``known_map`` squared error, given the true map    does not learn
``cbdnet``    squared error, given S-Net's map     its own supervision, and D-Net
============= ==================================== ============================

An objective is ``(model, batch, settings) -> Terms``. It calls the model exactly once, as
distributed training requires. ``batch`` holds ``noisy``, ``clean`` and ``sigma``, each
(N, C, H, W), as `vdn.data.batches` makes them.
"""

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from vdn.errors import ConfigError
from vdn.training.config import Objective
from vdn.training.objectives import cbdnet, elbo, known_map, mse, noise, restoration
from vdn.training.objectives.terms import Model, Terms
from vdn.training.objectives.trainable import freeze_unreached

__all__ = [
    "NON_BLIND",
    "SUMMARIES",
    "Terms",
    "choose_objective",
    "end_to_end",
    "freeze_unreached",
    "restoration_objective",
]

_KINDS = {"elbo": elbo, "noise": noise, "mse": mse, "known_map": known_map, "cbdnet": cbdnet}

NON_BLIND = frozenset({"known_map"})
"""Objectives whose networks are given the true noise, in validation too."""

SUMMARIES = {
    "elbo": "",
    "noise": "",
    "mse": "trained by squared error alone: its noise map is not an estimate of the noise",
    "known_map": "trained with the true noise map: give it one, it cannot estimate its own",
    "cbdnet": "trained by CBDNet's objective",
}
"""What to know of a model trained by each kind."""


def end_to_end(settings: Objective) -> bool:
    """Whether S-Net learns through D-Net, by its own or another objective.

    Raises
    ------
    ConfigError
        If ``map_gradient`` is asked of an objective that cannot or must have it.

    Examples
    --------
    >>> end_to_end(Objective(kind="elbo")), end_to_end(Objective(kind="mse"))
    (False, True)
    """
    if settings.map_gradient and settings.kind != "elbo":
        raise ConfigError(
            f"objective.map_gradient is true and objective.kind {settings.kind!r}; it is for 'elbo'"
        )
    return settings.map_gradient or settings.kind in ("mse", "cbdnet")


def choose_objective(settings: Objective) -> Callable[[Model, Mapping[str, Tensor]], Terms]:
    """The objective of a configuration, with its weights.

    Raises
    ------
    ConfigError
        If ``weights`` names a term the objective does not have.

    Examples
    --------
    >>> choose_objective(Objective(kind="mse", weights={"kl_image": 0.0}))
    Traceback (most recent call last):
    vdn.errors.ConfigError: objective.weights names kl_image; objective.kind 'mse' has no weights
    """
    kind = _KINDS[settings.kind]
    weights = _weights(settings, kind.WEIGHTS)
    return lambda model, batch: kind.objective(model, batch, settings, weights)


def restoration_objective(
    settings: Objective, taps: np.ndarray
) -> Callable[[Model, Mapping[str, Tensor]], Terms]:
    """The bound of a degraded picture, with its weights; `taps` are those of the reduction.

    Raises
    ------
    ConfigError
        If the kind is another one, or ``weights`` names a term the bound does not have.

    Examples
    --------
    >>> restoration_objective(Objective(kind="mse"), np.ones(1))
    Traceback (most recent call last):
    vdn.errors.ConfigError: objective.kind is 'mse'; the task 'restore' has 'elbo' alone
    """
    if settings.kind != "elbo":
        raise ConfigError(
            f"objective.kind is {settings.kind!r}; the task 'restore' has 'elbo' alone"
        )
    weights = _weights(settings, restoration.WEIGHTS)
    return lambda model, batch: restoration.objective(model, batch, settings, weights, taps)


def _weights(settings: Objective, own: Mapping[str, float]) -> dict[str, float]:
    if unknown := sorted(set(settings.weights) - set(own)):
        known = f"weights {', '.join(own)}" if own else "no weights"
        raise ConfigError(
            f"objective.weights names {', '.join(unknown)}; objective.kind {settings.kind!r} "
            f"has {known}"
        )
    return {**own, **settings.weights}
