"""Optimisers, the learning-rate schedule, and clipping that follows the running norm."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from vdn.errors import ConfigError
from vdn.training.config import Optimiser, Schedule

__all__ = [
    "ConvolutionMuon",
    "NormClipper",
    "learning_rate_factor",
    "make_optimisers",
    "moving_average",
]


class ConvolutionMuon(torch.optim.Muon):
    """`torch.optim.Muon` for convolutions: each 4-d weight moves as its matrix (out, in·k·k).

    Parameters
    ----------
    parameters : iterable of Parameter
        4-d weights. The matrices are views, so momentum and steps reach the weights themselves.
    lr, weight_decay : float
        As in `torch.optim.Muon`.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float):
        self.weights = list(parameters)
        super().__init__(
            [nn.Parameter(self._matrix(weight.detach())) for weight in self.weights],
            lr=lr,
            weight_decay=weight_decay,
            adjust_lr_fn="original",
        )

    @staticmethod
    def _matrix(weight: torch.Tensor) -> torch.Tensor:
        last = weight.is_contiguous(memory_format=torch.channels_last)
        return (weight.permute(0, 2, 3, 1) if last else weight).flatten(1)

    def step(self, closure=None):
        for matrix, weight in zip(self.param_groups[0]["params"], self.weights, strict=True):
            matrix.data = self._matrix(weight.detach())
            matrix.grad = None if weight.grad is None else self._matrix(weight.grad)
        loss = super().step(closure)
        for matrix, weight in zip(self.param_groups[0]["params"], self.weights, strict=True):
            if matrix.data_ptr() != weight.data_ptr():
                raise RuntimeError(f"a weight of shape {tuple(weight.shape)} has no matrix view")
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self.weights:
            weight.grad = None


def make_optimisers(model: nn.Module, settings: Optimiser) -> list[torch.optim.Optimizer]:
    """The optimisers of a model: one, or for ``muon`` Muon for the kernels and AdamW for the rest.

    Parameters that need no gradient are left alone. The rest is what Muon is not meant for:
    biases, and the first and last layers.
    """
    rest = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimisers: list[torch.optim.Optimizer] = []
    if settings.name == "muon":
        kernels: list[nn.Parameter] = [
            layer.weight  # type: ignore[misc]  # torch declares it a Tensor
            for layer in model.modules()
            if isinstance(layer, nn.Conv2d)
            and min(layer.weight.shape[:2]) >= 32
            and layer.weight.requires_grad
        ]
        chosen = {id(kernel) for kernel in kernels}
        rest = [parameter for parameter in rest if id(parameter) not in chosen]
        if not kernels:
            raise ConfigError(
                "optimiser.name is 'muon', but no convolution has 32 channels on both sides; "
                "use adamw, or a wider network"
            )
        optimisers.append(
            ConvolutionMuon(kernels, settings.muon_learning_rate, settings.weight_decay)
        )
    if settings.name == "adam":
        optimisers.append(torch.optim.Adam(rest, lr=settings.learning_rate, fused=True))
    else:
        optimisers.append(
            torch.optim.AdamW(
                rest, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
            )
        )
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["initial_lr"] = group["lr"]
    return optimisers


def learning_rate_factor(step: int, progress: float, schedule: Schedule) -> float:
    """The multiplier of the initial learning rates.

    Linear warm-up over ``schedule.warmup`` steps, then a cosine in `progress` (0 to 1) down to
    ``final_fraction``, or ``milestone_factor`` once for each of ``milestones`` that is past.

    Examples
    --------
    >>> learning_rate_factor(10**6, 0.5, Schedule(minutes=1))
    0.5
    """
    warm = min(1.0, (step + 1) / max(schedule.warmup, 1))
    if schedule.decay == "milestones":
        past = sum(progress >= milestone for milestone in schedule.milestones)
        return warm * schedule.milestone_factor**past
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return warm * (schedule.final_fraction + (1 - schedule.final_fraction) * cosine)


def moving_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """An exponential moving average for `AveragedModel` that forgets its start.

    The decay after n updates is ``min(decay, (1 + n) / (10 + n))``: a constant one would still
    hold 5 % of the first, random weights after three times its memory.
    """

    @torch.no_grad()
    def update(averaged: Any, current: Any, count: Any) -> None:
        n = int(count)
        if not averaged[0].is_floating_point():  # the step counters of normalisation layers
            torch._foreach_copy_(averaged, current)
            return
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + n) / (10 + n)))

    return update


class NormClipper:
    """Clips the gradient's norm at a multiple of its own running mean.

    Parameters
    ----------
    factor : float
        The multiple; 0 never clips.
    """

    def __init__(self, factor: float, decay: float = 0.98):
        self.factor, self.decay, self.running = factor, decay, 0.0

    def __call__(self, parameters: Sequence[nn.Parameter]) -> float:
        """Clip in place and return the norm before; a norm that is not finite zeroes the step."""
        norm = torch.nn.utils.get_total_norm(p.grad for p in parameters if p.grad is not None)
        value = float(norm)
        if not math.isfinite(value):
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.zero_()
            return value
        if self.factor:
            limit = self.factor * self.running if self.running else value
            torch.nn.utils.clip_grads_with_norm_(parameters, max(limit, 1e-12), norm)
            kept = min(value, limit) if self.running else value
            self.running = (
                self.decay * self.running + (1 - self.decay) * kept if self.running else value
            )
        return value
