"""What lets one noise model serve NumPy and torch: the calls that the two do not share.

A noise model is written with the functions that both modules have under one name (``exp``,
``where``, ``round``, ``clip``, ...), found by `namespace`, and draws from a `Generator`. Torch is
never imported here: whoever hands over a tensor has done so.
"""

import sys
from typing import Any, Protocol

import numpy as np

__all__ = [
    "Generator",
    "as_indices",
    "host_generator",
    "indices",
    "like",
    "namespace",
    "per_image",
    "poisson",
    "power",
    "standard_normal",
    "take",
    "uniform",
]


class Generator(Protocol):
    """The methods of `numpy.random.Generator` that noise models use.

    Parameters of the noise, a few numbers an image, always come as NumPy arrays; noise itself
    (`standard_normal`, `poisson`) as arrays of the kind of the image. So a `numpy.random.Generator`
    is one, and so is `vdn.data.torch_generator.TorchGenerator`, whose noise lies on a device.
    """

    def standard_normal(self, size: Any, dtype: Any = ...) -> Any: ...
    def poisson(self, lam: Any) -> Any: ...
    def uniform(self, low: Any = ..., high: Any = ..., size: Any = ...) -> Any: ...
    def random(self, size: Any = ...) -> Any: ...
    def integers(self, low: Any, high: Any = ..., size: Any = ...) -> Any: ...


def namespace(array: Any) -> Any:
    """Return the module an array belongs to: `numpy`, or `torch` for a tensor.

    Examples
    --------
    >>> namespace(np.zeros(2)).__name__
    'numpy'
    """
    return sys.modules[type(array).__module__.partition(".")[0]]


def like(values: Any, array: Any) -> Any:
    """Return numbers as an array of the kind and type of `array`, on its device.

    Examples
    --------
    >>> like([1, 2], np.zeros(3, np.float32))
    array([1., 2.], dtype=float32)
    """
    if isinstance(array, np.ndarray):
        return np.asarray(values, array.dtype)
    values = np.ascontiguousarray(values, np.float32)
    return namespace(array).from_numpy(values).to(array.device, non_blocking=True)


def indices(values: Any, array: Any) -> Any:
    """Return whole numbers as something that indexes `array`."""
    if isinstance(array, np.ndarray) or not isinstance(values, np.ndarray):
        return values
    values = np.ascontiguousarray(values, np.int64)
    return namespace(array).from_numpy(values).to(array.device, non_blocking=True)


def per_image(values: Any, images: Any) -> Any:
    """Return one number an image as (N, 1, 1, 1), to be combined with a batch of images.

    Examples
    --------
    >>> per_image([0.1, 0.2], np.zeros((2, 4, 4, 3), np.float32)).shape
    (2, 1, 1, 1)
    """
    return like(np.reshape(values, (-1, 1, 1, 1)), images)


def standard_normal(images: Any, generator: Generator, size: tuple[int, int] | None = None) -> Any:
    """Return float32 values of N(0, 1) for images (N, C, H, W), or of another size (H, W).

    NumPy draws them pixel by pixel, all channels of a pixel together, as image files hold them.
    """
    count, channels = images.shape[:2]
    height, width = size or images.shape[2:]
    if not isinstance(images, np.ndarray):
        return generator.standard_normal((count, channels, height, width))
    drawn = generator.standard_normal((count, height, width, channels), dtype=np.float32)
    return drawn.transpose(0, 3, 1, 2)


def poisson(rates: Any, generator: Generator) -> Any:
    """Return counts of rates (N, C, H, W), drawn in the order of `standard_normal`."""
    if not isinstance(rates, np.ndarray):
        return generator.poisson(rates)
    counts = generator.poisson(rates.transpose(0, 2, 3, 1))
    return counts.transpose(0, 3, 1, 2).astype(np.float32)


def uniform(images: Any, generator: Generator) -> Any:
    """Return float32 values between 0 and 1 for images (N, C, H, W), in the order of the normal."""
    count, channels, height, width = images.shape
    if not isinstance(images, np.ndarray):
        return generator.uniform_values((count, channels, height, width))  # type: ignore[attr-defined]
    drawn = np.asarray(generator.random((count, height, width, channels)), np.float32)
    return drawn.transpose(0, 3, 1, 2)


def host_generator(generator: Any) -> np.random.Generator:
    """Return the NumPy generator that a generator is or holds."""
    return generator if isinstance(generator, np.random.Generator) else generator.host


def power(base: Any, exponent: Any) -> Any:
    """Return ``base ** exponent`` of numbers of 0 or more, several times as fast as that."""
    xp = namespace(base)
    return xp.exp(exponent * xp.log(base))


def take(array: Any, places: Any, axis: int) -> Any:
    """Return the parts of an array at whole numbers along an axis."""
    if isinstance(array, np.ndarray):
        return np.take(array, places, axis)
    return array.index_select(axis, indices(places, array))


def as_indices(whole: Any) -> Any:
    """Return an array of whole numbers, as floats, as one that indexes."""
    return whole.astype(np.int32) if isinstance(whole, np.ndarray) else whole.int()
