"""Optimisers, the learning-rate schedule, and clipping that follows the running norm."""

import copy
import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from vdn.errors import ConfigError
from vdn.training.config import Optimiser, Schedule

__all__ = [
    "ConvolutionMuon",
    "MovingAverage",
    "NetworkClipper",
    "NormClipper",
    "learning_rate_factor",
    "make_optimisers",
    "orthogonalised",
]


class ConvolutionMuon(torch.optim.Optimizer):
    """Muon for convolutions: each 4-d weight moves as its matrix (out, in·k·k).

    The steps are those of `torch.optim.Muon`, which takes matrices only and always computes in
    bfloat16: on a CPU without it that costs as much time as the network itself.

    Parameters
    ----------
    weights : iterable of Parameter
        4-d weights.
    lr, weight_decay : float
        As in `torch.optim.Muon`.
    dtype : torch.dtype
        Arithmetic of the orthogonalisation.
    momentum : float
        Of the gradients, with Nesterov's look ahead.

    Notes
    -----
    As torch's fused optimisers do, a step while the attribute ``found_inf`` is a tensor of 1
    changes nothing.

    Examples
    --------
    >>> weight = nn.Parameter(torch.eye(2).reshape(2, 2, 1, 1))
    >>> weight.grad = torch.ones_like(weight)
    >>> ConvolutionMuon([weight], lr=0.1).step()
    >>> bool((weight < torch.eye(2).reshape(2, 2, 1, 1)).all())
    True
    """

    def __init__(
        self,
        weights: Iterable[nn.Parameter],
        lr: float,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
        momentum: float = 0.95,
    ):
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure=None):
        found_inf = getattr(self, "found_inf", None)
        for group in self.param_groups:
            rate, kept = group["lr"], 1 - group["lr"] * group["weight_decay"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].lerp(weight.grad, 1 - group["momentum"])
                matrix = weight.grad.lerp(momentum, group["momentum"]).flatten(1)
                direction = orthogonalised(matrix.to(self.dtype)).reshape(weight.shape)
                rows, columns = matrix.shape
                moved = weight * kept - direction * (rate * max(1.0, rows / columns) ** 0.5)
                if found_inf is not None:
                    skip = found_inf.bool()
                    momentum = torch.where(skip, state["momentum"], momentum)
                    moved = torch.where(skip, weight, moved)
                state["momentum"] = momentum
                weight.copy_(moved)


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """A matrix (n, m) with its singular values brought near 1 by five Newton-Schulz iterations.

    The coefficients, of Jordan's Muon (2024), trade precision for speed: singular values end
    within about 0.3 of 1.

    Examples
    --------
    >>> singular = torch.linalg.svdvals(orthogonalised(torch.diag(torch.tensor([9.0, 4.0, 1.0]))))
    >>> bool(((singular > 0.65) & (singular < 1.35)).all())
    True
    """
    rows, columns = matrix.shape
    if rows > columns:
        return orthogonalised(matrix.T).T
    matrix = matrix / matrix.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = matrix @ matrix.T
        matrix = 3.4445 * matrix + (2.0315 * gram @ gram - 4.7750 * gram) @ matrix
    return matrix


def make_optimisers(
    model: nn.Module, settings: Optimiser, dtype: torch.dtype = torch.float32
) -> list[torch.optim.Optimizer]:
    """The optimisers of a model: one, or for ``muon`` Muon for the kernels and AdamW for the rest.

    Parameters that need no gradient are left alone. The rest is what Muon is not meant for:
    biases, and the first and last layers. `dtype` is the arithmetic of Muon.
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
            ConvolutionMuon(kernels, settings.muon_learning_rate, settings.weight_decay, dtype)
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

    Linear warm-up over ``schedule.warmup`` steps, in a run by minutes over its first tenth if
    that ends sooner; then a cosine in `progress` (0 to 1) down to ``final_fraction``, or
    ``milestone_factor`` once for each of ``milestones`` that is past.

    Examples
    --------
    >>> learning_rate_factor(10**6, 0.5, Schedule(minutes=1))
    0.5
    """
    warm = (step + 1) / max(schedule.warmup, 1)
    if schedule.minutes:
        warm = max(warm, 10 * progress)
    warm = min(1.0, warm)
    if schedule.decay == "milestones":
        past = sum(progress >= milestone for milestone in schedule.milestones)
        return warm * schedule.milestone_factor**past
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return warm * (schedule.final_fraction + (1 - schedule.final_fraction) * cosine)


class MovingAverage(nn.Module):
    """An exponential moving average of a model's weights and buffers that forgets its start.

    The decay of update n, from 0, is ``min(decay, (1 + n) / (10 + n))``: a constant one would
    still hold 5 % of the first, random weights after three times its memory. Nothing is read back
    from the device.

    Parameters
    ----------
    model : nn.Module
        What is averaged; `module` is a copy of it that holds the average.
    decay : float
        At least 0 and below 1.

    Examples
    --------
    >>> model = nn.Linear(1, 1)
    >>> average = MovingAverage(model, decay=0.999)
    >>> _ = model.weight.data.add_(1)
    >>> average.update(model)
    >>> round((model.weight - average.module.weight).item(), 3)
    0.1
    """

    n_averaged: Tensor

    def __init__(self, model: nn.Module, decay: float):
        super().__init__()
        self.decay, self.module = decay, copy.deepcopy(model).requires_grad_(False)
        device = next(model.parameters()).device
        self.register_buffer("n_averaged", torch.zeros((), device=device))

    @torch.no_grad()
    def update(self, model: nn.Module, skip: Tensor | None = None) -> None:
        """Move towards a model, unless `skip` is a tensor of True."""
        n = self.n_averaged
        taken = torch.ones_like(n) if skip is None else (~skip).to(n)
        weight = taken * (1 - ((1 + n) / (10 + n)).clamp(max=self.decay))
        n += taken
        current = model.state_dict()
        for name, value in self.module.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], weight.to(value))
            else:  # the step counters of normalisation layers
                value.copy_(current[name])


class NormClipper:
    """Clips the gradient's norm at a multiple of its own running mean, all on the device.

    Parameters
    ----------
    factor : float
        The multiple; 0 never clips.
    decay : float
        Of the running mean of the clipped norms.

    Attributes
    ----------
    running : Tensor
        The running mean, a scalar; 0 before the first finite norm.
    """

    def __init__(self, factor: float, decay: float = 0.98, device: torch.device | str = "cpu"):
        self.factor, self.decay = factor, decay
        self.running = torch.zeros((), device=device)

    @torch.no_grad()
    def __call__(self, parameters: Iterable[nn.Parameter]) -> Tensor:
        """Clip in place and return the norm before, a scalar tensor.

        A norm that is not finite leaves the running mean as it was; its step is to be skipped.
        """
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.factor:
            limit = torch.where(self.running > 0, self.factor * self.running, norm)
            kept = torch.minimum(norm, limit)
            torch._foreach_mul_(gradients, kept / norm.clamp(min=1e-12))
            mean = torch.where(self.running > 0, self.running.lerp(kept, 1 - self.decay), norm)
            self.running = torch.where(norm.isfinite(), mean, self.running)
        return norm


class NetworkClipper:
    """Clips each network's gradient by itself, at a bound that an epoch may only lower.

    After an epoch the bound of a network becomes the mean of its norms before clipping, if that is
    less: the published training.

    Parameters
    ----------
    networks : sequence of nn.Module
        The networks.
    bounds : sequence of float
        Of their norms in the first epoch.
    steps : int
        Of an epoch.

    Attributes
    ----------
    running : Tensor
        The bounds, the sums of the norms in this epoch, and its steps so far, in one row.

    Examples
    --------
    >>> layer = nn.Linear(1, 1, bias=False)
    >>> clip = NetworkClipper([layer], [3.0], steps=1)
    >>> for _ in range(2):
    ...     layer.weight.grad = torch.full((1, 1), 2.0)
    ...     _ = clip(layer.parameters())
    >>> clip.running[0].item()
    2.0
    """

    def __init__(self, networks: Sequence[nn.Module], bounds: Sequence[float], steps: int):
        self._networks, self._steps = networks, steps
        device = next(networks[0].parameters()).device
        state = [*bounds, *(0.0 for _ in bounds), 0.0]
        self.running = torch.tensor(state, dtype=torch.float64, device=device)

    @torch.no_grad()
    def __call__(self, parameters: Iterable[nn.Parameter]) -> Tensor:
        """Clip in place and return the norm of all before, a scalar tensor.

        A norm that is not finite does not count; its step is to be skipped.
        """
        count = len(self._networks)
        bounds, sums, steps = self.running.split([count, count, 1])
        norms = []
        for network, bound in zip(self._networks, bounds, strict=True):
            gradients = [p.grad for p in network.parameters() if p.grad is not None]
            norms.append(torch.nn.utils.get_total_norm(gradients))
            if gradients:
                factor = (bound / norms[-1].clamp(min=1e-12)).clamp(max=1)
                torch._foreach_mul_(gradients, factor.to(gradients[0].dtype))
        found = torch.stack([norm.double().to(bounds.device) for norm in norms])
        finite = found.isfinite().all()
        sums += torch.where(finite, found, 0)
        steps += finite
        ended = steps >= self._steps
        bounds.copy_(torch.where(ended, torch.minimum(bounds, sums / steps.clamp(min=1)), bounds))
        sums.mul_(~ended)
        steps.mul_(~ended)
        return found.square().sum().sqrt()
