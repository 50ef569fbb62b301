"""Super-resolution, deblurring and deblocking: what is held out, how it is judged, and the task."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from vdn.data.batches import degraded
from vdn.errors import ConfigError
from vdn.model import VDN
from vdn.networks import enlarge
from vdn.noise.blur import Identity
from vdn.noise.degradation import Degradation, parse_degradation
from vdn.noise.registry import loudest, parse_noise
from vdn.training.build import build_vdn
from vdn.training.calibration import error_scale
from vdn.training.config import Config
from vdn.training.objectives import Terms, end_to_end, freeze_unreached, restoration_objective
from vdn.training.samples import training_data
from vdn.training.validation import as_tensor, centre, coverage90, with_noise

__all__ = ["Case", "Restoration", "luma_psnr", "restoration_cases", "validate_restoration"]

_LUMA = 65.481, 128.553, 24.966  # ITU-R BT.601 as MATLAB's rgb2ycbcr, white at 1
_LEAST_ERROR = 1e-10  # of squares with white at 1: 100 dB
_DOUBLING = math.log(2)
_INFERS = {"upscale": ("kernel",), "deblur": ("kernel",), "deblock": ("jpeg_quality",)}


@dataclass(frozen=True)
class Case:
    """A held-out picture: what it is called, what is seen of it, and the truth.

    `noisy` and `sigma` are (1, C, h, w), `clean` (1, C, s h, s w), `kernel` (1, 3).
    """

    name: str
    noisy: Tensor
    clean: Tensor
    sigma: Tensor
    kernel: Tensor


def restoration_cases(
    images: Sequence[np.ndarray],
    degradations: Mapping[str, float],
    noises: Mapping[str, float],
    scale: int,
    *,
    size: int = 192,
    limit: int = 6,
    seed: int = 1,
) -> list[Case]:
    """Centre crops, degraded in each way with each noise."""
    generator = np.random.default_rng(seed)
    held = []
    for image in images[:limit]:
        rows, columns = (side // scale * scale for side in centre(image, size).shape[:2])
        clean = as_tensor(centre(image, size)[:rows, :columns])
        for degradation in sorted(degradations):
            small, kernel = degraded(clean, [parse_degradation(degradation)], generator)
            for noise in sorted(name for name, share in noises.items() if share):
                noisy, sigma = with_noise(parse_noise(noise), small, generator)
                held.append(Case(f"{degradation}_{noise}", noisy, clean, sigma, kernel))
    return held


def luma_psnr(image: Tensor, clean: Tensor, border: int) -> float:
    """The PSNR in dB of the luma of 8 bits, without a border, as tables of super-resolution.

    Of colour images (1, 3, H, W) the luma is that of MATLAB's ``rgb2ycbcr``, from 16 to 235; one
    channel is taken as it is. Images that are equal have 100 dB.

    Examples
    --------
    >>> black = torch.zeros(1, 3, 8, 8)
    >>> round(luma_psnr(black + 1, black, 2), 2)  # 219 of 255
    1.32
    """
    both = torch.stack([image, clean]).mul(255).clamp(0, 255).round()
    if image.shape[1] == 3:
        weights = torch.tensor(_LUMA, dtype=both.dtype, device=both.device) / 255
        both = (both * weights.view(3, 1, 1)).sum(2)
    inside = slice(border, -border or None)
    error = (both[0] - both[1])[..., inside, inside].square().mean() / 255**2
    return float(-10 * torch.log10(error.clamp_min(_LEAST_ERROR)))


def validate_restoration(model: VDN, held: Sequence[Case]) -> dict[str, float]:
    """Means over the pictures of each case.

    ``psnr``: of the luma, in dB, without a border as wide as the scale; ``gain``: how much more
    that is than of the input, enlarged by cubic convolution; ``sigma_error``: of the mean sigma,
    relative; ``blur_error``: of the widths of the kernel, in factors of two; ``coverage90``: of
    the 90 percent interval of each value.
    """
    scores: dict[str, list[float]] = {}
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        for case in held:
            noisy, clean = case.noisy.to(device), case.clean.to(device)
            posterior = model(noisy)
            psnr = luma_psnr(posterior.mean, clean, model.scale)
            found = {
                "psnr": psnr,
                "gain": psnr - luma_psnr(enlarge(noisy, model.scale), clean, model.scale),
                "sigma_error": abs(float(posterior.sigma.mean() / case.sigma.mean()) - 1),
            }
            if posterior.kernel is not None:
                widths = posterior.kernel.pooled().features[:, :2, 0, 0].cpu()
                error = (widths - 0.5 * case.kernel[:, :2].log()).abs().mean()
                found["blur_error"] = float(error) / _DOUBLING
            if posterior.error is not None:
                found["coverage90"] = coverage90(posterior, clean)
            for name, value in found.items():
                scores.setdefault(f"{name}_{case.name}", []).append(value)
    model.train()
    return {name: float(np.mean(values)) for name, values in scores.items()}


class Restoration:
    """Blind restoration of blurred, reduced and noisy pictures, with what made them so.

    Parameters
    ----------
    config : Config
        Of the whole run.

    Raises
    ------
    ConfigError
        When the network, the degradations and the objective do not fit each other.
    """

    model: nn.Module

    def __init__(self, config: Config) -> None:
        self._config = config
        self._degradations = _checked(config)
        self._objective = restoration_objective(config.objective, self._degradations[0].taps)
        self.model = build_vdn(config.network, end_to_end=end_to_end(config.objective))
        freeze_unreached(self.model, self._objective, config.network.channels, config.network.scale)
        self.batch: Callable[[int], Mapping[str, Tensor]]

    def load_data(self, device: torch.device) -> None:
        data = self._config.data
        self.batch, images, _ = training_data(self._config, device)
        scale = self._config.network.scale
        self._held = restoration_cases(images, data.degradation, data.noise, scale)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Terms:
        return self._objective(model, batch)

    def validate(self, model: nn.Module) -> dict[str, float]:
        return validate_restoration(cast(VDN, model), self._held)

    def calibrate(self, model: nn.Module) -> dict[str, Any]:
        if not (self._held and self._config.network.error_width):
            return {}
        held = [(case.name, case.noisy, case.clean, case.sigma) for case in self._held]
        return {"error_scale": error_scale(cast(VDN, model), held)}

    @property
    def _purpose(self) -> str:
        """What a model learns from these pictures: to undo the last thing done to them."""
        noise = self._config.data.noise
        compressed = sum(share for name, share in noise.items() if "jpeg" in name)
        if self._config.network.scale > 1:
            return "upscale"
        if any(way.blur != Identity() for way in self._degradations):
            return "deblur"
        return "deblock" if compressed > sum(noise.values()) / 2 else "denoise"

    def card(self, calibration: Mapping[str, Any]) -> dict[str, Any]:
        data, scale = self._config.data, self._config.network.scale
        done = f"enlargement to {scale} x {scale} times the pixels" if scale > 1 else "restoration"
        return {
            "purpose": self._purpose,
            "infers": ["noise", *_INFERS.get(self._purpose, ())],
            "task": f"blind {done}: {', '.join(data.degradation)}; noise {', '.join(data.noise)}",
            "noise_range": [0.0, round(loudest(data.noise) / 255, 6)],
            "error_scale": round(calibration.get("error_scale", 1.0), 4),
        }


def _checked(config: Config) -> list[Degradation]:
    """Return the degradations of a configuration that makes sense as a whole."""
    network, data, side = config.network, config.data, config.objective.kernel_side
    if network.family != "light" or not network.knet_width:
        raise ConfigError(
            f"network.family is {network.family!r} and network.knet_width {network.knet_width}; "
            "the task 'restore' takes 'light' with a K-Net of a width above 0"
        )
    if not data.degradation:
        raise ConfigError("data.degradation is empty; name one, such as 'identity' for none")
    if data.pairs:
        raise ConfigError("data.pairs have no degradation to learn; the task 'restore' takes none")
    if config.objective.xi != "true":
        raise ConfigError("objective.xi is 'residual'; the task 'restore' knows it: give 'true'")
    degradations = [parse_degradation(name) for name in data.degradation]
    for name, degradation in zip(data.degradation, degradations, strict=True):
        if (degradation.scale, degradation.reduction) != (
            network.scale,
            degradations[0].reduction,
        ):
            raise ConfigError(
                f"data.degradation {name!r} reduces {degradation.scale} times by "
                f"{degradation.reduction or 'nothing'}; all have to reduce in one way, by "
                f"network.scale, {network.scale}"
            )
    reach = side + len(degradations[0].taps) - 1
    if data.patch % network.scale or data.patch <= 2 * reach:
        raise ConfigError(
            f"data.patch is {data.patch}; give a multiple of {network.scale} above {2 * reach}, "
            f"twice the side of the kernels (objective.kernel_side, {side}) with the reduction"
        )
    return degradations
