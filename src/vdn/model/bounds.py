"""Keeping log-parameters in a finite range without losing their way back."""

import torch
from torch import Tensor

__all__ = ["bounded"]


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(value)
        ctx.low, ctx.high = low, high
        return value.clamp(low, high)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        (value,) = ctx.saved_tensors
        outward = ((value > ctx.high) & (gradient < 0)) | ((value < ctx.low) & (gradient > 0))
        return gradient.masked_fill(outward, 0), None, None


def bounded(value: Tensor, low: float, high: float) -> Tensor:
    """Clamp to [low, high], letting only gradients through that lead back inside.

    A plain clamp has no gradient outside its bounds: a parameter that has left them never
    returns. Here a descent step that would move the value further out is blocked, one that
    brings it back is not. The input is not modified.

    Examples
    --------
    >>> value = torch.tensor([-5.0, 0.5, 5.0], requires_grad=True)
    >>> bounded(value, 0.0, 1.0).sum().backward()
    >>> value.grad
    tensor([0., 1., 1.])
    """
    if not (torch.is_grad_enabled() and value.requires_grad):
        return value.clamp(low, high)
    return _Bounded.apply(value, low, high)
