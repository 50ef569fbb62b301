"""Import OpenVINO without its telemetry."""

import importlib
import sys
from types import ModuleType

__all__ = ["load_openvino"]

_TELEMETRY = "openvino_telemetry"


def load_openvino() -> ModuleType:
    """Return the `openvino` module; importing it here sends nothing and writes nothing.

    `import openvino` by itself reports its use to a web service and leaves an identifier in the
    home folder, unless the package `openvino_telemetry` is absent, when it takes a stub of its own.
    So the package is made to look absent for as long as that first import lasts. An `openvino`
    that the program imported before is taken as it is.

    Examples
    --------
    >>> load_openvino().__name__
    'openvino'
    """
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    absent = object()
    before = sys.modules.get(_TELEMETRY, absent)
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # makes its import fail
    try:
        return importlib.import_module("openvino")
    finally:
        if before is absent:
            del sys.modules[_TELEMETRY]
        else:
            sys.modules[_TELEMETRY] = before  # type: ignore[assignment]
