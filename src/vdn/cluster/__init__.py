"""Many files on many machines: Dask, object storage, and a record of what was done."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vdn.cluster.connection import connect
    from vdn.cluster.job import Done, Job
    from vdn.cluster.manifest import Manifest, read_manifest
    from vdn.cluster.mapping import map_files

__all__ = ["Done", "Job", "Manifest", "connect", "map_files", "read_manifest"]

_HOMES = {"Done": "job", "Job": "job", "Manifest": "manifest", "read_manifest": "manifest"}
_HOMES |= {"connect": "connection", "map_files": "mapping"}


def __getattr__(name: str) -> Any:  # one machine needs none of it
    if name not in __all__:
        raise AttributeError(f"module 'vdn.cluster' has no attribute {name!r}")
    return getattr(import_module(f"vdn.cluster.{_HOMES[name]}"), name)
