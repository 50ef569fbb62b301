"""Weights to start from: a run of one's own, or any exported or shipped model."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from vdn.errors import ConfigError, FileError
from vdn.networks.gray import gray_weights
from vdn.networks.growth import grown_weights
from vdn.training.checkpoint import load_state

__all__ = ["averaged_weights", "load_weights"]

AVERAGE_PREFIX = "module."
_BLUR = ("knet.", "dnet.modulation.")  # what a model that knows no blur lacks
_OUTPUTS = ("dnet.residual.", "dnet.log_m2.", "dnet.error.2.")  # their channels go with the scale


def averaged_weights(checkpoint: str | Path) -> dict[str, Tensor]:
    """The averaged (EMA) weights in a run's ``checkpoint.pt``, by parameter name."""
    state = load_state(Path(checkpoint))
    if not isinstance(state, dict) or "average" not in state:
        raise FileError(
            f"{checkpoint}: is not the checkpoint of a run of vdn (it holds no average); give a "
            "run folder, an .onnx file, or the name of a shipped model"
        )
    average = state["average"]
    return {
        name.removeprefix(AVERAGE_PREFIX): value
        for name, value in average.items()
        if name.startswith(AVERAGE_PREFIX)
    }


def load_weights(model: nn.Module, source: str | Path, part: str = "") -> None:
    """Fill a model with the weights of a run folder, a checkpoint, an ONNX file or a shipped name.

    Parameters
    ----------
    model : nn.Module
        Of the same architecture as the source. In the light family it may have one channel where
        the source has three (`vdn.networks.gray_weights`), more residual blocks
        (`vdn.networks.grown_weights`), a K-Net where the source has none, and another scale. What
        the source cannot know stays untrained: the K-Net, which D-Net does not heed yet, and the
        last convolutions of D-Net.
    source : str or path
        ``runs/mine``, ``runs/mine/checkpoint.pt``, ``mine.onnx`` or the name of a shipped model.
    part : str
        Fill only the network of this name: ``dnet`` or ``snet``.

    Raises
    ------
    FileError
        If there is nothing readable there.
    ConfigError
        If the weights do not fit the model, or it has no place for one: names the first.
    """
    path = Path(source)
    if path.is_dir():
        path = path / "checkpoint.pt"
    stored = averaged_weights(path) if path.suffix == ".pt" else _onnx_weights(source)
    weights = {name: value.float() for name, value in stored.items()}
    wanted = model.state_dict()
    if _outputs(weights) == 3 * _outputs(wanted) > 0:
        weights = gray_weights(weights)
    untrained: tuple[str, ...] = () if any(name.startswith(_BLUR) for name in weights) else _BLUR
    if _outputs(weights) != _outputs(wanted):
        untrained += _OUTPUTS
    weights |= {name: value for name, value in wanted.items() if name.startswith(untrained)}
    weights, wanted = (_of_part(part, values) for values in (weights, wanted))
    weights = grown_weights(weights, wanted)
    if surplus := sorted(name for name in weights if name not in wanted):
        raise ConfigError(
            f"start {source}: holds {surplus[0]}, for which the network has no place; "
            "give it as many blocks as the source has"
        )
    for name, parameter in wanted.items():
        if name not in weights:
            raise ConfigError(f"start {source}: holds no weight {name}; is it the same network?")
        if weights[name].shape != parameter.shape:
            raise ConfigError(
                f"start {source}: {name} has shape {tuple(weights[name].shape)}, "
                f"the network needs {tuple(parameter.shape)}"
            )
    model.load_state_dict({name: weights[name] for name in wanted}, strict=not part)


def _of_part(part: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in weights.items() if name.startswith(part)}


def _outputs(weights: Mapping[str, Tensor]) -> int:
    """Outputs of the D-Net of the light family for a cell of its first level; 0 for others."""
    residual = weights.get("dnet.residual.weight")
    return 0 if residual is None else residual.shape[0]


def _onnx_weights(source: str | Path) -> dict[str, Tensor]:
    import onnx

    from vdn.runtime.cards import find_model

    _, path = find_model(str(source))
    try:
        graph = onnx.load(path).graph
    except Exception as error:
        raise FileError(f"{path}: not an ONNX model ({error})") from error
    return {
        tensor.name.removesuffix(".fp16"): torch.from_numpy(
            onnx.numpy_helper.to_array(tensor).copy()
        )
        for tensor in graph.initializer
    }
