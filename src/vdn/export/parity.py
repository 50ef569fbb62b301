"""Does the file compute what the model computes?"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from vdn.export.onnx_file import OUTPUTS, Exported
from vdn.model import VDN

__all__ = ["parity"]


def parity(
    model: VDN, file: str | Path, *, size: tuple[int, int] = (64, 96), seed: int = 0
) -> dict[str, float]:
    """Largest absolute difference of each output between a torch model and its exported file.

    The file runs in OpenVINO at single precision; its weights were rounded to half precision, so
    give a `model` loaded from the file to compare the arithmetic alone. `size` (H, W) is a multiple
    of the network's in both directions.

    Returns
    -------
    dict of str to float
        By output name; ``mean`` is in units of the nominal range.
    """
    from vdn.runtime.openvino_engine import OpenVinoEngine

    generator = np.random.default_rng(seed)
    dnet: Any = model.dnet
    image = generator.random((dnet.channels, *size), dtype=np.float32)
    with torch.inference_mode():
        expected = Exported(model.eval())(torch.from_numpy(image)[None])
    actual = OpenVinoEngine(Path(file), precision="fp32").run(image)
    return {
        name: float(np.abs(reference[0].numpy() - getattr(actual, name)).max())
        for name, reference in zip(OUTPUTS, expected, strict=False)
        if name in actual._fields
    }
