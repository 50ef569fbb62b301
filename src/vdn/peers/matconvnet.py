"""Weights of MatConvNet networks: SimpleNN and DagNN ``.mat`` files.

MatConvNet keeps filters as (kh, kw, in, out), of a transposed convolution as (kh, kw, out, in), and
its convolution does not flip them, as torch's does not. Its blocks of 2x2 pixels (`SubP`) go down
the columns first, torch's along the rows.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vdn.errors import FileError
from vdn.peers.convolution import Convolution, Normalisation, merged

__all__ = ["read_matconvnet"]

ROWS_FIRST = (0, 2, 1, 3)


def read_matconvnet(path: Path) -> dict[str, Convolution]:
    """The convolutions of a network by name (DagNN) or number, in order, torch's conventions.

    Raises
    ------
    FileError
        If the file cannot be read or holds no network.
    """
    net = _load(path)
    if "params" in (net.dtype.names or ()):
        return dict(_directed_graph(net, path))
    layers: dict[str, Convolution] = {}
    blocks = False
    for layer in _items(net["layers"]):
        kind = _text(layer["type"])
        if kind == "conv":
            weight, bias = list(_items(layer["weights"]))[:2]
            layers[str(len(layers))] = Convolution(_filters(weight), _vector(bias))
        elif kind == "bnorm" and layers:
            gain, offset, moments = list(_items(layer["weights"]))[:3]
            mean, deviation = _tensor(np.asarray(moments).reshape(-1, 2)).T
            last = next(reversed(layers))
            gain, offset = _tensor(np.ravel(gain)), _tensor(np.ravel(offset))
            layers[last] = merged(layers[last], Normalisation(gain, offset, mean, deviation))
        blocks |= kind == "SubP"
    return _rows_first(layers) if blocks else layers


def _load(path: Path) -> Any:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path)
    except NotImplementedError as error:
        raise FileError(
            f"{path}: is in MATLAB's v7.3 format; load it there and save it again with '-v7'"
        ) from error
    except (OSError, ValueError, TypeError, MatReadError) as error:
        raise FileError(f"{path}: cannot be read as a MATLAB file ({error})") from error
    net = content.get("net")
    if net is None or "layers" not in (net.dtype.names or ()):
        names = ", ".join(name for name in content if not name.startswith("__")) or "nothing"
        raise FileError(f"{path}: holds {names}; a MatConvNet network is a struct called net")
    return net.flat[0]


def _directed_graph(net: Any, path: Path) -> Iterator[tuple[str, Convolution]]:
    values = {_text(parameter["name"]): parameter["value"] for parameter in _items(net["params"])}
    for layer in _items(net["layers"]):
        kind = _text(layer["type"])
        if kind in ("dagnn.Conv", "dagnn.ConvTranspose"):
            name, (weight, *bias) = _text(layer["name"]), map(_text, _items(layer["params"]))
            yield (
                name,
                Convolution(_filters(values[weight]), _vector(values[bias[0]]) if bias else None),
            )
        elif kind == "dagnn.BatchNorm":
            raise FileError(
                f"{path}: has batch normalisation; merge it into the convolutions first"
            )


def _items(array: Any) -> Iterator[Any]:
    """The elements of a cell or struct array, each freed of the 1x1 arrays it is wrapped in."""
    for item in np.asarray(array).flat:
        while isinstance(item, np.ndarray) and item.size == 1 and item.dtype.kind in "OV":
            item = item.flat[0]
        yield item


def _text(array: Any) -> str:
    return str(np.ravel(array)[0]) if np.size(array) else ""


def _filters(array: Any) -> Tensor:
    """(kh, kw, in, out) -> (out, in, kh, kw); MATLAB drops axes of length 1 at the end."""
    filters = np.asarray(array)
    return _tensor(filters.reshape(filters.shape + (1,) * (4 - filters.ndim)).transpose(3, 2, 0, 1))


def _vector(array: Any) -> Tensor | None:
    return _tensor(np.ravel(array)) if np.size(array) else None


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _rows_first(layers: dict[str, Convolution]) -> dict[str, Convolution]:
    """Reorder what the first layer takes and the last gives from SubP's order to torch's."""
    (first_name, first), *_, (last_name, last) = layers.items()
    blocks = last.weight.shape[0] // 4
    order = [4 * block + position for block in range(blocks) for position in ROWS_FIRST]
    rest = list(range(len(order), first.weight.shape[1]))
    bias = None if last.bias is None else last.bias[order]
    return layers | {
        first_name: Convolution(first.weight[:, order + rest], first.bias),
        last_name: Convolution(last.weight[order], bias),
    }
