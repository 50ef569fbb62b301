"""Which network a file of weights is of."""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import nn

from vdn.errors import FileError
from vdn.external.convolution import Convolution
from vdn.networks import CBDNet, CBDNetRelease, DnCNN, FFDNet

__all__ = ["build_network"]

CBDNET = (
    *(f"fcn.fcn.{2 * index}" for index in range(5)),
    *(f"unet.inc.{index}.conv.0" for index in range(2)),
    *(f"unet.conv1.{index}.conv.0" for index in range(3)),
    *(f"unet.conv2.{index}.conv.0" for index in range(6)),
    "unet.up1.up",
    *(f"unet.conv3.{index}.conv.0" for index in range(3)),
    "unet.up2.up",
    *(f"unet.conv4.{index}.conv.0" for index in range(2)),
    "unet.outc.conv",
)
"""Layers of IDKiro's CBDNet, in the order of `vdn.networks.CBDNet`."""

CBDNET_RELEASE = (
    *(f"E0{index}" for index in range(1, 6)),
    *(f"DS01_layer0{index}" for index in range(4)),
    *("DS02", "DS02_layer00_cf", "DS02_layer00", "DS02_layer01", "DS02_layer02"),
    *("DS03", "DS03_layer00_cf", "DS03_layer00", "DS03_layer01", "DS03_layer02"),
    *(f"UPS03_layer0{index}" for index in range(4)),
    *("USP02", "US02_layer00", "US02_layer01", "US02_layer02"),
    *("USP01", "US01_layer00", "US01_layer01", "US01_layer02"),
)
"""Layers of the authors' CBDNet, in the order of `vdn.networks.CBDNetRelease`."""


def build_network(layers: Mapping[str, Convolution], source: str) -> nn.Module:
    """The network with these convolutions, in evaluation mode.

    CBDNet is known by the names of its layers, DnCNN and FFDNet by being a chain of 3x3
    convolutions and by what goes in and comes out: C and C channels, or 4C + 1 and 4C.

    Raises
    ------
    FileError
        If it is none of them; `source` names the file.
    """
    network: nn.Module
    if set(layers) == set(CBDNET):
        width, estimator = (layers[name].weight.shape[0] for name in (CBDNET[5], CBDNET[0]))
        channels = layers[CBDNET[0]].weight.shape[1]
        network, names = CBDNet(channels, width, estimator), CBDNET
    elif set(layers) == set(CBDNET_RELEASE):
        width, estimator = (
            layers[name].weight.shape[0] for name in (CBDNET_RELEASE[5], CBDNET_RELEASE[0])
        )
        network, names = CBDNetRelease(width, estimator), CBDNET_RELEASE
    else:
        network, names = _chain(list(layers.values()), source), tuple(layers)
    targets = [
        layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]
    with torch.no_grad():
        for target, name in zip(targets, names, strict=True):
            weight, bias = layers[name]
            if target.weight.shape != weight.shape:
                raise FileError(
                    f"{source}: layer {name} has shape {tuple(weight.shape)}, where a "
                    f"{type(network).__name__} has {tuple(target.weight.shape)}"
                )
            target.weight.copy_(weight)
            if target.bias is not None:
                target.bias.copy_(torch.zeros_like(target.bias) if bias is None else bias)
    return network.eval()


def _chain(layers: list[Convolution], source: str) -> nn.Module:
    shapes = [tuple(layer.weight.shape) for layer in layers]
    chained = all(after[1] == before[0] for before, after in pairwise(shapes))
    if len(shapes) < 2 or not chained or any(shape[2:] != (3, 3) for shape in shapes):
        raise FileError(f"{source}: {len(shapes)} convolutions that are no DnCNN, FFDNet or CBDNet")
    first, last, width, depth = shapes[0][1], shapes[-1][0], shapes[0][0], len(shapes)
    if first == last and first in (1, 3):
        return DnCNN(first, depth, width)
    if first == last + 1 and last in (4, 12):
        return FFDNet(last // 4, depth, width)
    if first == last + 1 and last in (1, 3):
        raise FileError(
            f"{source}: is an FDnCNN, which takes a noise map at full resolution ({depth} "
            "convolutions); it is not supported, DnCNN and FFDNet are"
        )
    raise FileError(
        f"{source}: a chain from {first} to {last} channels; DnCNN has 1 to 1 or 3 to 3, "
        "FFDNet 5 to 4 or 13 to 12"
    )
