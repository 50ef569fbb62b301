"""The noise map of a camera: predicted from its parts, and measured by photographing again."""

from typing import Any

import numpy as np

from vdn.errors import InputError
from vdn.noise.arrays import Generator, as_indices, like, namespace, per_image, take
from vdn.noise.camera import Camera, Exposure
from vdn.noise.tone import ToneCurve

__all__ = ["measured_sigma", "predict_sigma", "predicted_sigma"]

# Gauss-Hermite quadrature for a standard normal variable
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_WEIGHTS = (_WEIGHTS / _WEIGHTS.sum()).astype(np.float32)
_LEVELS, _DEVIATIONS = 256, 13  # brightnesses and deviations at which it is tabulated
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
    batch = image[None].astype(np.float32, copy=False)
    batch = batch.transpose(0, 3, 1, 2)
    return predict_sigma(Exposure.of([camera], batch), generator)[0].transpose(1, 2, 0)


def predict_sigma(exposure: Exposure, generator: Generator) -> Any:
    """Return `predicted_sigma` of pictures, (N, 3, H, W), arrays or tensors, a camera each.

    The quadrature is tabulated for every camera over brightness and the deviation in linear light.
    """
    cameras, images = exposure.cameras, exposure.images
    xp = namespace(images)
    highest = np.array([_highest_deviation(camera) for camera in cameras])
    place = xp.sqrt(exposure.linear_variance())
    place *= per_image((_DEVIATIONS - 1 - 1e-3) / np.maximum(highest, 1e-12), images)
    below = xp.floor(place)
    place -= below  # from here on how far it is to the next
    below += xp.round(xp.clip(images, 0, 1) * (_LEVELS - 1)) * _DEVIATIONS
    if len(cameras) > 1:
        below += per_image(np.arange(len(cameras)) * _LEVELS * _DEVIATIONS, images)
    index = as_indices(below).reshape(-1)
    table = _quadrature(exposure.tone, highest, images).reshape(-1)
    sigma = take(table, index, 0).reshape(images.shape)
    place *= take(table, index + 1, 0).reshape(images.shape) - sigma
    sigma += place
    if cameras[0].jpeg is not None:
        sigma *= xp.sqrt(_kept_by_jpeg(exposure, sigma, generator))
    return sigma


def _quadrature(tone: ToneCurve, highest: np.ndarray, images: Any) -> Any:
    """Return the deviation after the tone curve, (N, levels, deviations)."""
    xp = namespace(images)
    levels = like(np.linspace(0, 1, _LEVELS).reshape(1, -1, 1, 1), images)
    steps = highest[:, None] * np.linspace(0, 1, _DEVIATIONS)
    steps = like(steps[:, None, :, None] * _NODES, images)  # N, 1, deviations, nodes
    values = tone.encode(tone.decode(levels) + steps)
    weights = like(_WEIGHTS[:, None], images)
    mean = values @ weights
    return xp.sqrt(xp.square(values - mean) @ weights)[..., 0]


def _highest_deviation(camera: Camera) -> float:
    """Return a deviation of the noise in linear light that no picture exceeds."""
    inverse = np.linalg.inv(camera.colour_matrix())
    raw = np.maximum(inverse, 0).sum(axis=1)
    return float(((camera.shot * raw + camera.read**2) @ camera.variance_gains()).max() ** 0.5)


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


def _kept_by_jpeg(exposure: Exposure, sigma: Any, generator: Generator) -> Any:
    """Return the share of the variance, (N, 3, 1, 1), that is left in photographs."""
    xp, count = namespace(sigma), len(exposure.cameras)
    top, left = (max(side - _PROBE, 0) // 2 for side in sigma.shape[2:])
    rows, columns = slice(top, top + _PROBE), slice(left, left + _PROBE)
    origins = np.tile(generator.integers(0, 16, size=(count, 2)), (2, 1))
    both = exposure.part(rows, columns, times=2).photograph(generator, origins)
    left_over = xp.square(both[:count] - both[count:]).mean((2, 3)) / 2
    before = xp.clip(xp.square(sigma[:, :, rows, columns]).mean((2, 3)), 1e-12, None)
    return (left_over / before)[:, :, None, None]
