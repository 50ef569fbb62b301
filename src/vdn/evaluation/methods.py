"""Anything that denoises, behind one call.

A method is named as on the command line: `noisy` (the input itself), a shipped model, an `.onnx`
file, a method or an estimate of the noise of `vdn.external`, a file of network weights or a run
folder that it can load, or `file.py:function` of the user's own. What follows
an `@` says where it gets the noise from: `bm3d@true` is given the true standard deviation,
`bm3d@gaussian` the map that the model `gaussian` infers; without it the method is blind.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn import external
from vdn.errors import FileError, InputError
from vdn.own_function import load_function

__all__ = ["TRUE_NOISE", "Denoise", "Method", "Ready", "parse_method"]

TRUE_NOISE = "true"
_CHECKPOINT = "checkpoint.pt"


class Denoise(Protocol):
    """What a method does: an image in, the clean one out.

    The image is float32 (H, W) or (H, W, C), white at 1, not clipped; `sigma` is the standard
    deviation of its noise in the same units, a number or a map, or None to find it out. The result
    is an array like the image, or an object with such an array as `image` and, where the method
    knows them, `noise_sigma`, `noise_sigma_interval(level)` and `uncertainty`, as `vdn.Restored`.
    An object that also has `estimate_noise(image)` can stand in the suite `noise`.
    """

    def __call__(self, image: NDArray[np.float32], sigma: Any = None) -> Any: ...


@dataclass(frozen=True)
class Method:
    """A method before it is loaded; it can be sent to another process if `load` can.

    Parameters
    ----------
    name
        What it is called in tables.
    version
        What changes when its results may: a digest of weights or source, a version number.
    load
        Makes the `Denoise` ready.
    sigma_from
        Empty for a blind method, "true" to tell it the truth, else a description of `load_sigma`.
    load_sigma
        Makes the estimate of the noise the method is given: ``image -> standard deviation``.
    estimates
        Whether it can stand in the suite `noise`.

    Examples
    --------
    >>> shrink = Method("half", "1", lambda: lambda image, sigma=None: image / 2)
    >>> Ready(shrink).denoise(np.ones((2, 2), "f4"), 0.1).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    name: str
    version: str
    load: Callable[[], Denoise]
    sigma_from: str = ""
    load_sigma: Callable[[], Callable[[NDArray[np.float32]], ArrayLike]] | None = None
    estimates: bool = True


class Ready:
    """A method that is loaded."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self._denoise = method.load()
        self._sigma = method.load_sigma() if method.load_sigma else None

    def denoise(self, noisy: NDArray[np.float32], true_sigma: ArrayLike | None) -> Any:
        """Denoise; the truth reaches only a method that is to get it."""
        if self.method.sigma_from == TRUE_NOISE:
            if true_sigma is None:
                raise InputError(f"{self.method.name}: the true noise of a photograph is not known")
            return self._denoise(noisy, true_sigma)
        return self._denoise(noisy, self._sigma(noisy)) if self._sigma else self._denoise(noisy)

    def estimate_noise(self, noisy: NDArray[np.float32]) -> ArrayLike:
        """Return the standard deviation of the noise: of a number, a number a channel, or a map.

        A function without `estimate_noise` is taken for an estimate itself.
        """
        if not self.method.estimates:
            raise InputError(f"{self.method.name} denoises, but estimates no noise")
        estimate = getattr(self._denoise, "estimate_noise", None)
        if estimate is not None:
            return estimate(noisy)
        result = self._denoise(noisy)
        return getattr(result, "noise_sigma", result)


def parse_method(text: str, threads: int | None = None, precision: str = "auto") -> Method:
    """Find the method of a name.

    Parameters
    ----------
    text
        ``NAME`` or ``NAME@SIGMA``, as at the top of this file. Files go by their name without the
        folder.
    threads, precision
        For models, as in `vdn.Denoiser`; test images are floats, for which "auto" is fp32.

    Raises
    ------
    InputError
        When there is no such method.
    FileError
        When a file is missing or damaged, or has no such function.

    Examples
    --------
    >>> parse_method("noisy").name
    'noisy'
    """
    name, _, source = text.partition("@")
    method = _find(name, threads, precision)
    if not source:
        return method
    if source == TRUE_NOISE:
        return replace(method, name=f"{method.name}@{TRUE_NOISE}", sigma_from=TRUE_NOISE)
    estimate = _find(source, threads, precision)
    return replace(
        method,
        name=f"{method.name}@{estimate.name}",
        version=f"{method.version}@{estimate.version}",
        sigma_from=source,
        load_sigma=partial(_estimate, estimate),
    )


def _find(name: str, threads: int | None, precision: str) -> Method:
    """Return the method of a name without `@`."""
    if name == "noisy":
        return Method(name, "1", _load_nothing, estimates=False)
    path, colon, function = name.rpartition(":")
    if colon and path.endswith(".py"):
        version = _digest(Path(path))
        load_function(path, function)  # a wrong name is refused before anything is measured
        return Method(Path(name).name, version, partial(load_function, path, function))
    from vdn.runtime.cards import find_model, list_models

    models = [card.name for card in list_models()]
    if name in models or name.endswith(".onnx"):
        _, file = find_model(name)
        precision = "fp32" if precision == "auto" else precision
        load = partial(_load_model, str(file), threads, precision)
        return Method(Path(name).name, f"{_digest(file)} {precision}", load)
    if (Path(name) / _CHECKPOINT).is_file() or name.lower().endswith(external.NETWORK_FILES):
        return _network(Path(name))
    if name in external.METHODS:
        version = _source_digest(external)
        return Method(name, version, partial(_load_external, name), estimates=False)
    if name in external.NOISE_ESTIMATES:
        return Method(name, _source_digest(external), partial(_load_estimate, name))
    raise InputError(
        f"method {name!r} is not known; there are noisy, the models {', '.join(models)}, the "
        f"methods {', '.join(external.METHODS)}, the estimates of noise "
        f"{', '.join(external.NOISE_ESTIMATES)}, files of networks "
        f"(.onnx, {', '.join(external.NETWORK_FILES)}), run folders and file.py:function"
    )


def _network(path: Path) -> Method:
    """Return the network in a file of weights or in a run, which is named after its folder."""
    file = path / _CHECKPOINT if path.is_dir() else path
    name = file.resolve().parent.name if file.name == _CHECKPOINT else file.name
    return Method(name, _digest(file), partial(_load_external, str(file)), estimates=False)


class _Model:
    """A model of this package behind the call of every method."""

    def __init__(self, file: str, threads: int | None, precision: str) -> None:
        from vdn.denoiser import Denoiser

        self._denoiser = Denoiser(file, threads, precision=precision)

    def __call__(self, image: NDArray[np.float32], sigma: Any = None) -> Any:
        return self._denoiser(image, noise_sigma=sigma, range=(0, 1))

    def estimate_noise(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._denoiser.estimate_noise(image, range=(0, 1)).map


def _load_nothing() -> Denoise:
    return lambda image, sigma=None: image


def _load_model(file: str, threads: int | None, precision: str) -> Denoise:
    return _Model(file, threads, precision)


def _load_external(name: str) -> Denoise:
    return external.load_method(name)


def _load_estimate(name: str) -> Any:
    return external.NOISE_ESTIMATES[name]


def _source_digest(package: Any) -> str:
    """Return a digest of the source of a package: any change measures its methods anew."""
    sources = sorted(Path(package.__path__[0]).rglob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error})") from error


def _estimate(method: Method) -> Callable[[NDArray[np.float32]], ArrayLike]:
    return Ready(method).estimate_noise
