"""How good the model is on images held out of training, at fixed noise."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from vdn.data.pair_noise import ROUNDING, MeasuredPair
from vdn.noise.registry import NoiseModel, parse_noise

__all__ = [
    "ValidationCase",
    "as_tensor",
    "centre",
    "coverage90",
    "validate",
    "validation_cases",
    "with_noise",
]

ValidationCase = tuple[str, torch.Tensor, torch.Tensor, torch.Tensor]
"""Name of the case, noisy, clean and true sigma, each (1, C, H, W)."""


def validation_cases(
    images: Sequence[np.ndarray],
    pairs: Sequence[MeasuredPair],
    noises: Collection[str] = (),
    *,
    size: int = 256,
    limit: int = 12,
    seed: int = 1,
) -> list[ValidationCase]:
    """Centre crops with noise of fixed kinds, and real pairs as they are.

    AWGN 15, 25 and 50 and the sincos map always; of the `noises` trained on those that are not
    normal, once each.
    """
    held: list[ValidationCase] = []
    generator = np.random.default_rng(seed)
    cases = {f"awgn{level}": parse_noise(f"gaussian:{level}") for level in (15, 25, 50)}
    cases["case2"] = parse_noise("case2")
    models = {name: parse_noise(name) for name in sorted(noises)}
    cases |= {name: model for name, model in models.items() if not model.normal}
    for image in images[:limit]:
        clean = as_tensor(centre(image, size))
        for name, model in cases.items():
            noisy, sigma = with_noise(model, clean, generator)
            held.append((name, noisy, clean, sigma))
    for pair in pairs[:limit]:
        seen, truth = centre(pair.noisy, size), centre(pair.clean, size)
        held.append(("pairs", as_tensor(seen), as_tensor(truth), as_tensor(pair.sigma(truth))))
    return held


def validate(
    model: nn.Module, held: Sequence[ValidationCase], non_blind: bool = False
) -> dict[str, float]:
    """Mean PSNR (dB, of the clipped mean) and relative error of the mean sigma, by case.

    A `non_blind` model is given the true noise; it is not asked for it, nor is one that estimates
    none.
    """
    scores: dict[str, list[float]] = {}
    model.eval()
    device = next(model.parameters()).device
    with torch.inference_mode():
        for name, *tensors in held:
            noisy, clean, sigma = (tensor.to(device) for tensor in tensors)
            posterior = model(noisy, sigma=sigma) if non_blind else model(noisy)
            mse = (posterior.mean.clamp(0, 1) - clean).square().mean()
            scores.setdefault(f"psnr_{name}", []).append(float(-10 * torch.log10(mse)))
            if posterior.sigma is not None and not non_blind:
                error = (posterior.sigma.mean() / sigma.mean() - 1).abs()
                scores.setdefault(f"sigma_error_{name}", []).append(float(error))
            if posterior.error is not None:
                scores.setdefault(f"coverage90_{name}", []).append(coverage90(posterior, clean))
    model.train()
    return {name: float(np.mean(values)) for name, values in scores.items()}


def coverage90(posterior: Any, clean: torch.Tensor) -> float:
    """The share of values whose error lies within its 90 percent interval."""
    z = (clean - posterior.mean).abs() / posterior.error.stddev
    return float((z < 1.645).float().mean())


def centre(image: np.ndarray, size: int) -> np.ndarray:
    """The middle of a picture (H, W, C) with white at 255, float32 with white at 1."""
    top, left = (max(side - size, 0) // 2 for side in image.shape[:2])
    return image[top : top + size, left : left + size].astype(np.float32) / 255


def with_noise(
    model: NoiseModel, clean: torch.Tensor, generator: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Add noise to a picture (1, C, H, W); return it, and the standard deviation of each value.

    That is at least the error of rounding to 8 bits.
    """
    noisy, sigma = model(clean.numpy(), generator)
    sigma = np.maximum(np.broadcast_to(sigma, clean.shape), ROUNDING)
    return torch.from_numpy(np.ascontiguousarray(noisy)), torch.from_numpy(sigma)


def as_tensor(image: np.ndarray) -> torch.Tensor:
    """A picture (H, W, C) as a batch (1, C, H, W)."""
    return torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
