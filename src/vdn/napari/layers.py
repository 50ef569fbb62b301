"""Results as layers: in the place of the layer they were made of, and looking like it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn import __version__
from vdn.napari.planes import Index, Planes
from vdn.napari.stack import DenoisedStack
from vdn.previews import Box

__all__ = ["box_affine", "layers_of", "looks", "planes_of"]

_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
_COLOURS = ("colormap", "contrast_limits", "gamma")
_PERCENTILES = (1, 99)  # of a map, which its colours span
_SAMPLE = 10**6  # values of a map that are looked at for them

LayerData = tuple[NDArray[Any], dict[str, Any], str]
"""The data of a layer, the arguments that make it, and its kind, as napari takes them."""


def planes_of(layer: Any, axes: tuple[int, int]) -> Planes:
    """Return the planes of an image layer; of a pyramid those of its finest level."""
    return Planes(layer.data[0] if layer.multiscale else layer.data, axes, layer.rgb)


def layers_of(layer: Any, found: DenoisedStack) -> Iterator[LayerData]:
    """Yield the layers for what was found of an image layer, the denoised image last.

    They lie where the layer lies. The image has its colours; maps span their percentiles 1 to 99,
    and are hidden at first, for they would cover the image.
    """
    place = {name: getattr(layer, name) for name in _PLACE}
    made_by = {
        "version": __version__,
        "model": found.model,
        "reason": found.reason,
        "strength": found.strength,
        "noise_sigma": found.sigma,
    }
    for title, map_ in (("uncertainty", found.uncertainty), ("noise sigma", found.noise_sigma)):
        if map_ is not None:
            yield (
                map_,
                place
                | {
                    "name": f"{layer.name} {title}",
                    "colormap": "viridis",
                    "contrast_limits": _limits(map_),
                    "visible": False,
                    "metadata": {"vdn": made_by},
                },
                "image",
            )
    yield (
        found.image,
        place
        | looks(layer)
        | {
            "rgb": layer.rgb,
            "name": f"{layer.name} denoised",
            "blending": layer.blending,
            "metadata": {"vdn": made_by},
        },
        "image",
    )


def looks(layer: Any) -> dict[str, Any]:
    """Return the arguments that give an image layer the colours of another."""
    names = ("interpolation2d",) if layer.rgb else ("interpolation2d", *_COLOURS)
    return {name: getattr(layer, name) for name in names}


def box_affine(layer: Any, planes: Planes, index: Index, box: Box) -> NDArray[np.float64]:
    """Return the affine matrix that puts a part of a plane where it is in a layer.

    Parameters
    ----------
    layer
        A layer of napari, with the planes as its data.
    planes, index, box
        The part; as data of as many axes, of which the `leading` have one element.
    """
    corner = np.zeros(planes.ndim)
    corner[list(planes.leading)] = index
    corner[list(planes.axes)] = box.top, box.left
    origin = np.asarray(layer.data_to_world(np.zeros(planes.ndim)))
    matrix = np.eye(planes.ndim + 1)
    for axis, unit in enumerate(np.eye(planes.ndim)):
        matrix[:-1, axis] = np.asarray(layer.data_to_world(unit)) - origin
    matrix[:-1, -1] = layer.data_to_world(corner)
    return matrix


def _limits(map_: NDArray[np.float32]) -> tuple[float, float]:
    values = map_.reshape(-1)[:: -(-map_.size // _SAMPLE)]
    low, high = map(float, np.percentile(values, _PERCENTILES))
    return low, high if high > low else low + max(abs(low), 1e-6)
