"""From a training run to one ONNX file that carries its card."""

from vdn.export.onnx_file import export_model, export_run
from vdn.export.parity import parity

__all__ = ["export_model", "export_run", "parity"]
