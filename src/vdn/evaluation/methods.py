"""Anything that denoises or restores, behind one call each.

A method is named as on the command line: `noisy` (the input itself), a shipped model, an `.onnx`
file, a method or an estimate of the noise of `vdn.external`, a file of network weights or a run
folder that it can load, or `file.py:function` of the user's own. What follows
an `@` says where it gets the noise from: `bm3d@true` is given the true standard deviation,
`bm3d@gaussian` the map that the model `gaussian` infers; without it the method is blind.

Where pictures are degraded there are more: `bicubic` enlarges, the methods of
`vdn.external.deconvolution` undo a blur, whose kernel comes from where the noise does, and
``A+B`` is one method after the other: `gaussian+bicubic`, `gaussian+wiener@true`.
"""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn import external
from vdn.errors import FileError, InputError
from vdn.evaluation.restoring import ModelRestorer, Task, load_bicubic, load_deconvolution
from vdn.external.deconvolution import DECONVOLUTIONS
from vdn.own_function import load_function

__all__ = ["TRUE_NOISE", "Denoise", "Method", "Ready", "parse_method"]

TRUE_NOISE = "true"
_LEFT = 0.7  # of the noise, behind a denoiser: with that a Wiener filter does best after it
_ROUNDING = 12**-0.5 / 255  # standard deviation of what rounding to 8 bits does
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
        Makes the `Denoise` ready, or the `Restore`.
    sigma_from
        Empty for a blind method, "true" to tell it the truth, else the name of `source`.
    source
        The method that infers what this one is told.
    estimates
        Whether it can stand in the suite `noise`.
    restores
        Whether `load` gives a `Restore`.
    scales
        By which factors it can enlarge; none are all.
    steps
        The methods that it is one after the other, instead of `load`.

    Examples
    --------
    >>> shrink = Method("half", "1", lambda: lambda image, sigma=None: image / 2)
    >>> Ready(shrink).denoise(np.ones((2, 2), "f4"), 0.1).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    name: str
    version: str
    load: Callable[[], Any]
    sigma_from: str = ""
    source: "Method | None" = None
    estimates: bool = True
    restores: bool = False
    scales: tuple[int, ...] = (1,)
    steps: "tuple[Method, ...]" = ()

    def enlarges(self, scale: int) -> bool:
        """Say whether the method, and what it is told by, can give so many times the pixels."""
        sources = [step.source for step in (self, *self.steps) if step.source is not None]
        fits = not self.scales or scale in self.scales
        return fits and all(each.enlarges(scale) for each in sources if each.restores)


class Ready:
    """A method that is loaded."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self._denoise = method.load()
        self._source = Ready(method.source) if method.source else None
        self._steps = [Ready(step) for step in method.steps]

    def denoise(self, noisy: NDArray[np.float32], true_sigma: ArrayLike | None) -> Any:
        """Denoise; the truth reaches only a method that is to get it."""
        if self.method.sigma_from == TRUE_NOISE:
            if true_sigma is None:
                raise InputError(f"{self.method.name}: the true noise of a photograph is not known")
            return self._denoise(noisy, true_sigma)
        if self._source is None:
            return self._denoise(noisy)
        return self._denoise(noisy, self._source.estimate_noise(noisy))

    def restore(self, degraded: NDArray[np.float32], truth: Task) -> Any:
        """Restore; the truth reaches only a method that is to get it."""
        result: Any = degraded
        grown, left = 1, 1.0
        for step in self._steps or [self]:
            before = _image(result)
            told = step._told(degraded, truth)
            sigma = told.sigma
            if sigma is not None:
                sigma *= left
                if grown > 1:  # as strong at fewer frequencies
                    sigma = grown * max(sigma, _ROUNDING)
            result = step._call(before, Task(truth.scale // grown, told.kernel, sigma))
            grown *= _image(result).shape[0] // before.shape[0]
            left *= 1.0 if step.method.restores else _LEFT
        return result

    def _call(self, image: NDArray[np.float32], task: Task) -> Any:
        if self.method.restores:
            return self._denoise(image, task)
        return self._denoise(image) if task.sigma is None else self._denoise(image, task.sigma)

    def _told(self, degraded: NDArray[np.float32], truth: Task) -> Task:
        """Return what the method is told of a degraded image: all, what another infers, nothing."""
        if self.method.sigma_from == TRUE_NOISE:
            return truth
        source = self._source
        if source is None:
            return Task(truth.scale)
        if not source.method.restores:
            return Task(truth.scale, None, _level(source.estimate_noise(degraded)))
        result = source.restore(degraded, Task(truth.scale))
        kernel = getattr(result, "kernel", None)
        weights = None if kernel is None else kernel.array()
        return Task(truth.scale, weights, _level(result.noise_sigma))

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
    file = text.partition("@")[0]
    known = any(Path(path).exists() for path in (file, file.rpartition(":")[0]) if path)
    parts = [text] if known else text.split("+")
    if len(parts) > 1:
        return _chain([parse_method(part, threads, precision) for part in parts])
    name, _, source = text.partition("@")
    method = _find(name, threads, precision)
    if not source:
        if name in DECONVOLUTIONS:
            raise InputError(
                f"method {name!r} has to be told the kernel; write {name}@true, or {name}@MODEL "
                "with a model that infers it"
            )
        return method
    if source == TRUE_NOISE:
        return replace(method, name=f"{method.name}@{TRUE_NOISE}", sigma_from=TRUE_NOISE)
    estimate = _find(source, threads, precision)
    return replace(
        method,
        name=f"{method.name}@{estimate.name}",
        version=f"{method.version}@{estimate.version}",
        sigma_from=source,
        source=estimate,
    )


def _chain(steps: Sequence[Method]) -> Method:
    """Return methods one after the other as one."""
    scales = [step.scales for step in steps]
    return Method(
        "+".join(step.name for step in steps),
        "+".join(step.version for step in steps),
        _load_nothing,
        estimates=False,
        restores=True,
        scales=() if () in scales else next((each for each in scales if each != (1,)), (1,)),
        steps=tuple(steps),
    )


def _find(name: str, threads: int | None, precision: str) -> Method:
    """Return the method of a name without `@`."""
    if name == "noisy":
        return Method(name, "1", _load_nothing, estimates=False)
    path, colon, function = name.rpartition(":")
    if colon and path.endswith(".py"):
        version = _digest(Path(path))
        found = load_function(path, function)  # a wrong name is refused before anything is measured
        load = partial(load_function, path, function)
        if "task" in inspect.signature(found).parameters:
            return Method(Path(name).name, version, load, restores=True, scales=())
        return Method(Path(name).name, version, load)
    if name == "bicubic":
        return Method(name, "1", load_bicubic, estimates=False, restores=True, scales=())
    if name in DECONVOLUTIONS:
        version, load = _source_digest(external), partial(load_deconvolution, name)
        return Method(name, version, load, estimates=False, restores=True)
    from vdn.runtime.cards import find_model, list_models

    models = [card.name for card in list_models()]
    if name in models or name.endswith(".onnx"):
        card, file = find_model(name)
        precision = "fp32" if precision == "auto" else precision
        version = f"{_digest(file)} {precision}"
        restores = card.purpose != "denoise"
        make: Callable[..., Any] = ModelRestorer if restores else _Model
        load = partial(make, str(file), threads, precision)
        scales = (card.scale,)
        return Method(Path(name).name, version, load, restores=restores, scales=scales)
    if (Path(name) / _CHECKPOINT).is_file() or name.lower().endswith(external.NETWORK_FILES):
        return _network(Path(name))
    if name in external.METHODS:
        version = _source_digest(external)
        return Method(name, version, partial(_load_external, name), estimates=False)
    if name in external.NOISE_ESTIMATES:
        return Method(name, _source_digest(external), partial(_load_estimate, name))
    raise InputError(
        f"method {name!r} is not known; there are noisy, the models {', '.join(models)}, the "
        f"methods {', '.join(external.METHODS)}, for degraded pictures bicubic, "
        f"{', '.join(DECONVOLUTIONS)}, the estimates of noise "
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


def _image(result: Any) -> NDArray[np.float32]:
    return np.asarray(getattr(result, "image", result))


def _level(sigma: ArrayLike) -> float:
    """Return the root mean square of a standard deviation."""
    return float(np.sqrt(np.mean(np.square(sigma, dtype=np.float64))))


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
