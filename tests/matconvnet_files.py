"""Miniature MatConvNet networks: how their files are laid out, and what they compute, in NumPy."""

from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
from scipy.io import savemat
from scipy.signal import correlate

__all__ = ["blocks", "chain", "convolve", "save_dag", "save_hdf5", "save_simple", "unblocks"]


def chain(*widths: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Filters (3, 3, in, out) and biases (out, 1) from each width to the next."""
    generator = np.random.default_rng(seed)
    return [
        (
            generator.normal(0, 1 / np.sqrt(9 * before), (3, 3, before, after)).astype("f4"),
            generator.normal(0, 0.1, (after, 1)).astype("f4"),
        )
        for before, after in pairwise(widths)
    ]


def convolve(image: np.ndarray, filters: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """(H, W, in) -> (H, W, out): filters are not flipped."""
    return np.stack(
        [
            sum(
                correlate(image[..., i], filters[:, :, i, o], mode="same")
                for i in range(image.shape[2])
            )
            + biases.ravel()[o]
            for o in range(filters.shape[3])
        ],
        axis=-1,
    )


def blocks(image: np.ndarray) -> np.ndarray:
    """SubP with scale 1/2: of each channel the four pixels of a block, down its columns first."""
    places = [(0, 0), (1, 0), (0, 1), (1, 1)]
    return np.stack(
        [image[r::2, c::2, channel] for channel in range(image.shape[2]) for r, c in places], -1
    )


def unblocks(parts: np.ndarray) -> np.ndarray:
    """SubP with scale 2, the way back."""
    height, width, count = parts.shape
    image = np.zeros((2 * height, 2 * width, count // 4), parts.dtype)
    for channel in range(count // 4):
        for index, (r, c) in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]):
            image[r::2, c::2, channel] = parts[..., 4 * channel + index]
    return image


def cell(*items: object) -> np.ndarray:
    array = np.empty((1, len(items)), object)
    for index, item in enumerate(items):
        array[0, index] = item
    return array


def save_simple(path: Path, layers: list[dict[str, object]]) -> Path:
    """A SimpleNN: `net.layers` is a cell of structs with `type` and, some, a cell of `weights`."""
    savemat(path, {"net": {"layers": cell(*layers), "meta": {"inputSize": 1.0}}})
    return path


def save_dag(path: Path, layers: list[tuple[str, str, list[np.ndarray]]]) -> Path:
    """A DagNN as its `saveobj` makes it: parameters apart from the layers that name them."""
    fields = ("name", "value", "learningRate", "weightDecay")
    rows, structs = [], []
    for name, kind, values in layers:
        names = [f"{name}{'fb'[index]}" for index in range(len(values))]
        rows += [(n, v, 1.0, 1.0) for n, v in zip(names, values, strict=True)]
        structs.append((name, kind, cell("x"), cell("y"), cell(*names), {"hasBias": 1.0}))
    params = np.array([rows], [(field, object) for field in fields])
    kinds = ("name", "type", "inputs", "outputs", "params", "block")
    graph = np.array([structs], [(field, object) for field in kinds])
    savemat(path, {"net": {"params": params, "layers": graph, "meta": {"x": 1.0}}})
    return path


def save_hdf5(path: Path, layers: list[dict[str, object]]) -> Path:
    """A SimpleNN as MATLAB 7.3 saves it: HDF5 behind MATLAB's header, axes reversed, cells as
    references into `#refs#`, text as numbers, what is empty as its size."""
    with h5py.File(path, "w", userblock_size=512) as file:

        def put(group: h5py.Group, name: str, value: object) -> h5py.Dataset | h5py.Group:
            kind = "single"
            if isinstance(value, dict):
                item = group.create_group(name)
                for field, member in value.items():
                    put(item, field, member)
                kind = "struct"
            elif isinstance(value, str):
                item = group.create_dataset(name, data=np.array([[ord(c)] for c in value], "u2"))
                kind = "char"
            elif isinstance(value, np.ndarray) and value.dtype == object and not value.size:
                item = group.create_dataset(name, data=np.zeros(2, "u8"))
                item.attrs["MATLAB_empty"] = np.uint8(1)
                kind = "cell"
            elif isinstance(value, np.ndarray) and value.dtype == object:
                refs = file.require_group("#refs#")
                cells = [put(refs, f"r{len(refs)}", each).ref for each in value.flat]
                item = group.create_dataset(name, (len(cells), 1), h5py.ref_dtype)
                item[:, 0] = cells
                kind = "cell"
            else:
                item = group.create_dataset(name, data=np.atleast_2d(np.asarray(value)).T)
                kind = "single" if item.dtype == "f4" else "double"
            item.attrs["MATLAB_class"] = np.bytes_(kind)
            return item

        put(file, "net", {"layers": cell(*layers)})
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x02IM")
    return path
