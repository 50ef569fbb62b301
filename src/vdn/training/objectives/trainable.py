"""Which parameters an objective can teach anything."""

import logging
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from vdn.training.objectives.terms import Terms

__all__ = ["freeze_unreached"]

logger = logging.getLogger(__name__)

_SIDE = 64


def freeze_unreached(
    model: nn.Module,
    objective: Callable[[nn.Module, Mapping[str, Tensor]], Terms],
    channels: int,
    scale: int = 1,
) -> list[str]:
    """Freeze the parameters the loss does not depend on, and return their names.

    Distributed training waits for the gradient of each parameter that has not been frozen.
    Measured on one flat image, in evaluation mode, so that nothing else in the model changes;
    where the model enlarges, the clean one is `scale` times as large.
    """
    flat = torch.full((1, channels, _SIDE, _SIDE), 0.5)
    clean = torch.full((1, channels, scale * _SIDE, scale * _SIDE), 0.5)
    batch = {"noisy": flat + 0.1, "clean": clean, "sigma": torch.full_like(flat, 0.1)}
    batch["kernel"] = torch.tensor([[1.0, 1.0, 0.0]])
    named = dict(model.named_parameters())
    training = model.training
    model.eval()
    loss = objective(model, batch).loss
    gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    model.train(training)
    frozen = [
        name for (name, _), found in zip(named.items(), gradients, strict=True) if found is None
    ]
    for name in frozen:
        named[name].requires_grad_(False)
    if frozen:
        logger.info("the objective does not reach, and so freezes: %s", ", ".join(frozen))
    return frozen
