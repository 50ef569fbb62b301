"""Weights of PyTorch networks, read without running code in the file."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vdn.errors import FileError
from vdn.external.convolution import Convolution, Normalisation, merged

__all__ = ["load_tensors", "read_state_dict"]

WRAPPERS = ("state_dict", "params_ema", "params")
"""Keys under which training scripts keep the weights, beside what else they save."""

PARALLEL_PREFIX = "module."

# Not stored in the file: KAIR, whose layers are called model.N, sets its own; else torch's default.
KAIR_EPSILON, EPSILON = 1e-4, 1e-5


def load_tensors(path: Path) -> dict[str, Any]:
    """What a ``.pth`` file holds: tensors and plain containers, anything else is refused.

    Raises
    ------
    FileError
        If the file is missing, damaged, or would have to run code to be read.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise FileError(f"{path}: not a file of weights alone ({reason})") from error
    if not isinstance(content, dict):
        raise FileError(f"{path}: holds a {type(content).__name__}; a state dict is needed")
    return content


def read_state_dict(content: Mapping[str, Any]) -> dict[str, Convolution]:
    """The convolutions of a state dict by name, in its order, normalisation merged into them.

    Examples
    --------
    >>> layers = read_state_dict({"module.a.weight": torch.zeros(4, 3, 3, 3)})
    >>> list(layers), layers["a"].bias
    (['a'], None)
    """
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    tensors = {
        str(name).removeprefix(PARALLEL_PREFIX): value.float()
        for name, value in content.items()
        if isinstance(value, Tensor)
    }
    layers: dict[str, Convolution] = {}
    for key, tensor in tensors.items():
        layer, _, kind = key.rpartition(".")
        if kind == "weight" and tensor.ndim == 4:
            layers[layer] = Convolution(tensor, tensors.get(f"{layer}.bias"))
        elif kind == "running_mean" and layers:
            epsilon = KAIR_EPSILON if layer.startswith("model.") else EPSILON
            deviation = torch.sqrt(tensors[f"{layer}.running_var"] + epsilon)
            gain = tensors.get(f"{layer}.weight", torch.ones_like(deviation))
            offset = tensors.get(f"{layer}.bias", torch.zeros_like(deviation))
            last = next(reversed(layers))
            layers[last] = merged(layers[last], Normalisation(gain, offset, tensor, deviation))
    return layers
