"""A new OME-Zarr (NGFF 0.5, Zarr 3), without its pixels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vdn.image.dimensions import Axis, Dimensions

__all__ = ["create_ome_zarr", "pyramid_sides"]

_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_COARSEST = 1024  # pixels a side that a viewer shows at once
_PRIMARIES = ("FF0000", "00FF00", "0000FF")


def create_ome_zarr(
    folder: Path, dimensions: Dimensions, dtype: Any, chunk: Sequence[int], *, maps: bool = False
) -> None:
    """Make the group and the arrays of an image, one a level, in a folder that is there.

    Parameters
    ----------
    folder
        The folder.
    dimensions
        What the axes are. Of a large image without coarser levels they are made by halves.
    dtype
        Of the pixels.
    chunk
        Rows and columns of a chunk, which holds one plane.
    maps
        Whether it is to hold maps over the image, which say nothing about how it is shown.
    """
    import zarr

    group = zarr.open_group(folder, mode="a", zarr_format=3)
    axes = dimensions.axes
    datasets = []
    for number, sides in enumerate([dimensions.shape[-2:], *pyramid_sides(dimensions)]):
        shape = (*dimensions.shape[:-2], *sides)
        group.create_array(
            str(number),
            shape=shape,
            dtype=dtype,
            chunks=(*(1 for _ in shape[:-2]), *map(min, chunk, sides)),
            dimension_names=[axis.name for axis in axes],
            fill_value=0,
        )
        larger = [whole / side for whole, side in zip(dimensions.shape, shape, strict=True)]
        scale = [axis.step * factor for axis, factor in zip(axes, np.rint(larger), strict=True)]
        transform = {"type": "scale", "scale": scale}
        datasets.append({"path": str(number), "coordinateTransformations": [transform]})
    scales = {
        "name": dimensions.name or folder.stem,
        "axes": [_axis(axis) for axis in axes],
        "datasets": datasets,
    }
    if len(datasets) > 1:
        scales["type"] = "nearest" if dimensions.nearest else "mean"
    ome: dict[str, Any] = {"version": "0.5", "multiscales": [scales]}
    if (channels := _channels(dimensions, np.dtype(dtype))) and not maps:
        ome["omero"] = {"channels": channels}
    group.attrs["ome"] = ome


def pyramid_sides(dimensions: Dimensions) -> list[tuple[int, int]]:
    """Return rows and columns of the coarser levels: the given ones, else halves while large.

    Examples
    --------
    >>> pyramid_sides(Dimensions((Axis("y", 3001), Axis("x", 2000))))
    [(1501, 1000), (751, 500)]
    """
    if dimensions.levels:
        return list(dimensions.levels)
    found: list[tuple[int, int]] = []
    height, width = dimensions.shape[-2:]
    while max(height, width) > _COARSEST:
        height, width = -(-height // 2), -(-width // 2)
        found.append((height, width))
    return found


def _axis(axis: Axis) -> dict[str, str]:
    found = {"name": axis.name, "type": _TYPES.get(axis.name, ""), "unit": axis.unit}
    return {key: value for key, value in found.items() if value}


def _channels(dimensions: Dimensions, dtype: np.dtype[Any]) -> list[Mapping[str, Any]]:
    """Return how the channels are shown, where something is known about them."""
    names = [axis.name for axis in dimensions.axes]
    if "c" not in names:
        return []
    count = dimensions.shape[names.index("c")]
    labels = [channel.name for channel in dimensions.channels] or [""] * count
    colours = [channel.colour for channel in dimensions.channels] or [""] * count
    if dimensions.colour is not None and count >= 3:
        colours = [*_PRIMARIES, *colours[3:]]
    if not any((*labels, *colours)):
        return []
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else (0.0, 1.0)
    window = {"min": low, "max": high, "start": low, "end": high}
    return [
        {"label": label, "color": colour or "FFFFFF", "active": True, "window": window}
        for label, colour in zip(labels, colours, strict=True)
    ]
