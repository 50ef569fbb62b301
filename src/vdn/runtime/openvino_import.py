"""OpenVINO without its telemetry and without the tools that nothing here uses, and its one core."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from types import ModuleType
from typing import Any

__all__ = ["load_openvino", "openvino_core"]

_TELEMETRY = "openvino_telemetry"
_TOOLS = "openvino.tools.ovc"
_LOCK = RLock()


def load_openvino() -> ModuleType:
    """Return the `openvino` module; importing it here sends nothing and writes nothing.

    `import openvino` by itself reports its use to a web service and leaves an identifier in the
    home folder, unless the package `openvino_telemetry` is absent, when it takes a stub of its own.
    So the package is made to look absent for as long as that first import lasts. So are the tools
    that convert models, a quarter of the time of the import; they load when
    `openvino.convert_model` is called. An `openvino` that the program imported before is taken as
    it is.

    Examples
    --------
    >>> load_openvino().__name__
    'openvino'
    """
    with _LOCK:  # of several threads the first imports, the others wait until it is done
        if "openvino" in sys.modules:
            return importlib.import_module("openvino")  # waits for an import by the program
        with _absent(_TELEMETRY), _absent(_TOOLS):
            openvino = importlib.import_module("openvino")
        openvino.convert_model = _convert_model  # type: ignore[attr-defined]
        return openvino


def openvino_core() -> Any:
    """Return the one `openvino.Core` of this process, which lives as long as the process.

    The CPU plugin of a core gives the thread that loads it another stack for signal handlers, and
    frees that when the core goes. With several cores, which go in any order, a freed one stays in
    use, and the next signal (Ctrl-C, the end of a child process) ends the process with a
    segmentation fault.
    """
    with _LOCK:
        return _core()


@cache
def _core() -> Any:
    return load_openvino().Core()


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Make a module look as if it were not installed."""
    known = name in sys.modules
    before = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]  # makes its import fail
    try:
        yield
    finally:
        if known:
            sys.modules[name] = before  # type: ignore[assignment]
        else:
            del sys.modules[name]


def _convert_model(*arguments: Any, **options: Any) -> Any:
    """Stand in for `openvino.convert_model`."""
    with _LOCK, _absent(_TELEMETRY):
        tools = importlib.import_module(_TOOLS)
    return tools.convert_model(*arguments, **options)
