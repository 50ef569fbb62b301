"""Plain squared error: what the bound becomes when eps0 goes to 0."""

from collections.abc import Mapping

from torch import Tensor

from vdn.training.config import Objective
from vdn.training.objectives.terms import Model, Terms, squared_error_terms

__all__ = ["WEIGHTS", "objective"]

WEIGHTS: dict[str, float] = {}


def objective(
    model: Model, batch: Mapping[str, Tensor], settings: Objective, weights: Mapping[str, float]
) -> Terms:
    """Nobody tells S-Net what its map should be; it learns whatever helps D-Net."""
    return squared_error_terms(model(batch["noisy"]), batch["clean"], settings)
