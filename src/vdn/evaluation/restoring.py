"""What methods do with degraded pictures: the task, and the steps that are not denoisers."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.external.deconvolution import DECONVOLUTIONS
from vdn.resampling import resample, resize_taps

__all__ = ["ModelRestorer", "Restore", "Task", "load_bicubic", "load_deconvolution"]


@dataclass(frozen=True)
class Task:
    """What a method that restores has to do, and what it is told.

    Attributes
    ----------
    scale
        How many times as many pixels a side the result has.
    kernel
        Weights (K, K) of the blur, in pixels of the result; None if it is to be found out.
    sigma
        Standard deviation of the noise, white at 1; None if it is to be found out.
    """

    scale: int = 1
    kernel: NDArray[np.float64] | None = None
    sigma: float | None = None


class Restore(Protocol):
    """What a method does that restores: a degraded image in, the sharp one out.

    The result is an array, or an object with one as `image` and, where the method knows them,
    `noise_sigma` and `kernel`, as `vdn.Restored`.
    """

    def __call__(self, image: NDArray[np.float32], task: Task) -> Any: ...


class ModelRestorer:
    """A model of this package that restores, behind the call of every method."""

    def __init__(self, file: str, threads: int | None, precision: str) -> None:
        from vdn.restorer import Restorer
        from vdn.runtime.cards import find_model

        card, _ = find_model(file)
        self._restorer = Restorer(card.purpose, card.scale, file, threads, precision=precision)

    def __call__(self, image: NDArray[np.float32], task: Task) -> Any:
        return self._restorer(image, noise_sigma=task.sigma, range=(0, 1))


def load_bicubic() -> Restore:
    """Return what enlarges by cubic convolution, as MATLAB's ``imresize``."""
    return _bicubic


def _bicubic(image: NDArray[np.float32], task: Task) -> NDArray[np.float32]:
    for axis in (0, 1):
        size = image.shape[axis]
        image = resample(image, resize_taps(size, task.scale * size), axis)
    return image


def load_deconvolution(name: str) -> Restore:
    """Return a method of `vdn.external.deconvolution`; it asks for a kernel and no scale."""
    return partial(_deconvolve, name)


def _deconvolve(name: str, image: NDArray[np.float32], task: Task) -> NDArray[np.float32]:
    if task.scale != 1:
        raise InputError(f"{name} does not enlarge; write bicubic+{name}@true")
    if task.kernel is None or task.sigma is None:
        raise InputError(f"{name} was told no kernel; let it come from a model that infers one")
    return DECONVOLUTIONS[name](image, task.kernel, task.sigma)
