"""From a training run to one ONNX file that carries its card."""

from vdn.export.calibrated import calibrate_model
from vdn.export.loading import load_module
from vdn.export.onnx_file import export_model, export_run
from vdn.export.shipping import write_cards

__all__ = ["calibrate_model", "export_model", "export_run", "load_module", "write_cards"]
