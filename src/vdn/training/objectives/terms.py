"""What every objective returns, and what they share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vdn.training.config import Objective

__all__ = ["Model", "Terms", "error_nll", "squared_error_terms"]

Model = Any
"""``model(noisy, sigma=None)`` -> an object with ``mean``, ``sigma`` and ``error``."""


@dataclass(frozen=True)
class Terms:
    """Means over a batch, each a scalar tensor.

    Attributes
    ----------
    loss : Tensor
        What is minimised.
    named : mapping of str to Tensor
        What it is made of, before any weight, for the log.
    """

    loss: Tensor
    named: Mapping[str, Tensor]


def error_nll(estimate: Any, clean: Tensor) -> dict[str, Tensor]:
    """The negative log-likelihood of the error head, of a model that has one.

    The head learns from the residual ``clean - mean`` without its gradient, so that it cannot move
    the mean.
    """
    if estimate.error is None:
        return {}
    return {"error_nll": -estimate.error.log_prob((clean - estimate.mean).detach()).mean()}


def squared_error_terms(estimate: Any, clean: Tensor, settings: Objective) -> Terms:
    r"""The mean squared error, divided by twice eps0^2, and the error head's likelihood.

    The division makes it the term of the bound that stays when eps0 goes to 0; where the minimum
    lies does not depend on it.
    """
    square = (estimate.mean - clean).square().mean()
    error = error_nll(estimate, clean)
    loss = square / (2 * settings.eps0_squared) + sum(error.values())
    return Terms(loss, {"squared_error": square, **error})
