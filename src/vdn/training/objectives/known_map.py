"""Squared error of a network that is given the true noise map, as FFDNet is."""

from collections.abc import Mapping

from torch import Tensor

from vdn.training.config import Objective
from vdn.training.objectives.terms import Model, Terms, squared_error_terms

__all__ = ["WEIGHTS", "objective"]

WEIGHTS: dict[str, float] = {}


def objective(
    model: Model, batch: Mapping[str, Tensor], settings: Objective, weights: Mapping[str, float]
) -> Terms:
    """The model is not blind; a part of it that estimates noise does not learn."""
    estimate = model(batch["noisy"], sigma=batch["sigma"])
    return squared_error_terms(estimate, batch["clean"], settings)
