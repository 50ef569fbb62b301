"""The engine for GPUs: a trained model run by torch, which is imported when one is made."""

from typing import Any, Protocol

import numpy as np

from vdn.errors import InputError, MissingExtraError
from vdn.runtime.engine import NoisePosterior, Planes, Posterior

__all__ = ["TorchEngine"]

_BYTES_PER_PIXEL = 2000.0  # generous: torch keeps every tensor a step may still need


class _Model(Protocol):
    """What is asked of the model: the calls and results of `vdn.model.VDN`."""

    def __call__(self, y: Any, sigma: Any = None, strength: float = 1.0) -> Any: ...

    def noise(self, y: Any) -> Any: ...

    def to(self, device: str) -> "_Model": ...


class TorchEngine:
    """A torch model as an engine.

    Parameters
    ----------
    model
        A `vdn.model.VDN` with an error head, in evaluation mode.
    precision
        "fp32" or "bf16" (autocast).
    device
        A torch device such as "cuda:1"; "torch" is the first GPU, or the CPU where there is none.

    Raises
    ------
    MissingExtraError
        When torch is not installed.
    """

    bytes_per_pixel = _BYTES_PER_PIXEL
    noise_bytes_per_pixel = _BYTES_PER_PIXEL / 4

    def __init__(
        self,
        model: _Model,
        precision: str = "fp32",
        device: str = "torch",
    ) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError(
                "a GPU needs torch, which is not installed; `pip install 'vdn[train]'`"
            ) from error
        self._torch = torch
        best = "cuda" if torch.cuda.is_available() else "cpu"
        self._device = best if device == "torch" else device
        try:
            self._model = model.to(self._device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(
                f"device={self._device!r} cannot be used ({error}); give device='auto'"
            ) from error
        self._bf16 = precision == "bf16"

    def run(
        self,
        planes: Planes,
        sigma: Planes | None = None,
        strength: float = 1.0,
        out: Posterior | None = None,
    ) -> Posterior:
        """Restore planes (C, H, W) with `strength` times `sigma`, by default the model's own.

        The tensors of torch bring their own memory, so `out` stays unused.
        """
        given = None if sigma is None else self._batch(sigma)
        with self._torch.inference_mode(), self._autocast():
            posterior = self._model(self._batch(planes), given, strength)
        if posterior.error is None:
            raise InputError("this model has no error head; train one that has, or use model.VDN")
        noise = posterior.sigma2
        tensors = (
            posterior.mean,
            noise.log_alpha,
            noise.log_beta,
            posterior.error.log_variance,
        )
        kernel = None if posterior.kernel is None else _planes(posterior.kernel.parameters)
        return Posterior(*map(_planes, tensors))._replace(kernel=kernel)

    def run_noise(self, planes: Planes) -> NoisePosterior:
        """Estimate the noise of planes (C, H, W) by S-Net alone."""
        with self._torch.inference_mode(), self._autocast():
            noise = self._model.noise(self._batch(planes))
        return NoisePosterior(_planes(noise.log_alpha), _planes(noise.log_beta))

    def _batch(self, planes: Planes) -> Any:
        array = np.ascontiguousarray(planes, np.float32)
        return self._torch.from_numpy(array)[None].to(self._device)

    def _autocast(self) -> Any:
        return self._torch.autocast(
            self._device.partition(":")[0], self._torch.bfloat16, enabled=self._bf16
        )


def _planes(tensor: Any) -> Planes:
    planes: Planes = tensor[0].float().cpu().numpy()
    return planes
