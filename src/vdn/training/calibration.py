"""How wide the intervals of image and noise have to be, by split conformal prediction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vdn.model import VDN
from vdn.noise.registry import parse_noise
from vdn.noise_quantiles import posterior_width
from vdn.training.validation import ValidationCase, as_tensor, with_noise

__all__ = ["CROPS", "error_scale", "noisy_crops", "sigma_scores"]

CROPS = 600
"""How many crops with noise calibrate the intervals of the noise."""

NORMAL_90 = 1.6448536269514722
_LEVELS = np.array([1, 2, 3, 4.5, 7, 10, 15, 25, 50]) / 255
_PROBABILITIES = (0.005, 0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975, 0.995)
_FAINT = "gaussian:0..12"  # weak noise is where texture is taken for it: a third of the crops
_LEAST_PIXELS = 2000  # that a level must have been estimated in, else it takes its neighbour's


def error_scale(model: VDN, held: Sequence[ValidationCase], non_blind: bool = False) -> float:
    """The factor by which predicted standard deviations of the error are to be multiplied.

    Chosen on images held out of training so that mean ± 1.645 scaled deviations holds the clean
    pixel for 90 percent of pixels (split conformal prediction with |error| / deviation
    as the score; all pixels of all images count alike). A `non_blind` model is given
    the true noise.
    """
    scores = []
    device = next(model.parameters()).device
    with torch.inference_mode():
        for _, *tensors in held:
            noisy, clean, sigma = (tensor.to(device) for tensor in tensors)
            posterior = model(noisy, sigma=sigma) if non_blind else model(noisy)
            if posterior.error is None:
                raise ValueError("the model has no error head to calibrate")
            ratio = (clean - posterior.mean).abs() / posterior.error.stddev
            scores.append(ratio.flatten()[::7])
    quantile = torch.cat(scores).sort().values
    rank = min(int(0.9 * (quantile.numel() + 1)), quantile.numel() - 1)
    return float(quantile[rank]) / NORMAL_90


def noisy_crops(
    images: Sequence[np.ndarray],
    noises: Mapping[str, float],
    *,
    count: int = CROPS,
    size: int = 160,
    seed: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops of pictures (H, W, C), white at 255, with noise drawn by its shares, and its true map.

    One in three has weak white noise instead. Both are (1, C, H, W), white at 1.
    """
    generator = np.random.default_rng(seed)
    models = [parse_noise(name) for name in noises]
    shares = np.array([*noises.values()]) / sum(noises.values())
    faint = parse_noise(_FAINT)
    for index in range(count):
        image = images[int(generator.integers(len(images)))]
        top, left = (int(generator.integers(max(side - size, 0) + 1)) for side in image.shape[:2])
        crop = image[top : top + size, left : left + size]
        model = models[generator.choice(len(models), p=shares)] if index % 3 else faint
        yield with_noise(model, as_tensor(crop.astype(np.float32) / 255), generator)


def sigma_scores(model: VDN, crops: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Any]:
    """The card's `sigma_scores`: how true standard deviations lie about what is estimated.

    For levels of the *estimate*, since that is all there is to go by: a pixel counts for the two
    next to it, more for the nearer one. All pixels of all crops count alike.

    Parameters
    ----------
    model : VDN
        Whose S-Net it is.
    crops : iterable of (Tensor, Tensor)
        Noisy images and the true standard deviations of their noise, each (N, C, H, W).

    Returns
    -------
    dict
        As `vdn.runtime.cards.Card` describes; empty where there are too few pixels.
    """
    levels, scores = [], []
    device = next(model.parameters()).device
    with torch.inference_mode():
        for noisy, sigma in crops:
            posterior = model(noisy.to(device), noise_only=True)
            level = posterior.mode.sqrt().log().cpu().numpy()
            width = posterior_width(posterior.log_alpha.double().cpu().numpy())
            levels.append(level.ravel()[::7])
            scores.append(((sigma.log().numpy() - level) / width).ravel()[::7])
    if not levels:
        return {}
    position = np.interp(np.concatenate(levels), np.log(_LEVELS), np.arange(len(_LEVELS)))
    score, known, rows = np.concatenate(scores), [], []
    for number, level in enumerate(_LEVELS):
        weight = np.clip(1 - np.abs(position - number), 0, None)
        if weight.sum() >= _LEAST_PIXELS:
            known.append(round(float(level), 6))
            row = np.quantile(score, _PROBABILITIES, weights=weight, method="inverted_cdf")
            rows.append([round(float(value), 3) for value in row])
    return {"sigma": known, "probability": [*_PROBABILITIES], "score": rows} if known else {}
