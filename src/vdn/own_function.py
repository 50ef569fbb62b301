"""Functions of the user's own, named `file.py:function`: a method or a noise model."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vdn.errors import FileError

__all__ = ["load_function"]


def load_function(path: str | Path, function: str) -> Callable[..., Any]:
    """Return a function in a Python file, whose code is run for that.

    Raises
    ------
    FileError
        When the file cannot be imported or has no such function.
    """
    specification = importlib.util.spec_from_file_location(Path(path).stem, path)
    if specification is None or specification.loader is None:
        raise FileError(f"{path}: cannot be imported")
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise FileError(f"{path}: cannot be imported ({type(error).__name__}: {error})") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise FileError(f"{path}: has no function {function!r}")
    return found
