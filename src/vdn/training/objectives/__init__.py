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

from torch import Tensor

from vdn.errors import ConfigError
from vdn.training.config import Objective
from vdn.training.objectives import cbdnet, elbo, known_map, mse, noise
from vdn.training.objectives.terms import Model, Terms
from vdn.training.objectives.trainable import freeze_unreached

__all__ = ["END_TO_END", "NON_BLIND", "SUMMARIES", "Terms", "choose_objective", "freeze_unreached"]

_KINDS = {"elbo": elbo, "noise": noise, "mse": mse, "known_map": known_map, "cbdnet": cbdnet}

END_TO_END = frozenset({"mse", "cbdnet"})
"""Objectives under which S-Net learns through D-Net."""

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
    unknown = sorted(set(settings.weights) - set(kind.WEIGHTS))
    if unknown:
        known = f"weights {', '.join(kind.WEIGHTS)}" if kind.WEIGHTS else "no weights"
        raise ConfigError(
            f"objective.weights names {', '.join(unknown)}; objective.kind {settings.kind!r} "
            f"has {known}"
        )
    weights = {**kind.WEIGHTS, **settings.weights}
    return lambda model, batch: kind.objective(model, batch, settings, weights)
