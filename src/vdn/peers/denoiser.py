"""A network as a function from array to array."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from vdn.errors import InputError
from vdn.model import VDN
from vdn.networks import DnCNN, FFDNet
from vdn.peers.matconvnet import read_matconvnet
from vdn.peers.recognise import build_network
from vdn.peers.state_dict import load_tensors, read_state_dict
from vdn.training.build import build_model
from vdn.training.config import Config
from vdn.training.objectives import TOLD
from vdn.training.weights import averaged_weights

__all__ = ["Peer", "load_peer"]


class Peer:
    """A network behind the call of every method: ``denoise(image, sigma=None)``.

    Parameters
    ----------
    network : nn.Module
        As `vdn.training.build.build_model` makes them; put into evaluation mode.
    channels : int
        Of the images it takes.
    needs_sigma : bool
        Whether it has to be told the noise.

    Examples
    --------
    >>> peer = Peer(DnCNN(channels=1, depth=3, width=4), channels=1)
    >>> peer(np.zeros((5, 7), np.float32)).shape
    (5, 7)
    """

    def __init__(self, network: nn.Module, channels: int, needs_sigma: bool = False):
        self.network, self.channels = network.eval(), channels
        self.needs_sigma = needs_sigma
        blind = isinstance(network, DnCNN) or (isinstance(network, VDN) and not network.conditioned)
        self._takes_sigma = not blind

    def __call__(
        self, image: NDArray[np.float32], sigma: ArrayLike | None = None
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
        if sigma is None and self.needs_sigma:
            raise InputError(
                f"{type(self.network).__name__} has to be told the noise and got no sigma"
            )
        told = {}
        if sigma is not None and self._takes_sigma:
            level = np.asarray(sigma, np.float32)
            level = level[..., None] if level.ndim == 2 else level
            told["sigma"] = self._batch(np.broadcast_to(level, planes.shape))
        with torch.inference_mode():
            mean = self.network(self._batch(planes), **told).mean
        result = mean.flatten(0, 1).float().cpu().numpy().transpose(1, 2, 0)
        if planes.shape[2] < self.channels:
            result = result.mean(axis=2, keepdims=True)
        return np.ascontiguousarray(result).reshape(np.shape(image))

    def _batch(self, planes: NDArray[np.float32]) -> Tensor:
        """(H, W, C) -> (N, channels, H, W)."""
        batch = torch.from_numpy(planes.transpose(2, 0, 1).copy())[None]
        if planes.shape[2] < self.channels:
            return batch.expand(-1, self.channels, -1, -1)
        return batch.reshape(-1, self.channels, *planes.shape[:2])


def load_peer(source: str | Path) -> Peer:
    """A denoising network from a file of weights or from a run of one's own.

    Parameters
    ----------
    source : str or path
        A ``.mat`` file of MatConvNet with DnCNN (DnCNN-B, DnCNN-S and their colour versions),
        FFDNet or CBDNet; a PyTorch state dict of one of them, with the layer names of KAIR, of
        IDKiro's CBDNet or of a conversion of the authors' CBDNet; a run folder of `vdn train` or
        its ``checkpoint.pt``, whatever it trained.

    Raises
    ------
    FileError
        If the file is missing or damaged, would run code, or holds no network known here.
    """
    path = Path(source)
    if path.suffix.lower() == ".mat":
        return _published(build_network(read_matconvnet(path), str(path)))
    if path.is_dir():
        path = path / "checkpoint.pt"
    content = load_tensors(path)
    if "average" in content and "config" in content:
        config = Config.from_dict(content["config"])
        network = build_model(config.network)
        network.load_state_dict(averaged_weights(path))
        return Peer(network, config.network.channels, config.objective.kind in TOLD)
    return _published(build_network(read_state_dict(content), str(path)))


def _published(network: nn.Module) -> Peer:
    channels: int = network.channels  # type: ignore[assignment]
    return Peer(network, channels, needs_sigma=isinstance(network, FFDNet))
