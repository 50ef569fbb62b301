"""The split-conformal factor of the error head."""

from collections.abc import Sequence

import torch

from vdn.model import VDN
from vdn.training.validation import ValidationCase

__all__ = ["error_scale"]

NORMAL_90 = 1.6448536269514722


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
