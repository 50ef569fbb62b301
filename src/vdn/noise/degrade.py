"""A degradation by name for one image in an array."""

from dataclasses import dataclass

import numpy as np

from vdn.errors import InputError
from vdn.noise.blur import convolved
from vdn.noise.degradation import parse_degradation

__all__ = ["Degraded", "degrade"]


@dataclass(frozen=True)
class Degraded:
    """A degraded image, and what made it so.

    Attributes
    ----------
    image : numpy.ndarray
        float32, (H / s, W / s) or (H / s, W / s, C), rounded up, for a reduction by s.
    kernel : numpy.ndarray
        Weights (K, K) of the blur before the reduction, K odd, of sum 1, rows along y. A value is
        the sum of the kernel times the pixels about it.
    covariance : numpy.ndarray
        (2, 2), of the kernel, in square pixels of the clean image, of x and y.
    scale : int
        s.
    """

    image: np.ndarray
    kernel: np.ndarray
    covariance: np.ndarray
    scale: int

    @property
    def widths(self) -> tuple[float, float, float]:
        """The larger and the smaller standard deviation in pixels, and the angle of the larger.

        Degrees from 0 to 180, from x towards y, which points down.
        """
        variances, axes = np.linalg.eigh(self.covariance)
        small, large = np.sqrt(np.maximum(variances, 0))
        angle = np.rad2deg(np.arctan2(axes[1, 1], axes[0, 1])) % 180
        return float(large), float(small), float(angle)

    def describe(self) -> str:
        """Say in a few words what was done.

        Examples
        --------
        >>> make = np.random.default_rng(0)
        >>> degrade(np.ones((9, 9)), "anisotropic_blur:2,1,45", make).describe()
        'blur of 2 x 1 pixels at 45 degrees'
        """
        large, small, angle = self.widths
        parts = []
        if large:
            turned = f" at {angle:.3g} degrees" if large > 1.001 * small else ""
            parts.append(f"blur of {large:.3g} x {small:.3g} pixels{turned}")
        if self.scale > 1:
            parts.append(f"{self.scale} times smaller")
        return ", ".join(parts) or "no blur"


def degrade(image: np.ndarray, degradation: str, generator: np.random.Generator) -> Degraded:
    """Blur a clean image and reduce it; the noise comes after.

    Parameters
    ----------
    image : numpy.ndarray
        The clean image, float (H, W) or (H, W, C).
    degradation : str
        As `vdn.noise.degradation` describes it: ``gaussian_blur:0.5..2+bicubic:2``.
    generator : numpy.random.Generator
        What draws the values that are ranges.

    Raises
    ------
    InputError
        If `degradation` is not known, or `image` not an image.

    Notes
    -----
    Borders mirror, edge pixels repeated, as in `vdn.model.LinearDegradation`, which does the same
    to tensors. The sums are taken in the Fourier domain.

    Examples
    --------
    >>> clean = np.ones((40, 60))
    >>> made = degrade(clean, "gaussian_blur:1.5+bicubic:2", np.random.default_rng(0))
    >>> made.image.shape, made.kernel.shape, made.widths[:2]
    ((20, 30), (13, 13), (1.5, 1.5))
    """
    if image.ndim not in (2, 3) or image.size == 0:
        raise InputError(f"the image has shape {image.shape}; give (H, W) or (H, W, C)")
    way = parse_degradation(degradation)
    kernels, covariances = way.draw(1, generator)
    whole = convolved(kernels, np.outer(way.taps, way.taps)[None])[0]
    reduced = _correlated(image, whole, way.scale).astype(np.float32)
    return Degraded(reduced, kernels[0], covariances[0], way.scale)


def _correlated(image: np.ndarray, kernel: np.ndarray, scale: int) -> np.ndarray:
    """Return every `scale`-th sum of a kernel times the pixels about it."""
    side, (rows, columns) = len(kernel), (-(-size // scale) for size in image.shape[:2])
    if side == 1:
        return image * kernel[0, 0]
    before = (side - scale) // 2
    reach = [
        (before, side + scale * (count - 1) - before - size)
        for count, size in zip((rows, columns), image.shape[:2], strict=True)
    ]
    padded = np.pad(image, [*reach, *[(0, 0)] * (image.ndim - 2)], "symmetric")
    shape = padded.shape[:2]
    response = np.conj(np.fft.rfft2(kernel, shape))
    planes = [
        np.fft.irfft2(np.fft.rfft2(plane.astype(np.float64)) * response, shape)
        for plane in np.moveaxis(np.atleast_3d(padded), 2, 0)
    ]
    kept = np.stack(planes, -1)[: scale * rows : scale, : scale * columns : scale]
    return kept.reshape(rows, columns, *image.shape[2:])
