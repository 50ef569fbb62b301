"""MATLAB files of both kinds: version 5 through SciPy, 7.3 (HDF5) through h5py."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError, MissingExtraError

__all__ = ["open_hdf5", "read_mat", "write_mat"]


def read_mat(path: str | Path, key: str) -> NDArray[Any]:
    """One array of a MATLAB file, its axes as in MATLAB.

    Raises
    ------
    FileError
        If the file cannot be read or has no such variable.
    MissingExtraError
        Without SciPy, or without h5py for a file of version 7.3.
    """
    loader = _require("scipy.io")
    try:
        values = loader.loadmat(str(path), variable_names=[key])
    except NotImplementedError:  # what SciPy raises for version 7.3
        with open_hdf5(path) as file:
            if key not in file:
                raise FileError(f"{path}: has no variable {key}") from None
            return np.asarray(file[key]).T
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: not a MATLAB file ({error})") from error
    if key not in values:
        raise FileError(f"{path}: has no variable {key}")
    return values[key]


def write_mat(path: str | Path, values: dict[str, Any]) -> None:
    """Write a compressed MATLAB file of version 5, under another name until it is whole.

    Raises
    ------
    MissingExtraError
        Without SciPy.
    """
    writer = _require("scipy.io")
    target = Path(path)
    unfinished = target.with_name(target.name + ".part")
    with unfinished.open("wb") as file:
        writer.savemat(file, values, do_compression=True)
    unfinished.replace(target)


def open_hdf5(path: str | Path) -> Any:
    """Open a file of version 7.3 for reading; its arrays have their axes reversed.

    Raises
    ------
    FileError
        If the file cannot be read.
    MissingExtraError
        Without h5py.
    """
    h5py = _require("h5py")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise FileError(f"{path}: cannot be read as a MATLAB 7.3 file ({error})") from error


def _require(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module.partition('.')[0]} is not installed: pip install 'vdn[sets]'"
        ) from error
