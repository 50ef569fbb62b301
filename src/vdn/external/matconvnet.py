"""Weights of MatConvNet networks: SimpleNN and DagNN ``.mat`` files of any version from 5 on.

MatConvNet keeps filters as (kh, kw, in, out), of a transposed convolution as (kh, kw, out, in), and
its convolution does not flip them, as torch's does not. Its blocks of 2x2 pixels (`SubP`) go down
the columns first, torch's along the rows. Files of version 7.3 are HDF5, which has the axes of
every array in reverse order.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vdn.errors import FileError, MissingExtraError
from vdn.external.convolution import Convolution, Normalisation, merged

__all__ = ["read_matconvnet"]

ROWS_FIRST = (0, 2, 1, 3)
FIELDS = {"layers", "params", "name", "type", "weights", "value", "dilate", "stride", "leak"}
"""What is read of a network; its training state and options are left where they are."""
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
HDF5_OFFSET = 512  # MATLAB's own header stands before it


def read_matconvnet(path: Path) -> dict[str, Convolution]:
    """The convolutions of a network by name (DagNN) or number, in order, torch's conventions.

    Raises
    ------
    FileError
        If the file cannot be read, holds no network, or one with layers that are not known here.
    MissingExtraError
        If the file is of version 7.3 and h5py is not installed.
    """
    net = _load(path)
    try:
        return dict(_directed_graph(net, path)) if "params" in net else _simple(net, path)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise FileError(f"{path}: is not laid out as MatConvNet lays out a network") from error


def _simple(net: dict[str, Any], path: Path) -> dict[str, Convolution]:
    layers: dict[str, Convolution] = {}
    blocks = False
    for layer in _several(net["layers"]):
        kind = layer["type"]
        _check(layer, path)
        if kind == "conv":
            weight, bias = layer["weights"][:2]
            layers[str(len(layers))] = Convolution(_filters(weight), _vector(bias))
        elif kind == "bnorm" and layers:
            gain, offset, moments = layer["weights"][:3]
            mean, deviation = _tensor(np.asarray(moments).reshape(-1, 2)).T
            last = next(reversed(layers))
            gain, offset = _tensor(np.ravel(gain)), _tensor(np.ravel(offset))
            layers[last] = merged(layers[last], Normalisation(gain, offset, mean, deviation))
        blocks |= kind == "SubP"
    return _rows_first(layers) if blocks and layers else layers


def _check(layer: dict[str, Any], path: Path) -> None:
    """Refuse a layer that computes something else than the networks known here."""
    for field, usual in (("dilate", 1), ("stride", 1), ("leak", 0)):
        value = layer.get(field, usual)
        if np.any(np.asarray(value) != usual):
            raise FileError(
                f"{path}: a layer {layer['type']} has {field} {np.ravel(value)[0]:g}, as no "
                "DnCNN or FFDNet has"
            )


def _load(path: Path) -> dict[str, Any]:
    """The struct `net`: structs as dicts, cells and struct arrays as lists, text as str."""
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError

    if not path.is_file():
        raise FileError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            file.seek(HDF5_OFFSET)
            if file.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE:
                return _load_hdf5(path)
        names = [name for name, *_ in whosmat(path)]
        net = _plain(loadmat(path, variable_names=["net"]).get("net"))
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError, MatReadError) as error:
        raise FileError(f"{path}: cannot be read as a MATLAB file ({error})") from error
    return _network(net, names, path)


def _network(net: Any, names: list[str], path: Path) -> dict[str, Any]:
    if not isinstance(net, dict) or "layers" not in net:
        raise FileError(
            f"{path}: holds {', '.join(names) or 'nothing'}; "
            "a MatConvNet network is a struct called net"
        )
    return net


def _plain(array: Any) -> Any:
    """What scipy has read, freed of the arrays of one element that MATLAB puts around all."""
    if not isinstance(array, np.ndarray):
        return array
    if array.dtype.names:
        fields = FIELDS & set(array.dtype.names)
        structs = [{field: _plain(item[field]) for field in fields} for item in array.flat]
        return structs[0] if len(structs) == 1 else structs
    if array.dtype == object:
        return [_plain(item) for item in array.flat]
    return str(array.flat[0]) if array.dtype.kind == "U" and array.size else array


def _load_hdf5(path: Path) -> dict[str, Any]:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: MATLAB 7.3 files need h5py: pip install 'vdn[sets]'"
        ) from error

    def plain(item: Any) -> Any:
        if isinstance(item, h5py.Group):
            members = {field: item[field] for field in FIELDS & set(item)}
            # The fields of an array of structs are arrays of references, which have no class.
            if all("MATLAB_class" not in member.attrs for member in members.values()):
                columns = {field: cell(member) for field, member in members.items()}
                rows = zip(*columns.values(), strict=True)
                return [dict(zip(columns, row, strict=True)) for row in rows]
            return {field: plain(member) for field, member in members.items()}
        if item.attrs.get("MATLAB_empty", 0):
            return np.empty(0)
        if item.dtype == h5py.ref_dtype:
            return cell(item)
        if item.attrs.get("MATLAB_class") == b"char":
            return "".join(map(chr, item[()].T.ravel()))
        return item[()].T

    def cell(item: Any) -> list[Any]:
        return [plain(content[reference]) for reference in item[()].T.flat]

    with h5py.File(path) as content:
        names = [name for name in content if not name.startswith("#")]
        try:
            net = plain(content["net"]) if "net" in content else None
        except (RecursionError, AttributeError) as error:
            raise ValueError("its structs cannot be followed") from error
    return _network(net, names, path)


def _directed_graph(net: dict[str, Any], path: Path) -> Iterator[tuple[str, Convolution]]:
    values = {parameter["name"]: parameter["value"] for parameter in _several(net["params"])}
    for layer in _several(net["layers"]):
        kind = layer["type"]
        if kind in ("dagnn.Conv", "dagnn.ConvTranspose"):
            weight, *bias = layer["params"]
            bias = _vector(values[bias[0]]) if bias else None
            yield layer["name"], Convolution(_filters(values[weight]), bias)
        elif kind == "dagnn.BatchNorm":
            raise FileError(
                f"{path}: has batch normalisation; merge it into the convolutions first"
            )


def _several(structs: Any) -> list[Any]:
    return structs if isinstance(structs, list) else [structs]


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
