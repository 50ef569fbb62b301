"""Dask arrays, denoised block by block when they are computed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from vdn.errors import InputError
from vdn.extras import needs_extra
from vdn.predictions import Request
from vdn.results import check_strength
from vdn.scale.method import DenoisedArray, Method
from vdn.scale.planes import Planes
from vdn.scale.worker import DenoiserArguments

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["DenoisedArray", "denoise_array"]


def denoise_array(
    array: da.Array,
    model: str | Path = "auto",
    *,
    channel_axis: int | None = None,
    strength: float = 1.0,
    noise_sigma: ArrayLike | da.Array | None = None,
    range: tuple[float, float] | None = None,
    ensemble: int = 1,
    threads: int | None = None,
    max_memory: float | None = None,
    precision: str = "auto",
    device: str = "auto",
    weights: Path | None = None,
) -> DenoisedArray:
    """Denoise a Dask array of any size, block by block, when the result is computed.

    The last two axes without `channel_axis` are rows and columns. Each plane along the axes before
    them is a picture by itself, as the pages of a file are. It gives what `vdn.denoise` gives for
    it, up to 1e-5 of its range in fp32, however the array is cut: its range is found once, in the
    rows that `vdn.denoise` looks at. All planes share one model; "auto" looks at the middle of the
    first. That, and the rows for the range in planes of more than 4 megapixels, is read at once,
    everything else when the result is computed.

    Blocks begin at multiples of the network's `multiple` and are read with its halo around them.
    They follow the chunks where those are such multiples; small chunks are put together, since the
    halo is computed twice.

    Parameters
    ----------
    array
        (..., H, W), with a further axis if there is a `channel_axis`. Chunks may be masked arrays.
    model, threads, max_memory, precision, device, weights
        As in `vdn.Denoiser`, of which each process has one. On a Dask cluster the threads are by
        default those of the worker.
    channel_axis
        The axis of the channels, if they make one picture: 1 to 4 as `vdn.denoise` takes them. By
        default each channel is a picture by itself.
    strength, ensemble
        As in `vdn.denoise`.
    noise_sigma
        The noise if you know it: a number, a map (H, W) for all planes, or an array like `array`,
        without the `channel_axis`, or with one channel or all but alpha.
    range
        The values that are black and white in all planes.

    Returns
    -------
    DenoisedArray

    Raises
    ------
    InputError
        When an argument is out of its range, or the model is for another task.
    MissingExtraError
        When Dask is not installed (`pip install 'vdn[scale]'`).

    Examples
    --------
    >>> stack = da.from_zarr("stack.zarr")  # doctest: +SKIP
    >>> result = denoise_array(stack, "gray")  # doctest: +SKIP
    >>> da.to_zarr(result.image, "clean.zarr")  # doctest: +SKIP
    """
    with needs_extra("scale"):
        import dask.array as da
    check_strength(strength)
    array = da.asanyarray(array)
    if channel_axis is not None:
        if not -array.ndim <= channel_axis < array.ndim:
            raise InputError(f"channel_axis={channel_axis!r}; array has shape {array.shape}")
        array = da.moveaxis(array, channel_axis, -1)
        if noise_sigma is not None and np.ndim(noise_sigma) == array.ndim:
            noise_sigma = da.moveaxis(da.asarray(noise_sigma), channel_axis, -1)
    planes = Planes(array, 0 if channel_axis is None else array.shape[-1])
    known = planes.known_noise(noise_sigma)
    arguments = DenoiserArguments(model, threads, max_memory, precision, device, weights)
    request = Request(
        strength=float(strength), ensemble=ensemble, sigma=None if known is None else 0.0
    )
    method = Method.choose(planes, arguments, request)
    result = method.denoise(planes, method.grid(planes), known, range)
    return result if channel_axis is None else result.moved(planes.map_channels > 0, channel_axis)
