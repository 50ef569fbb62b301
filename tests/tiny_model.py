"""A few convolutions that keep the contract of the shipped models, written as an ONNX file.

Noise part (local variance at half resolution) and image part (smoothing that grows with sigma) are
plain 3x3 convolutions with zero padding; the dependence radius is computed in `tiny_card`.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["tiny_card", "write_tiny_model", "write_tiny_restorers"]

WIDTH = 8
MULTIPLE = 8
OUTPUTS = "mean", "log_alpha", "log_beta", "log_error_variance", "kernel"
SAID = np.reshape([5.0, 5.0, 5.0, 5.5, 0.3, -4.0], (6, 1, 1))  # about one pixel wide


def tiny_card(name: str = "tiny", channels: int = 3, **changes: object) -> dict[str, object]:
    """The card: a halo of 2 px for each of six half-resolution convolutions, and some to spare."""
    card: dict[str, object] = {
        "name": name,
        "summary": "a fixture",
        "task": "test",
        "channels": channels,
        "multiple": MULTIPLE,
        "halo": 20,
        "parameters": 0,
        "kmac_per_pixel": 1.0,
        "noise_range": [0.0, 0.3],
        "error_scale": 1.5,
        "training_data": [{"name": "none", "licence": "CC0-1.0"}],
        "licence": "Apache-2.0",
        "metrics": {},
        "version": "0",
    }
    return card | changes


def write_tiny_model(
    path: Path,
    channels: int = 3,
    width: int = WIDTH,
    seed: int = 0,
    card: dict[str, object] | None = None,
    scale: int = 1,
    kernel: bool = False,
) -> Path:
    """Write the model with random but fixed weights; `card=None` stores `tiny_card(path.stem)`.

    With a scale its image is enlarged by repeating pixels; with a kernel it says one for each 4 x 4
    pixels, that changes with the image.
    """
    rng = np.random.default_rng(seed)
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def constant(name: str, value: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=f"node_{output}", **attributes))
        return output

    def conv(source: str, output: str, inputs: int, outputs: int, gain: float = 1.0) -> str:
        scale = gain / np.sqrt(9 * inputs)
        weight = constant(f"{output}_w", rng.normal(0, scale, (outputs, inputs, 3, 3)))
        bias = constant(f"{output}_b", rng.normal(0, 0.05, outputs))
        return node("Conv", [source, weight, bias], output, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def network(source: str, tag: str, inputs: int, outputs: int) -> str:
        packed = node("SpaceToDepth", [source], f"{tag}_packed", blocksize=2)
        first = node("Relu", [conv(packed, f"{tag}_1", 4 * inputs, width)], f"{tag}_1r")
        second = node("Relu", [conv(first, f"{tag}_2", width, width)], f"{tag}_2r")
        third = conv(second, f"{tag}_3", width, 4 * outputs, gain=0.3)
        return node("DepthToSpace", [third], f"{tag}_out", blocksize=2)

    c = channels
    half = constant("half", np.array(0.5))
    one = constant("one", np.array(1.0))
    noise = network("image", "noise", c, 2 * c)
    sizes = numpy_helper.from_array(np.array([c, c], np.int64), "sizes")
    weights.append(sizes)
    nodes.append(helper.make_node("Split", [noise, "sizes"], ["raw_alpha", "raw_beta"], axis=1))
    node("Add", ["raw_alpha", constant("alpha0", np.array(3.0))], "log_alpha")
    node("Add", ["raw_beta", constant("beta0", np.array(-2.5))], "log_beta")
    node("Exp", ["log_alpha"], "alpha")
    node("Exp", ["log_beta"], "beta")
    node("Add", ["alpha", one], "alpha1")
    node("Div", ["beta", "alpha1"], "mode")
    node("Sqrt", ["mode"], "sigma")
    node("Concat", ["image", "sigma"], "pair", axis=1)
    both = network("pair", "clean", 2 * c, 2 * c)
    nodes.append(helper.make_node("Split", [both, "sizes"], ["residual", "raw_error"], axis=1))
    node("Mul", ["residual", "sigma"], "correction")
    node("Add", ["image", "correction"], "small_mean")
    node("Mul", ["raw_error", half], "small_error")
    sides = constant("sides", np.array([1, 1, scale, scale]))
    for small, name in (("small_mean", "mean"), ("small_error", "log_error_variance")):
        nodes.append(
            helper.make_node(
                "Resize",
                [small, "", sides],
                [name],
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
            if scale > 1
            else helper.make_node("Identity", [small], [name])
        )

    if kernel:
        cells = node("SpaceToDepth", ["image"], "cells", blocksize=4)
        node("Add", [conv(cells, "said", 16 * c, 6), constant("said0", SAID)], "kernel")

    def tensor(name: str) -> onnx.ValueInfoProto:
        if name == "kernel":
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 6, "kH", "kW"])
        larger = scale > 1 and name in ("mean", "log_error_variance")
        sides = ("sH", "sW") if larger else ("H", "W")
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", c, *sides])

    graph = helper.make_graph(
        nodes,
        "tiny",
        [tensor("image")],
        [tensor(n) for n in OUTPUTS[: None if kernel else -1]],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    purpose = "upscale" if scale > 1 else "deblur" if kernel else "denoise"
    infers = ["noise", "kernel"] if kernel else ["noise"]
    card = card or tiny_card(path.stem, channels, scale=scale, purpose=purpose, infers=infers)
    helper.set_model_props(model, {"vdn": json.dumps(card)})
    onnx.save(model, path)
    return path


def write_tiny_restorers(folder: Path) -> None:
    """Write a model for each task besides denoising, called as those that ship."""
    for scale in (2, 4):
        write_tiny_model(folder / f"upscale-x{scale}.onnx", scale=scale, kernel=True)
    write_tiny_model(folder / "deblur.onnx", kernel=True)
    card = tiny_card("deblock", purpose="deblock", infers=["noise", "jpeg_quality"])
    write_tiny_model(folder / "deblock.onnx", kernel=True, card=card)
