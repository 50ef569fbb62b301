"""Any network that spandrel can load, as a method."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.errors import FileError, InputError
from vdn.external.method import SigmaEstimate, as_planes, require

__all__ = ["SpandrelFile"]


class SpandrelFile:
    """A denoising network in a file of weights, its architecture found out by spandrel.

    Parameters
    ----------
    path
        A file that spandrel recognises: SCUNet, NAFNet, DRUNet, Restormer, SwinIR, Uformer, …
        Pickled files are read without running code in them.

    Raises
    ------
    MissingExtraError
        Without spandrel (extra `spandrel`).
    FileError
        If there is no such file, or spandrel does not know the architecture.
    InputError
        If the network does not restore images at their own size in one or three channels.

    Notes
    -----
    These networks are blind, or carry a noise level of their own: a given sigma is not used. They
    expect values in [0, 1], so that noise beyond black and white is clipped before they see it.
    """

    def __init__(self, path: str | Path):
        spandrel = require("spandrel", "spandrel")
        if not Path(path).is_file():
            raise FileError(f"{path}: no such file of network weights")
        try:
            model = spandrel.ModelLoader(device="cpu").load_from_file(str(path))
        except Exception as error:  # unpickling and architecture errors of many kinds
            raise FileError(f"{path}: spandrel cannot load it ({error})") from error
        channels = getattr(model, "input_channels", None), getattr(model, "output_channels", None)
        if (
            not isinstance(model, spandrel.ImageModelDescriptor)
            or model.scale != 1
            or channels not in ((1, 1), (3, 3))
        ):
            raise InputError(
                f"{path}: not a network from image to image of the same size in 1 or 3 channels; "
                f"a {model.architecture.name} for {model.purpose}, channels {channels}"
            )
        self.path, self.model = Path(path), model.eval()

    def __call__(
        self,
        image: ArrayLike,
        sigma: ArrayLike | None = None,
        *,
        estimate: SigmaEstimate | None = None,
    ) -> NDArray[np.float32]:
        """Run the network; see `vdn.external.Denoise` (`sigma` and `estimate` are not used).

        A gray image goes through a colour network as three equal channels, and the other way round
        each channel alone.
        """
        import torch

        planes = as_planes(image)
        expected = self.model.input_channels
        batch = torch.from_numpy(planes.clip(0, 1).transpose(2, 0, 1).copy())[None]
        if planes.shape[2] < expected:
            batch = batch.expand(-1, expected, -1, -1).contiguous()
        parts = batch.split(expected, dim=1)
        with torch.inference_mode():
            restored = torch.cat([self.model(part) for part in parts], dim=1)[0].float().numpy()
        if planes.shape[2] < expected:
            restored = restored.mean(axis=0, keepdims=True)
        return np.ascontiguousarray(restored.transpose(1, 2, 0)).reshape(np.shape(image))
