"""The part of a layer that is on the screen, and its preview."""

from collections.abc import Callable
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from vdn.denoiser import Denoiser
from vdn.errors import InputError
from vdn.image.ranges import Range, find_ranges
from vdn.models import Choice
from vdn.napari.planes import Index, Planes
from vdn.previews import Box, Preview

__all__ = ["Previews", "on_screen"]

_WHOLE = 2**22  # pixels of a plane that is read whole to find its range


def on_screen(viewer: Any, layer: Any, planes: Planes) -> tuple[Index, Box]:
    """Return the plane that is on the screen and the part of it that is seen.

    Of a larger part only the middle, see `vdn.previews.Box.around`.

    Raises
    ------
    InputError
        When no plane of the layer is seen.
    """
    dims, offset = viewer.dims, viewer.dims.ndim - layer.ndim
    displayed = list(dims.displayed)
    if dims.ndisplay != 2 or sorted(axis - offset for axis in displayed) != list(planes.axes):
        raise InputError("the preview needs a view of two dimensions, those of the planes")
    half = np.asarray(viewer.canvas.viewbox_size(viewer.layers)) / viewer.scene.camera.zoom / 2
    corners = np.tile(np.asarray(dims.point, float), (4, 1))
    corners[:, displayed] = viewer.scene.camera.center[-2:] + half * list(
        product((-1, 1), repeat=2)
    )
    places = np.array([layer.world_to_data(corner) for corner in corners])
    middle = places.mean(axis=0)
    index = tuple(int(np.rint(middle[axis])) for axis in planes.leading)
    rows, columns = np.floor(places[:, list(planes.axes)] + 0.5).T  # pixels are around integers
    row, column = middle[list(planes.axes)]
    box = Box.around(row, column, planes.shape)
    seen = box.within(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    lengths = [planes.data.shape[axis] for axis in planes.leading]
    if seen is None or any(
        not 0 <= number < length for number, length in zip(index, lengths, strict=True)
    ):
        raise InputError(f"layer {layer.name!r} is not on the screen")
    return index, seen


class Previews:
    """Previews of the parts of a stack, with what they share.

    The model is that of the whole: "auto" looks at a piece of the middle of the first plane. So is
    the range, unless a plane is large and not in memory: then it is that of the part.

    Parameters
    ----------
    planes
        The stack; of it the parts with their halos are read.
    denoiser_of
        Returns the denoiser for the name of a model, or for "auto".
    model
        As in `vdn.denoise`.
    """

    def __init__(self, planes: Planes, denoiser_of: Callable[[str], Denoiser], model: str) -> None:
        self.planes, self.model, self._denoiser_of = planes, model, denoiser_of
        self._ranges: dict[Index, Range | None] = {}

    @cached_property
    def choice(self) -> Choice:
        """The model, and why it was chosen."""
        first = self.planes.frame(next(iter(self.planes)))
        return self._denoiser_of(self.model).models.choose(first)

    def begin(self, index: Index, box: Box) -> Preview:
        """Return the preview of a part of a plane; its pixels are read, and nothing is computed."""
        frame = self.planes.frame(index)
        if index not in self._ranges:
            known = self.planes.in_memory or frame.shape[0] * frame.shape[1] <= _WHOLE
            nominal = self.choice.card.nominal_range
            self._ranges[index] = find_ranges(frame, nominal)[0] if known else None
        denoiser = self._denoiser_of(self.choice.card.name)
        return Preview(denoiser, frame, box, self._ranges[index], self.choice)
