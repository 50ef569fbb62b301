"""A whole stack denoised, plane by plane."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.denoiser import Denoiser
from vdn.errors import InputError, VdnError
from vdn.napari.planes import Planes
from vdn.result_plot import luminance
from vdn.runtime.engine import memory_share

__all__ = ["DenoisedStack", "denoise_stack"]


@dataclass(frozen=True, kw_only=True, eq=False)
class DenoisedStack:
    """What is known of a stack.

    Attributes
    ----------
    image
        Shape and dtype of the stack.
    noise_sigma, uncertainty
        Standard deviations of the noise and of the error of `image`, float32 without an axis of
        colours, in the units of the stack; of colours those of the luminance. None where they are
        not wanted.
    model, reason
        The model, and why "auto" chose it.
    strength
        Factor of the noise that was removed.
    sigma
        Root mean square of the standard deviation of the noise, a channel each.
    """

    image: NDArray[Any]
    noise_sigma: NDArray[np.float32] | None
    uncertainty: NDArray[np.float32] | None
    model: str
    reason: str
    strength: float
    sigma: tuple[float, ...]


def denoise_stack(
    planes: Planes,
    denoiser_of: Callable[[str], Denoiser],
    model: str = "auto",
    strength: float = 1.0,
    *,
    noise_map: bool = True,
    uncertainty: bool = True,
    progress: Callable[[float], None] = lambda share: None,
) -> DenoisedStack:
    """Denoise every plane of a stack; one plane at a time is read, the results are in memory.

    As with the pages of a file, "auto" looks at the first plane, and every plane has its own range.

    Parameters
    ----------
    planes
        The stack.
    denoiser_of
        Returns the denoiser for the name of a model, or for "auto".
    model, strength
        As in `vdn.denoise`.
    noise_map, uncertainty
        Whether these maps are wanted.
    progress
        Called with the share that has been done; what it raises ends the work.

    Raises
    ------
    InputError
        When the stack is empty, a plane cannot be denoised, or memory does not hold the results.

    Examples
    --------
    >>> planes = Planes(np.full((2, 64, 64), 7, np.uint8), (1, 2))
    >>> denoise_stack(planes, Denoiser, strength=0).image.shape  # doctest: +SKIP
    (2, 64, 64)
    """
    if not len(planes):
        raise InputError(f"the stack has shape {planes.data.shape}: no planes")
    _check_memory(planes, noise_map + uncertainty)
    choice = denoiser_of(model).models.choose(planes.frame(next(iter(planes))))
    denoiser = denoiser_of(choice.card.name)
    image = np.empty(planes.data.shape, planes.dtype)
    sigma_map = np.empty(planes.map_shape, np.float32) if noise_map else None
    error_map = np.empty(planes.map_shape, np.float32) if uncertainty else None
    mean_squares = []
    for number, index in enumerate(planes):
        try:
            found = denoiser(
                planes.read(index),
                strength,
                progress=lambda share, done=number: progress((done + share) / len(planes)),  # type: ignore[misc]
            )
        except VdnError as error:
            if len(planes) == 1:
                raise
            raise type(error)(f"plane {', '.join(map(str, index))}: {error}") from error
        place = planes.place(index)
        image[place] = found.image
        if sigma_map is not None:
            sigma_map[place] = luminance(found.noise_sigma)
        if error_map is not None:
            error_map[place] = luminance(found.uncertainty)
        mean_squares.append(np.square(found.sigma))
    sigma = np.sqrt(np.mean(mean_squares, axis=0))
    return DenoisedStack(
        image=image,
        noise_sigma=sigma_map,
        uncertainty=error_map,
        model=choice.card.name,
        reason=choice.reason,
        strength=strength,
        sigma=tuple(sigma.tolist()),
    )


def _check_memory(planes: Planes, maps: int) -> None:
    pixels = np.prod(planes.map_shape, dtype=object)
    needed = np.prod(planes.data.shape, dtype=object) * planes.dtype.itemsize + 4 * maps * pixels
    there = 4 * memory_share() * 1e6
    if needed > there:
        raise InputError(
            f"the results for shape {tuple(planes.data.shape)} take {needed / 1e9:.1f} GB, the "
            f"computer has {there / 1e9:.1f}; denoise a part of the layer, ask for fewer maps, or "
            "save it and run `vdn denoise` on the file"
        )
