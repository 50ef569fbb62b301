"""An exported file back as a torch model, for GPUs and for fine-tuning."""

from pathlib import Path

from vdn.errors import ConfigError
from vdn.model import VDN
from vdn.runtime.cards import find_model
from vdn.training.build import build_vdn
from vdn.training.config import Config
from vdn.training.weights import load_weights

__all__ = ["load_module"]


def load_module(source: str | Path) -> VDN:
    """The model in an exported or shipped ONNX file, in evaluation mode.

    Raises
    ------
    FileError, InputError
        If there is no such model.
    ConfigError
        If its card does not say how the network is built.
    """
    card, path = find_model(str(source))
    if not card.network:
        raise ConfigError(f"{path}: its card has no network section; export the run again")
    values = {"name": card.name, "network": dict(card.network), "schedule": {"images": 1}}
    model = build_vdn(Config.from_dict(values).network)
    load_weights(model, path)
    return model.eval()
