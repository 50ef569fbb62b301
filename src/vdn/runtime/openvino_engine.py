"""The engine for CPUs: the ONNX file compiled by OpenVINO, once a shape."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from vdn.errors import FileError, InputError
from vdn.runtime.engine import WORKING_MEMORY, NoisePosterior, Planes, Posterior
from vdn.runtime.openvino_import import load_openvino, openvino_core

__all__ = ["HINTS", "OpenVinoEngine", "cpu_has_bf16", "settings"]

HINTS = {"fp32": "f32", "bf16": "bf16"}
"""What OpenVINO calls a precision."""

_NAMES = {*Posterior._fields, "sigma"}
_OF_IMAGE = ("mean", "log_error_variance", "kernel")  # what the image part computes
_OVERHEAD = {"fp32": 2.0, "bf16": 1.3}  # measured memory over that of the live tensors in float32
_SMALL = 500_000  # pixels; below, compiling for a size takes longer than running


@cache
def cpu_has_bf16() -> bool:
    """Say whether this CPU computes in bfloat16.

    Examples
    --------
    >>> cpu_has_bf16() in (True, False)
    True
    """
    return "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def settings(precision: str, threads: int | None = None, device: str = "CPU") -> dict[str, str]:
    """Return the settings with which a graph is compiled.

    Threads are not bound to cores: those of all processes would be bound to the first ones.

    Examples
    --------
    >>> settings("bf16")["INFERENCE_PRECISION_HINT"]
    'bf16'
    """
    chosen = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "PERFORMANCE_HINT": "LATENCY",
    }
    if device == "CPU":
        chosen["ENABLE_CPU_PINNING"] = "NO"
        if threads is not None:
            chosen["INFERENCE_NUM_THREADS"] = str(threads)
    return chosen


class OpenVinoEngine:
    """A shipped network on the CPU.

    Graphs are compiled for the very shape they run on, which is faster than leaving it open, and
    kept for the next image as long as their working memory fits in `max_memory` together. Small
    windows of whatever size share a graph that leaves it open, so that a folder of small images of
    many sizes does not wait for compilers.

    The graph is cut at the tensor `sigma` when only the noise is wanted, or when the image part
    is to get another noise map.

    Parameters
    ----------
    path
        The ONNX file: `image` in, the fields of `Posterior` out, a tensor named `sigma` within.
    precision
        "fp32" or "bf16".
    threads
        Number of threads, all cores by default.
    max_memory
        Working memory of the compiled graphs together, in MB.
    device
        What OpenVINO calls the device: "CPU", "GPU" and "NPU" where their plugins are installed.

    Raises
    ------
    FileError
        When the file cannot be read or does not have these tensors.
    InputError
        When bf16 is asked of a CPU that has none, or there is no such device.
    """

    def __init__(
        self,
        path: Path,
        precision: str = "fp32",
        threads: int | None = None,
        max_memory: float = WORKING_MEMORY,
        device: str = "CPU",
    ) -> None:
        if device.partition(".")[0] not in openvino_core().available_devices and device != "CPU":
            raise InputError(
                f"device={device.lower()!r} is not one that OpenVINO finds here: "
                f"{', '.join(openvino_core().available_devices).lower()}"
            )
        if precision == "bf16" and device == "CPU" and not cpu_has_bf16():
            raise InputError("precision='bf16': this CPU has no bfloat16; use 'auto' or 'fp32'")
        self._path = path
        self._model, self._device = _read(path), device
        self._config = settings(precision, threads, device)
        self._capacity = max_memory * 1e6
        self._requests: OrderedDict[tuple[str, int, int], Any] = OrderedDict()
        self._lock = Lock()
        self._sizes = _sizes(self._model)
        self.bytes_per_pixel = _live_bytes(self._model) * _OVERHEAD[precision]
        noise = _noise_part(self._model.clone())
        self.noise_bytes_per_pixel = _live_bytes(noise) * _OVERHEAD[precision]

    def run(
        self,
        planes: Planes,
        sigma: Planes | None = None,
        strength: float = 1.0,
        out: Posterior | None = None,
    ) -> Posterior:
        """Restore planes (C, H, W) with `strength` times `sigma`, by default the network's own."""
        buffers = {} if out is None else out._asdict()
        if sigma is None and strength == 1.0:
            return Posterior(**self._infer("whole", buffers, image=planes))
        noise = self._infer("noise", buffers, image=planes)
        own = noise.pop("sigma")
        scaled = (own if sigma is None else sigma) * np.float32(strength)
        return Posterior(**noise, **self._infer("image", buffers, image=planes, sigma=scaled))

    def run_noise(self, planes: Planes) -> NoisePosterior:
        """Estimate the noise of planes (C, H, W) by the noise part alone."""
        noise = self._infer("noise", {}, image=planes)
        return NoisePosterior(noise["log_alpha"], noise["log_beta"])

    def _infer(self, part: str, out: Mapping[str, Planes], **inputs: Planes) -> dict[str, Planes]:
        """Run a part of the graph; results are written straight into `out`, or fresh arrays."""
        tensor = load_openvino().Tensor
        with self._lock:
            request = self._request(part, inputs["image"].shape)
            batches = {  # named, for OpenVINO does not keep what it shares alive
                name: np.ascontiguousarray(planes, np.float32)[None]
                for name, planes in inputs.items()
            }
            for name, batch in batches.items():
                request.set_tensor(name, tensor(batch, shared_memory=True))
            results = {}
            for output in request.model_outputs:
                (name,) = output.get_names() & _NAMES  # a tensor may have others beside
                channels, ratio = self._sizes[name]
                shape = channels, *(int(ratio * side) for side in inputs["image"].shape[1:])
                room = out.get(name)
                results[name] = np.empty(shape, np.float32) if room is None else room
                request.set_tensor(output, tensor(results[name][None], shared_memory=True))
            request.infer()
        return results

    def _request(self, part: str, shape: tuple[int, ...]) -> Any:
        channels, height, width = shape
        key = (part, height, width) if height * width > _SMALL else (part, -1, -1)
        if key not in self._requests:
            memory = self._bytes(*key) + sum(self._bytes(*kept) for kept in self._requests)
            while self._requests and memory > self._capacity:
                oldest, _ = self._requests.popitem(last=False)
                memory -= self._bytes(*oldest)
            graph = _PARTS[part](self._model.clone())
            graph.reshape({port.get_any_name(): [1, channels, *key[1:]] for port in graph.inputs})
            compiled = openvino_core().compile_model(graph, self._device, self._config)
            self._requests[key] = compiled.create_infer_request()
        self._requests.move_to_end(key)
        return self._requests[key]

    def _bytes(self, part: str, height: int, width: int) -> float:
        """Return the most memory a graph has use for."""
        pixels = _SMALL if height < 0 else height * width
        return pixels * (self.noise_bytes_per_pixel if part == "noise" else self.bytes_per_pixel)


def _read(path: Path) -> Any:
    try:
        model = openvino_core().read_model(path)
    except RuntimeError as error:
        raise FileError(f"{path}: is not an ONNX model that OpenVINO reads ({error})") from error
    names = {name for port in (*model.inputs, *model.outputs) for name in port.get_names()}
    missing = {"image", *Posterior._fields} - {*Posterior._field_defaults} - names
    if missing or _sigma(model) is None:
        lacking = ", ".join(sorted(missing)) or "sigma"
        raise FileError(f"{path}: lacks the tensor {lacking}; export it with `vdn export`")
    return model


def _sigma(model: Any) -> Any:
    """Return the port whose tensor is named `sigma`, or None."""
    ports = (port for node in model.get_ordered_ops() for port in node.outputs())
    return next((port for port in ports if "sigma" in port.get_names()), None)


def _sizes(model: Any, side: int = 256) -> dict[str, tuple[int, Fraction]]:
    """Return the channels of every result, and how many of its pixels a side stand for one."""
    graph = model.clone()
    channels = graph.input("image").get_partial_shape()[1].get_length()
    graph.reshape({"image": [1, channels, side, side]})
    ports = [*graph.outputs, _sigma(graph)]
    shapes = {name: port.get_shape() for port in ports for name in port.get_names() & _NAMES}
    return {name: (shape[1], Fraction(shape[3], side)) for name, shape in shapes.items()}


def _ports(model: Any, names: Iterable[str]) -> list[Any]:
    """Return those outputs that the model has."""
    found = {name: port for port in model.outputs for name in port.get_names()}
    return [found[name] for name in names if name in found]


def _noise_part(model: Any) -> Any:
    outputs = [model.output("log_alpha"), model.output("log_beta"), _sigma(model)]
    return load_openvino().Model(outputs, model.get_parameters(), "noise")


def _image_part(model: Any) -> Any:
    openvino = load_openvino()
    cut = _sigma(model)
    given = openvino.op.Parameter(openvino.Type.f32, cut.get_partial_shape())
    cut_names = cut.get_names()
    cut.set_names(set())
    given.output(0).set_names(cut_names)
    for consumer in cut.get_target_inputs():
        consumer.replace_source_output(given.output(0))
    return openvino.Model(_ports(model, _OF_IMAGE), [*model.get_parameters(), given], "image")


def _whole(model: Any) -> Any:
    return load_openvino().Model(_ports(model, Posterior._fields), model.get_parameters(), "whole")


_PARTS = {"whole": _whole, "noise": _noise_part, "image": _image_part}


def _live_bytes(model: Any, side: int = 256) -> float:
    """Return the largest sum of tensors alive at once, a pixel of the input.

    Counts every tensor from the step that makes it to the last that reads it, as float32.
    """
    graph = model.clone()
    channels = graph.input("image").get_partial_shape()[1].get_length()
    graph.reshape({"image": [1, channels, side, side]})
    nodes = [node for node in graph.get_ordered_ops() if node.get_type_name() != "Constant"]
    step = {node.get_friendly_name(): index for index, node in enumerate(nodes)}
    change = np.zeros(len(nodes) + 1)
    for index, node in enumerate(nodes):
        for port in node.outputs():
            readers = [
                step[reader.get_node().get_friendly_name()] for reader in port.get_target_inputs()
            ]
            size = np.prod([float(length) for length in port.get_shape()])
            change[index] += size
            change[max(readers, default=index) + 1] -= size
    return float(4 * np.cumsum(change).max() / side**2)
