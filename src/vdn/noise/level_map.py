"""The noise map of a camera, predicted from its parts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vdn.noise.arrays import Generator, as_indices, like, namespace, per_image, take
from vdn.noise.camera import LUMA, Camera, Exposure, to_luma
from vdn.noise.tone import ToneCurve

__all__ = ["photograph_with_sigma", "predict_sigma", "predicted_sigma"]

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
    """Return `predicted_sigma` of pictures, (N, 3, H, W), arrays or tensors, a camera each."""
    sigma = _before_jpeg(exposure)
    if exposure.cameras[0].jpeg is not None:
        sigma *= namespace(sigma).sqrt(_kept(exposure, namespace(sigma).square(sigma), generator))
    return sigma


def _before_jpeg(exposure: Exposure) -> Any:
    """Return the standard deviation after the tone curve, (N, 3, H, W).

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


def photograph_with_sigma(
    cameras: Sequence[Camera], images: Any, generator: Generator
) -> tuple[Any, Any]:
    """Photograph clean pictures, a camera each, and predict the noise of the photographs.

    Parameters
    ----------
    cameras
        As many as pictures; those with the same parts are computed together.
    images : array or tensor
        float32 (N, 3, H, W), or (N, 1, H, W) for the luma of gray scenes, in [0, 1].
    generator
        The source of the noise.

    Returns
    -------
    tuple of array or tensor
        Photographs and standard deviations, of the shape of `images`.
    """
    xp = namespace(images)
    parts = sorted({camera.parts for camera in cameras})
    groups = [[i for i, camera in enumerate(cameras) if camera.parts == part] for part in parts]
    found = []
    for group in groups:
        chosen = take(images, np.array(group), 0)
        both = _gray if images.shape[1] == 1 else _colour
        found.append(both([cameras[i] for i in group], chosen, generator))
    order = np.argsort(np.concatenate(groups))
    photographs, sigmas = (xp.concatenate(side, 0) for side in zip(*found, strict=True))
    return take(photographs, order, 0), take(sigmas, order, 0)


def _colour(cameras: Sequence[Camera], images: Any, generator: Generator) -> tuple[Any, Any]:
    exposure = Exposure.of(cameras, images)
    return exposure.photograph(generator), predict_sigma(exposure, generator)


def _gray(cameras: Sequence[Camera], images: Any, generator: Generator) -> tuple[Any, Any]:
    """Return luma and its noise: that of independent channels, times a factor a picture.

    The factor holds what the channels have in common and what JPEG leaves; it is measured.
    """
    xp = namespace(images)
    exposure = Exposure.of(cameras, xp.concatenate((images,) * 3, 1))
    weighted = _before_jpeg(exposure) * like(LUMA.reshape(1, 3, 1, 1), images)
    variance = xp.square(weighted).sum(1)[:, None]
    share = _kept(exposure, variance, generator)
    return to_luma(exposure.photograph(generator)), xp.sqrt(variance * share)


def _kept(exposure: Exposure, variance: Any, generator: Generator) -> Any:
    """Return the share of a variance, (N, C, 1, 1), that is in photographs, or in their luma."""
    xp, count = namespace(variance), len(exposure.cameras)
    top, left = (max(side - _PROBE, 0) // 2 for side in variance.shape[2:])
    rows, columns = slice(top, top + _PROBE), slice(left, left + _PROBE)
    origins = np.tile(generator.integers(0, 16, size=(count, 2)), (2, 1))
    both = exposure.part(rows, columns, times=2).photograph(generator, origins)
    both = to_luma(both) if variance.shape[1] == 1 else both
    left_over = xp.square(both[:count] - both[count:]).mean((2, 3)) / 2
    before = xp.clip(variance[:, :, rows, columns].mean((2, 3)), 1e-12, None)
    return (left_over / before)[:, :, None, None]
