"""When, where and with what figures were measured."""

import os
import platform
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vdn.evaluation.methods import Method

__all__ = ["describe_run"]

_PACKAGES = ("vdn", "numpy", "scipy", "openvino", "torch", "scikit-image", "opencv-python-headless")


def describe_run(command: Sequence[str], methods: Sequence[Method]) -> dict[str, Any]:
    """Return the command, the date, the machine, the versions, and what each method is.

    Examples
    --------
    >>> describe_run(["vdn", "evaluate", "paper"], [])["command"]
    'vdn evaluate paper'
    """
    return {
        "command": shlex.join(command),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{_processor()}, {_cores()} cores, {platform.system()}{_load()}",
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "methods": {method.name: method.version for method in methods},
    }


def _processor() -> str:
    linux = Path("/proc/cpuinfo")
    lines = linux.read_text(encoding="utf-8").splitlines() if linux.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load() -> str:
    """Say how busy the machine is, this run included: seconds mean little on a busy one."""
    return f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
