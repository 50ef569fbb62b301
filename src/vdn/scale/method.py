"""How an array is denoised: by which model, in which blocks; and the arrays that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vdn.image.gaps import REACH
from vdn.models import Choice
from vdn.predictions import Request, check_known_noise
from vdn.runtime.tiling import round_up
from vdn.scale.blocks import choose_blocks
from vdn.scale.planes import Planes
from vdn.scale.worker import DenoiserArguments, Grid, denoise_block, take

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["DenoisedArray", "Method"]


@dataclass(frozen=True, eq=False)
class DenoisedArray:
    """A denoised array and what is known about it, nothing of it computed yet.

    Computing several of the arrays together (`dask.compute(result.image, result.noise_sigma)`)
    runs the network once.

    Attributes
    ----------
    image
        Shape and dtype of the input.
    noise_sigma, uncertainty
        Standard deviations of the noise and of the error of `image`, float32 in the units of the
        input; without alpha.
    model
        Name of the model.
    reason
        Why it was chosen, where it was not named.
    """

    image: da.Array
    noise_sigma: da.Array
    uncertainty: da.Array
    model: str
    reason: str

    def moved(self, maps: bool, axis: int) -> DenoisedArray:
        """Return the same with the last axis in another place, in the maps too if they have it."""
        import dask.array as da

        def move(array: da.Array) -> da.Array:
            return da.moveaxis(array, -1, axis)

        image, sigma, uncertainty = move(self.image), self.noise_sigma, self.uncertainty
        if maps:
            sigma, uncertainty = move(sigma), move(uncertainty)
        return replace(self, image=image, noise_sigma=sigma, uncertainty=uncertainty)


@dataclass(frozen=True, eq=False)
class Method:
    """How the pictures of an array are denoised.

    Attributes
    ----------
    choice
        The model.
    arguments
        Those of the denoisers in the workers.
    request
        What is wanted of every picture.
    max_pixels
        The most pixels of a block with what is around it.
    """

    choice: Choice
    arguments: DenoiserArguments
    request: Request
    max_pixels: float

    @classmethod
    def choose(cls, planes: Planes, arguments: DenoiserArguments, request: Request) -> Method:
        """Choose the model by the first picture; known noise may be any number here.

        Raises
        ------
        InputError
            When there is no such model, or it needs to be told the noise.
        """
        models = arguments.models
        choice = models.choose(planes.first())
        card = choice.card
        request = replace(request, noise_only=request.strength == 0 and card.only_denoises)
        check_known_noise(card, request)
        pixel = request.bytes_per_pixel(models.load(choice, planes.array.dtype).engine)
        chosen = arguments._replace(model=card.name) if arguments.model == "auto" else arguments
        return cls(choice, chosen, request, models.working_memory * 1e6 / pixel)

    @property
    def scale(self) -> int:
        """Pixels a side of a result for one of the array."""
        return self.choice.card.scale

    def grid(self, planes: Planes, unit: tuple[int, int] | None = None) -> Grid:
        """Return the blocks to work on, of whole units, by default the array's chunks."""
        card = self.choice.card
        margin = round_up(self.request.halo(card), card.multiple)
        may_have_gaps = planes.masked or planes.array.dtype != np.uint8
        reach = round_up(margin + REACH, card.multiple) if may_have_gaps else margin
        height, width = planes.shape[:2]
        heights, widths = choose_blocks(
            (height, width),
            unit or planes.chunks,
            margin,
            card.multiple,
            self.max_pixels,
            (margin, reach),
        )
        depth = margin if len(heights) > 1 else 0, reach if len(widths) > 1 else 0
        return Grid((heights, widths), planes.leading, margin, depth)

    def denoise(
        self,
        planes: Planes,
        grid: Grid,
        known: da.Array | float | None,
        range: tuple[float, float] | None,
    ) -> DenoisedArray:
        """Return the results, whose chunks are the blocks; `known` is the noise."""
        import dask.array as da

        array, lazy_noise = planes.array, isinstance(known, da.Array)
        parts = da.map_blocks(
            denoise_block,
            _overlapping(array, grid),
            planes.limits(range, self.choice.card.nominal_range),
            _overlapping(known, grid) if lazy_noise else known,
            grid=grid,
            arguments=self.arguments,
            request=self.request,
            meta=np.empty((0,) * array.ndim, object),
            chunks=tuple((1,) * len(sides) for sides in _blocks(array, grid)),
        )

        def result(name: str, meta: Any, channels: int) -> da.Array:
            sides = _blocks(array, grid)[: grid.leading + 2]
            return parts.map_blocks(
                take,
                name,
                grid.leading,
                meta=meta,
                chunks=(*sides, (channels,)) if channels else sides,
                drop_axis=[array.ndim - 1] if planes.channels and not channels else None,
            )

        axes = grid.leading + (3 if planes.map_channels else 2)
        map_meta = np.empty((0,) * axes, np.float32)
        return DenoisedArray(
            result("image", array._meta, planes.channels),
            result("noise_sigma", map_meta, planes.map_channels),
            result("uncertainty", map_meta, planes.map_channels),
            self.choice.card.name,
            self.choice.reason,
        )


def _blocks(array: da.Array, grid: Grid) -> Sequence[tuple[int, ...]]:
    """Return the chunks of an array that is cut into the grid's blocks."""
    one = ((1,) * count for count in array.shape[: grid.leading])
    return *one, *grid.sides, *((count,) for count in array.shape[grid.leading + 2 :])


def _overlapping(array: da.Array, grid: Grid) -> da.Array:
    """Return an array of the grid's blocks, each with its surroundings as far as there are any."""
    from dask.array.overlap import overlap

    depth = {grid.leading + axis: each for axis, each in enumerate(grid.depth)}
    return overlap(array.rechunk(_blocks(array, grid)), depth, "none", allow_rechunk=False)
