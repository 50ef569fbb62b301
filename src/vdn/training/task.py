"""What a run learns: its model, its batches, what is minimised and how it is judged.

The loop knows a task by these members alone.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from vdn.errors import ConfigError
from vdn.model import VDN
from vdn.noise.registry import loudest
from vdn.training.build import build_model
from vdn.training.calibration import error_scale, noisy_crops, sigma_scores
from vdn.training.config import Config
from vdn.training.objectives import (
    NON_BLIND,
    SUMMARIES,
    Terms,
    choose_objective,
    end_to_end,
    freeze_unreached,
)
from vdn.training.restoration import Restoration
from vdn.training.samples import training_data
from vdn.training.validation import validate, validation_cases

__all__ = ["TASKS", "Denoising", "Task", "find_task"]


class Task(Protocol):
    """What the loop asks of a task."""

    model: nn.Module

    def load_data(self, device: torch.device) -> None:
        """Read what to train on and what to validate on; raises what is wrong with it."""

    def batch(self, index: int) -> Mapping[str, Tensor]:
        """Make a batch on the device: a pure function of the seed and `index`."""

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Terms:
        """Return what is minimised, calling the model exactly once."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return figures on what is held out; none where nothing is."""

    def calibrate(self, model: nn.Module) -> dict[str, Any]:
        """Return what is measured of a trained model and goes with it."""

    def card(self, calibration: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the card of an exported model says of this task."""


class Denoising:
    """Blind denoising, with the noise estimate and the intervals that go with it.

    Parameters
    ----------
    config : Config
        Of the whole run.

    Raises
    ------
    ConfigError
        When the weights of the objective do not fit it.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        network = config.network
        if network.scale > 1 or network.knet_width or config.data.degradation:
            raise ConfigError(
                f"network.scale is {network.scale}, network.knet_width {network.knet_width} and "
                f"data.degradation {list(config.data.degradation)}; they are for the task 'restore'"
            )
        self._non_blind = config.objective.kind in NON_BLIND
        self._objective = choose_objective(config.objective)
        self.model = build_model(config.network, end_to_end=end_to_end(config.objective))
        freeze_unreached(self.model, self._objective, config.network.channels)
        self.batch: Callable[[int], Mapping[str, Tensor]]

    def load_data(self, device: torch.device) -> None:
        self.batch, self._pictures, pairs = training_data(self._config, device)
        self._held = validation_cases(self._pictures, pairs, self._config.data.noise)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Terms:
        return self._objective(model, batch)

    def validate(self, model: nn.Module) -> dict[str, float]:
        return validate(model, self._held, self._non_blind)

    def calibrate(self, model: nn.Module) -> dict[str, Any]:
        network, noise = self._config.network, self._config.data.noise
        if not (self._held and network.family == "light" and network.error_width):
            return {}
        vdn = cast(VDN, model)
        found: dict[str, Any] = {"error_scale": error_scale(vdn, self._held, self._non_blind)}
        if self._pictures and not self._non_blind:
            found["sigma_scores"] = sigma_scores(vdn, noisy_crops(self._pictures, noise))
        return found

    def card(self, calibration: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "summary": SUMMARIES[self._config.objective.kind],
            "estimates_noise": not self._non_blind,
            "noise_range": [0.0, round(loudest(self._config.data.noise) / 255, 6)],
            "error_scale": round(calibration.get("error_scale", 1.0), 4),
            "sigma_scores": calibration.get("sigma_scores", {}),
        }


TASKS: Mapping[str, Callable[[Config], Task]] = {
    "denoise": Denoising,
    "restore": Restoration,
}
"""What `task` in a configuration names."""


def find_task(config: Config) -> Task:
    """Return the task of a configuration, with its untrained model.

    Raises
    ------
    ConfigError
        When there is none of that name, or the configuration does not fit it.
    """
    if config.task not in TASKS:
        raise ConfigError(f"task is {config.task!r}; there are {', '.join(TASKS)}")
    return TASKS[config.task](config)
