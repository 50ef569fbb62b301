"""A network as a function from array to array."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from vdn.errors import InputError
from vdn.external.matconvnet import read_matconvnet
from vdn.external.method import SigmaEstimate
from vdn.external.recognise import build_network
from vdn.external.state_dict import load_tensors, read_state_dict
from vdn.image.quiet import without_warnings
from vdn.model import VDN
from vdn.networks import DnCNN, FFDNet
from vdn.runtime.openvino_engine import settings
from vdn.runtime.openvino_import import load_openvino, openvino_core
from vdn.training.build import build_model
from vdn.training.config import Config
from vdn.training.objectives import NON_BLIND
from vdn.training.weights import averaged_weights

__all__ = ["Network", "read_network"]


class Network:
    """A network behind the call of every method: ``denoise(image, sigma=None)``.

    Parameters
    ----------
    network : nn.Module
        As `vdn.training.build.build_model` makes them; put into evaluation mode.
    channels : int
        Of the images it takes.
    needs_sigma : bool
        Whether it has to be given the noise.

    DnCNN, FFDNet and CBDNet run through OpenVINO, as the models of this package do, so that times
    compare networks and not frameworks; what a run has trained runs through torch.

    Examples
    --------
    >>> denoise = Network(DnCNN(channels=1, depth=3, width=4), channels=1)
    >>> denoise(np.zeros((5, 7), np.float32)).shape
    (5, 7)
    """

    def __init__(self, network: nn.Module, channels: int, needs_sigma: bool = False):
        self.network, self.channels = network.eval(), channels
        self.needs_sigma = needs_sigma
        blind = isinstance(network, DnCNN) or (isinstance(network, VDN) and not network.conditioned)
        self._takes_sigma = not blind
        self._compiled: tuple[Any, Any] | None = None  # for the shape of the image before

    def __call__(
        self,
        image: ArrayLike,
        sigma: ArrayLike | None = None,
        *,
        estimate: SigmaEstimate | None = None,
    ) -> NDArray[np.float32]:
        """Denoise one image.

        A gray image goes through a network for colour as three equal channels, and the other way
        round each channel alone.

        Parameters
        ----------
        image : ndarray
            float32 (H, W) or (H, W, C) with C of 1 or 3, white at 1, not clipped; any size.
        sigma : float or ndarray, optional
            Standard deviation of its noise: a number or a map, (H, W) or (H, W, C). A network that
            has no use for it does without.
        estimate : callable, optional
            Finds `sigma` for a network that needs it and got none.

        Returns
        -------
        ndarray
            float32, the shape of `image`.

        Raises
        ------
        InputError
            For another shape, or if the network needs `sigma` and there is none.
        """
        planes = np.asarray(image, np.float32).reshape(*np.shape(image)[:2], -1)
        if np.ndim(image) not in (2, 3) or planes.shape[2] not in (1, 3) or planes.size == 0:
            raise InputError(f"image has shape {np.shape(image)}; give (H, W), (H, W, 1 or 3)")
        if sigma is None and self.needs_sigma and estimate is not None:
            sigma = estimate(planes)
        if sigma is None and self.needs_sigma:
            raise InputError(
                f"{type(self.network).__name__} needs the noise: give sigma or estimate"
            )
        inputs = [self._batch(planes)]
        if sigma is not None and self._takes_sigma:
            level = np.asarray(sigma, np.float32)
            level = level[..., None] if level.ndim == 2 else level
            inputs.append(self._batch(np.broadcast_to(level, planes.shape)))
        mean = self._run(*inputs)
        result = mean.reshape(-1, *planes.shape[:2]).transpose(1, 2, 0)
        if planes.shape[2] < self.channels:
            result = result.mean(axis=2, keepdims=True)
        return np.ascontiguousarray(result).reshape(np.shape(image))

    def _run(self, *inputs: Tensor) -> NDArray[np.float32]:
        """Return the mean (N, channels, H, W)."""
        if isinstance(self.network, VDN):
            with torch.inference_mode():
                mean: NDArray[np.float32] = self.network(*inputs).mean.float().cpu().numpy()
                return mean
        shapes = tuple(tuple(tensor.shape) for tensor in inputs)
        if self._compiled is None or self._compiled[0] != shapes:
            self._compiled = shapes, _compile(self.network, inputs)
        result: NDArray[np.float32] = self._compiled[1]([tensor.numpy() for tensor in inputs])[0]
        return result

    def _batch(self, planes: NDArray[np.float32]) -> Tensor:
        """(H, W, C) -> (N, channels, H, W)."""
        batch = torch.from_numpy(planes.transpose(2, 0, 1).copy())[None]
        if planes.shape[2] < self.channels:
            return batch.repeat(1, self.channels, 1, 1)
        return batch.reshape(-1, self.channels, *planes.shape[:2])


def read_network(path: Path) -> Network:
    """Return the network in a file of this package or of MatConvNet, or in a state dict.

    Raises
    ------
    FileError
        If the file is missing or damaged, would run code, or holds no network known here.
    """
    if path.suffix.lower() == ".mat":
        return _published(build_network(read_matconvnet(path), str(path)))
    if path.is_dir():
        path = path / "checkpoint.pt"
    content = load_tensors(path)
    if "average" in content and "config" in content:
        config = Config.from_dict(content["config"])
        network = build_model(config.network)
        network.load_state_dict(averaged_weights(path))
        return Network(network, config.network.channels, config.objective.kind in NON_BLIND)
    return _published(build_network(read_state_dict(content), str(path)))


class _Mean(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        mean: Tensor = self.network(*inputs).mean
        return mean


def _compile(network: nn.Module, inputs: Sequence[Tensor]) -> Any:
    openvino = load_openvino()
    with without_warnings():  # of tracing: the shapes are those of the inputs
        traced = torch.jit.trace(_Mean(network), tuple(inputs), check_trace=False)
    graph = openvino.convert_model(
        traced, input=[tuple(tensor.shape) for tensor in inputs], example_input=tuple(inputs)
    )
    return openvino_core().compile_model(graph, "CPU", settings("fp32"))


def _published(network: nn.Module) -> Network:
    channels: int = network.channels  # type: ignore[assignment]
    return Network(network, channels, needs_sigma=isinstance(network, FFDNet))
