"""The noise map of a camera, measured: what an estimate of its noise is compared with."""

import numpy as np

from vdn.errors import InputError
from vdn.noise.camera import Camera

__all__ = ["noise_level_map"]


def noise_level_map(
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
        float32, the shape of `image`: root mean square distance of the photographs from it.

    Raises
    ------
    InputError
        If `draws` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from vdn.noise import sample_camera
    >>> clean = np.full((16, 16, 3), 0.5, dtype=np.float32)
    >>> generator = np.random.default_rng(0)
    >>> noise_level_map(sample_camera(generator), clean, generator, draws=4).shape
    (16, 16, 3)
    """
    if draws < 1:
        raise InputError(f"draws is {draws}; take at least one photograph")
    total = np.zeros(image.shape, dtype=np.float64)
    for _ in range(draws):
        total += np.square(camera.apply(image, generator) - image)
    return np.sqrt(total / draws).astype(np.float32)
