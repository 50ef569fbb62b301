"""The noise map of a camera, predicted from its parts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vdn.noise.arrays import Generator, as_indices, like, namespace, per_image, take
from vdn.noise.camera import LUMA, Camera, Exposure, random_origin, to_luma
from vdn.noise.jpeg import BLOCK
from vdn.noise.tone import ToneCurve

__all__ = ["photograph_with_sigma", "predicted_sigma"]

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
    leaves of it is one factor per channel, measured on two photographs of the picture's middle:
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
    _, sigma = photograph_with_sigma([camera], batch.transpose(0, 3, 1, 2), generator)
    return sigma[0].transpose(1, 2, 0)


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
    """Photograph clean pictures, one camera each, and predict the noise of the photographs.

    Parameters
    ----------
    cameras
        As many as pictures; of tensors, those with the same parts are computed together.
    images : array or tensor
        float32 (N, 3, H, W), or (N, 1, H, W) for the luma of gray scenes, in [0, 1].
    generator
        The source of the noise.

    Returns
    -------
    tuple of array or tensor
        Photographs and standard deviations, of the shape of `images`.
    """
    xp, count = namespace(images), len(cameras)
    groups = [[index] for index in range(count)]  # in memory that the processor has near
    if not isinstance(images, np.ndarray):
        parts = sorted({camera.parts for camera in cameras})
        groups = [[i for i in range(count) if cameras[i].parts == part] for part in parts]
    found = []
    for group in groups:
        chosen = take(images, np.array(group), 0)
        found.append(_photograph([cameras[i] for i in group], chosen, generator))
    order = np.argsort(np.concatenate(groups))
    photographs, sigmas = (xp.concatenate(side, 0) for side in zip(*found, strict=True))
    return take(photographs, order, 0), take(sigmas, order, 0)


def _photograph(cameras: Sequence[Camera], images: Any, generator: Generator) -> tuple[Any, Any]:
    """Do as `photograph_with_sigma`, for cameras with the same parts."""
    xp, gray = namespace(images), images.shape[1] == 1
    exposure = Exposure.of(cameras, images)
    sigma, origin = _before_jpeg(exposure), random_origin(generator)
    photographs = exposure.photograph(generator, origin)
    if gray:  # as of independent channels; how much they have in common is measured below
        sigma = xp.sqrt(xp.square(sigma * like(LUMA.reshape(1, 3, 1, 1), sigma)).sum(1)[:, None])
        photographs = to_luma(photographs)
    if gray or cameras[0].jpeg is not None:
        sigma *= xp.sqrt(_kept(exposure, photographs, sigma, origin, generator))
    return photographs, sigma


def _kept(
    exposure: Exposure, photographs: Any, sigma: Any, origin: tuple[int, int], generator: Generator
) -> Any:
    """Return the share of a variance, (N, C, 1, 1), that is in photographs.

    A part of whole blocks is photographed again: the difference is noise.
    """
    xp = namespace(sigma)
    starts = [_middle(side, begin) for side, begin in zip(sigma.shape[2:], origin, strict=True)]
    rows, columns = (slice(start, start + _PROBE) for start in starts)
    at_row, at_column = (sum(both) % BLOCK for both in zip(origin, starts, strict=True))
    again = exposure.part(rows, columns).photograph(generator, (at_row, at_column))
    again = to_luma(again) if sigma.shape[1] == 1 else again
    left = xp.square(photographs[:, :, rows, columns] - again).mean((2, 3)) / 2
    before = xp.clip(xp.square(sigma[:, :, rows, columns]).mean((2, 3)), 1e-12, None)
    return (left / before)[:, :, None, None]


def _middle(side: int, begin: int) -> int:
    """Return where a part of `_PROBE` pixels in the middle begins, at a block if there is room."""
    start = max(side - _PROBE, 0) // 2
    aligned = start + -(begin + start) % BLOCK
    if aligned + _PROBE > side:
        aligned -= BLOCK
    return max(aligned, 0)
