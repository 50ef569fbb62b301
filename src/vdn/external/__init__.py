"""Other people's denoisers and noise estimates behind one call, to be compared with.

>>> import vdn.external
>>> vdn.external.METHODS
('nlm', 'nlm_opencv', 'wavelet', 'tv', 'bm3d', 'wnnm', 'mog')
"""

from importlib import import_module
from pathlib import Path

from vdn.errors import FileError, InputError, MissingExtraError
from vdn.external.chen import estimate_sigma_chen
from vdn.external.classical import CLASSICAL
from vdn.external.mad import estimate_sigma_mad
from vdn.external.method import Denoise, SigmaEstimate, require
from vdn.external.signal_dependent import estimate_sigma_signal_dependent

__all__ = [
    "METHODS",
    "NETWORK_FILES",
    "NOISE_ESTIMATES",
    "Denoise",
    "SigmaEstimate",
    "estimate_sigma_chen",
    "estimate_sigma_mad",
    "estimate_sigma_signal_dependent",
    "load_method",
    "load_network",
]

METHODS = (*CLASSICAL, "wnnm", "mog")
"""The denoisers by name."""

NETWORK_FILES = (".mat", ".pth", ".pt", ".tar", ".ckpt", ".safetensors")
"""How files of network weights end."""

NOISE_ESTIMATES: dict[str, SigmaEstimate] = {
    "chen": estimate_sigma_chen,
    "mad": estimate_sigma_mad,
    "signal_dependent": estimate_sigma_signal_dependent,
}
"""Estimates of the noise level by name: numbers, or a map where the level follows brightness."""


def load_method(name: str) -> Denoise:
    """Return the method of a name, or the network in a file or run folder.

    Raises
    ------
    InputError
        For a name that is neither.
    FileError
        As in `load_network`.
    MissingExtraError
        If the packages of the method are not installed; the text names the extra.

    Examples
    --------
    >>> load_method("wnnm").__module__
    'vdn.external.wnnm'
    """
    if name in CLASSICAL:
        require(CLASSICAL[name].package, CLASSICAL[name].extra)
        return CLASSICAL[name]
    if name in METHODS:
        require("threadpoolctl", "bench")
        method: Denoise = import_module(f"vdn.external.{name}").denoise
        return method
    if name.lower().endswith(NETWORK_FILES) or Path(name).is_dir():
        return load_network(name)
    if name in NOISE_ESTIMATES:
        raise InputError(
            f"method {name!r} estimates the noise and does not denoise; "
            f"call NOISE_ESTIMATES[{name!r}](image), or pass it as estimate= to a method"
        )
    raise InputError(
        f"method {name!r} is unknown: one of {', '.join(sorted(METHODS))}, "
        f"or a network file ({', '.join(NETWORK_FILES)})"
    )


def load_network(source: str | Path) -> Denoise:
    """Return a denoising network from a file of weights or from a run of one's own.

    Parameters
    ----------
    source
        A ``.mat`` file of MatConvNet with DnCNN (DnCNN-B, DnCNN-S and their colour versions),
        FFDNet or CBDNet; a PyTorch state dict of one of them, with the layer names of KAIR, of
        IDKiro's CBDNet or of a conversion of the authors' CBDNet; a run folder of `vdn train` or
        its ``checkpoint.pt``, whatever it trained; any other file that spandrel knows.

    Raises
    ------
    FileError
        If the file is missing or damaged, would run code, or holds no network known here.
    MissingExtraError
        Without torch.
    """
    path = Path(source)
    try:
        from vdn.external.network import read_network
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: networks need {error.name}, which is not installed; pip install 'vdn[train]'"
        ) from error
    try:
        return read_network(path)
    except FileError as error:
        if not path.is_file() or path.suffix.lower() in (".mat", ".tar"):
            raise
        from vdn.external.spandrel_file import SpandrelFile

        try:
            return SpandrelFile(path)
        except MissingExtraError as missing:
            raise FileError(f"{error}; spandrel may know it, but {missing}") from error
