"""A trained model as one ONNX file: half-precision weights, and its card inside."""

import dataclasses
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from vdn.errors import ConfigError, InputError
from vdn.image.atomic import replacing
from vdn.image.quiet import without_warnings
from vdn.model import VDN
from vdn.model.vdn import BRIGHTEST, DARKEST, LOG_HIGH, LOG_LOW
from vdn.networks import dependence_radius, enlarge
from vdn.training.checkpoint import load_state
from vdn.training.config import Config
from vdn.training.task import find_task
from vdn.training.weights import averaged_weights

__all__ = ["OUTPUTS", "Exported", "export_model", "export_run"]

OUTPUTS = ("mean", "log_alpha", "log_beta", "log_error_variance", "log_m2")
CARD_KEY = "vdn"


class Exported(nn.Module):
    """What the file computes: the posterior's parameters, with the map D-Net sees by name.

    ``image`` (N, C, H, W) -> `OUTPUTS` and sigma; of a model that enlarges the mean and the
    variances have its `scale` times the sides. With a K-Net ``kernel`` comes last: the parameters
    of its posterior, (N, 6, H / 4, W / 4), see `vdn.runtime.kernel`. The runtime asks for no
    log_m2, so that costs nothing there; it is in the file so that the whole model is, to go on
    training from.
    """

    def __init__(self, model: VDN):
        super().__init__()
        self.dnet, self.snet, self.knet = model.dnet, model.snet, model.knet
        self.scale, self._kernel = model.scale, model.kernel

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        def bounded(logarithm: Tensor) -> Tensor:
            return logarithm.clamp(LOG_LOW, LOG_HIGH)

        log_alpha, log_beta = map(bounded, self.snet(image.clamp(DARKEST, BRIGHTEST)))
        sigma = torch.exp(0.5 * (log_beta - torch.log(1 + log_alpha.exp())))
        kernel = () if self.knet is None else (self._kernel(image),)
        blur = (each.features for each in kernel)
        residual, log_m2, log_error_variance = self.dnet(image, sigma, *blur)
        logarithms = (log_alpha, log_beta, bounded(log_error_variance), bounded(log_m2))
        return (
            enlarge(image, self.scale) - residual,
            *logarithms,
            sigma,
            *(each.parameters for each in kernel),
        )


def export_run(
    run: str | Path, out: str | Path, card: dict[str, Any] | None = None, *, overwrite: bool = False
) -> Path:
    """Export the averaged weights of a run folder.

    Parameters
    ----------
    run : path
        A folder `vdn.training.run` made.
    out : path
        The ``.onnx`` file to write.
    card : dict, optional
        Entries for the card beyond those that are measured here.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    InputError
        If `out` exists or the network has not the conditioned form with an error head.
    FileError
        If `run` holds no readable checkpoint.
    ConfigError
        If the run trained another family of networks.
    """
    checkpoint = Path(run) / "checkpoint.pt"
    state = load_state(checkpoint)
    config = Config.from_dict(state["config"])
    task = find_task(config)
    if not isinstance(task.model, VDN):
        raise ConfigError(
            f"{run}: network.family is {config.network.family!r}, which is not variational; "
            "`vdn evaluate --method` takes the run folder as it is"
        )
    task.model.load_state_dict(averaged_weights(checkpoint))
    entries = task.card(state["calibration"]) | {
        "name": config.name,
        "trained_megapixels": round(state["images"] * config.data.patch**2 / 1e6),
        "network": dataclasses.asdict(config.network),
    }
    return export_model(task.model, out, entries | (card or {}), overwrite=overwrite)


def export_model(
    model: VDN, out: str | Path, card: dict[str, Any], *, overwrite: bool = False
) -> Path:
    """Write a model with its card; channels, multiple, halo and parameters are measured.

    The file appears whole or not at all. Weights are stored in half precision and cast back to
    single at load.
    """
    out = Path(out)
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists; choose another name or ask to overwrite it")
    if not model.conditioned or getattr(model.dnet, "error", None) is None:
        raise InputError(
            "only the conditioned form with an error head can be exported: "
            "network.family = 'light' and network.error_width > 0"
        )
    model = model.float().eval()
    dnet: Any = model.dnet
    grids = (getattr(network, "multiple", 1) for network in (dnet, model.snet))
    channels, multiple = dnet.channels, math.lcm(*grids)
    exported = Exported(model)
    measured = {
        "channels": channels,
        "multiple": multiple,
        "scale": model.scale,
        "halo": _halo(Exported(model), channels, multiple),
        "noise_halo": _halo(model.snet, channels, multiple),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    file = _to_onnx(exported, channels, multiple)
    _name_internal(file, "sigma")
    _halve_weights(file)
    entry = file.metadata_props.add()
    entry.key, entry.value = CARD_KEY, json.dumps(card | measured)
    onnx.checker.check_model(file, full_check=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out, overwrite) as part:
        part.write_bytes(file.SerializeToString())
    return out


def _halo(network: nn.Module, channels: int, multiple: int) -> int:
    radius = dependence_radius(network.double(), channels, multiple)
    network.float()
    return -(-radius // multiple) * multiple


def _to_onnx(exported: Exported, channels: int, multiple: int) -> onnx.ModelProto:
    side = 8 * multiple
    names = [*OUTPUTS, "sigma", *(["kernel"] if exported.knet is not None else [])]
    with tempfile.TemporaryDirectory() as folder, without_warnings():  # the exporter's deprecations
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            exported,
            (torch.rand(1, channels, side, side),),
            str(path),
            input_names=["image"],
            output_names=names,
            dynamic_axes={
                name: {0: "n", 2: f"h_{name}", 3: f"w_{name}"} for name in ("image", *names)
            },
            opset_version=17,
            dynamo=False,
        )
        return onnx.load(path)


def _name_internal(file: onnx.ModelProto, name: str) -> None:
    """Take an output out of the signature; the tensor keeps its name inside the graph."""
    (output,) = (value for value in file.graph.output if value.name == name)
    file.graph.output.remove(output)
    file.graph.value_info.append(output)


def _halve_weights(file: onnx.ModelProto) -> None:
    """Store every weight as float16, behind a Cast that gives the old name back as float32.

    Those with a value beyond the range of float16 stay as they are.
    """
    casts = []
    for tensor in list(file.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor)
        if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
            continue
        half = numpy_helper.from_array(values.astype(np.float16))
        half.name = f"{name}.fp16"
        file.graph.initializer.remove(tensor)
        file.graph.initializer.append(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        file.graph.node.insert(0, cast)
