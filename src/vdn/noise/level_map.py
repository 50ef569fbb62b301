"""The noise map of a camera: predicted from its parts, and measured by photographing again."""

import numpy as np

from vdn.errors import InputError
from vdn.noise.camera import Camera

__all__ = ["measured_sigma", "predicted_sigma"]

# Gauss-Hermite quadrature for a standard normal variable
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_WEIGHTS = (_WEIGHTS / _WEIGHTS.sum()).astype(np.float32)
_TABLE = 4095  # steps of linear light in the table of the tone curve
_PROBE = 64  # side, in pixels, of the part that is compressed to see how much noise JPEG leaves


def predicted_sigma(
    camera: Camera, image: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    r"""Predict the standard deviation of the noise in a camera's photographs of a picture.

    The variance of the developed noise in linear light, taken through the tone curve and its
    clipping by quadrature, :math:`\text{Var}\,g(l + s n)` with :math:`n \sim N(0, 1)`. What JPEG
    leaves of it is one factor a channel, measured on two photographs of the picture's middle:
    their difference is noise, while what the compression does to the scene cancels.

    Parameters
    ----------
    camera : Camera
        The camera, its JPEG included.
    image : numpy.ndarray
        The clean picture in [0, 1], (H, W, 3).
    generator : numpy.random.Generator
        The source of the two photographs.

    Returns
    -------
    numpy.ndarray
        float32 (H, W, 3): smooth where the picture is, and a function of its brightness.

    Examples
    --------
    >>> camera = Camera(shot=0.0, read=0.01, bayer=None, saturation=0.0)
    >>> grey = np.full((8, 8, 3), 0.5, dtype=np.float32)
    >>> sigma = predicted_sigma(camera, grey, np.random.default_rng(0))
    >>> sigma.shape, bool(sigma.min() > 0.01)
    ((8, 8, 3), True)
    """
    light = camera.tone.decode(image.astype(np.float32, copy=False))
    deviation = np.sqrt(camera.linear_variance(light))
    curve = camera.tone.encode(np.linspace(0, 1, _TABLE + 1)).astype(np.float32)
    mean = np.zeros(image.shape, np.float32)
    square = np.zeros(image.shape, np.float32)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        position = (light + np.float32(node) * deviation) * np.float32(_TABLE)
        value = curve[np.clip(position + np.float32(0.5), 0, _TABLE).astype(np.int32)]
        mean += weight * value
        square += weight * value * value
    variance = np.maximum(square - mean * mean, 0)
    if camera.jpeg is not None:
        variance *= _kept_by_jpeg(camera, image, variance, generator)
    return np.sqrt(variance)


def measured_sigma(
    camera: Camera, image: np.ndarray, generator: np.random.Generator, draws: int = 64
) -> np.ndarray:
    """Measure the noise of a camera by photographing the same picture many times.

    Parameters
    ----------
    camera : Camera
        The camera, its JPEG included.
    image : numpy.ndarray
        The clean picture in [0, 1], (H, W, 3) or (H, W).
    generator : numpy.random.Generator
        The source of the noise of every photograph.
    draws : int
        How many photographs; the relative error of a value is about ``1 / sqrt(2 * draws)``.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `image`: standard deviation of the photographs. What JPEG does to
        the scene itself, the same in every photograph, is not noise and not in it.

    Raises
    ------
    InputError
        If `draws` is under 2.

    Examples
    --------
    >>> from vdn.noise.camera import sample_camera
    >>> clean = np.full((16, 16, 3), 0.5, dtype=np.float32)
    >>> generator = np.random.default_rng(0)
    >>> measured_sigma(sample_camera(generator), clean, generator, draws=4).shape
    (16, 16, 3)
    """
    if draws < 2:
        raise InputError(f"draws is {draws}; take at least two photographs")
    origin = tuple(generator.integers(0, 16, size=2))
    mean = np.zeros(image.shape, dtype=np.float64)
    square = np.zeros(image.shape, dtype=np.float64)
    for _ in range(draws):
        photograph = camera.apply(image, generator, origin)
        mean += photograph
        square += np.square(photograph, dtype=np.float64)
    variance = np.maximum(square / draws - np.square(mean / draws), 0) * draws / (draws - 1)
    return np.sqrt(variance).astype(np.float32)


def _kept_by_jpeg(
    camera: Camera, image: np.ndarray, variance: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Return the share of the variance, one a channel, that is left in photographs."""
    top, left = (max(side - _PROBE, 0) // 2 for side in image.shape[:2])
    middle = slice(top, top + _PROBE), slice(left, left + _PROBE)
    origin = tuple(generator.integers(0, 16, size=2))
    first, second = (camera.apply(image[middle], generator, origin) for _ in range(2))
    left_over = np.square(first - second).mean(axis=(0, 1)) / 2
    return left_over / np.maximum(variance[middle].mean(axis=(0, 1)), 1e-12)
