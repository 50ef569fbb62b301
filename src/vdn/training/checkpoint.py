"""The complete state of a run, on disk whole or not at all."""

import os
from pathlib import Path
from typing import Any

import torch

from vdn.errors import FileError

__all__ = ["load_state", "save_state"]


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write beside `path`, then move into place: a crash leaves the previous file whole."""
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())  # the name must not outlive a crash without its bytes
    os.replace(temporary, path)


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote; only tensors and plain containers are accepted.

    Raises
    ------
    FileError
        If the file is missing, damaged or holds anything else.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise FileError(f"{path}: not a training checkpoint ({error})") from error
    return state
