"""Zarr stores into Zarr stores, in bounded memory, resumable chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vdn import __version__
from vdn.errors import InputError
from vdn.extras import needs_extra
from vdn.image.codecs.ome_zarr import ZarrImage, find_images, is_store
from vdn.image.provenance import Provenance
from vdn.results import check_strength
from vdn.scale.method import Method
from vdn.scale.planes import Planes
from vdn.scale.pyramid import factors, write_coarser
from vdn.scale.stores import Target, describe, missing
from vdn.scale.worker import DenoiserArguments

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["StoreReport", "Stores", "denoise_store"]

_COARSENED = 1024  # rows and columns of a coarser level that are made at a time
_NAMES = ("image", "noise_sigma", "uncertainty")


@dataclass(frozen=True)
class Stores:
    """The stores to make of one; None where one is not wanted."""

    image: Path | None
    noise_sigma: Path | None = None
    uncertainty: Path | None = None


@dataclass(frozen=True)
class StoreReport:
    """What was done to a store.

    Attributes
    ----------
    models, reasons
        Names of the models, and why they were chosen where they were not named.
    shape
        Of the first image.
    planes
        How many pictures all images hold.
    noise_sigma
        Root mean square of the noise's standard deviation, a channel each, in what was computed
        now; empty if that was nothing.
    """

    models: tuple[str, ...]
    reasons: tuple[str, ...]
    shape: tuple[int, ...]
    planes: int
    noise_sigma: tuple[float, ...]


def denoise_store(
    source: str | Path,
    targets: Stores,
    arguments: DenoiserArguments,
    *,
    strength: float = 1.0,
    noise_sigma: float | Path | None = None,
    provenance: bool = True,
    overwrite: bool = False,
    advance: Callable[[float], None] = lambda share: None,
) -> StoreReport:
    """Denoise the images of a Zarr store (OME-Zarr or a plain array) into another like it.

    Every plane of rows and columns is a picture by itself; three channels of 8 bits that are shown
    in red, green and blue are one. What was finished when an earlier call with the same arguments
    was stopped is not done again.

    Parameters
    ----------
    source
        The store.
    targets
        Those to make: of the same layout and metadata; the maps of float32.
    arguments
        Those of a `Denoiser`.
    strength
        As in `vdn.denoise`.
    noise_sigma
        The noise if it is known: a number, or a store with an array like each of the source's.
    provenance
        Whether to note in the attributes what made the image.
    overwrite
        Whether to replace stores.
    advance
        Called with the share of the work that was done since the last call.

    Raises
    ------
    FileError
        When a store cannot be read or written, or was begun with other arguments.
    InputError, PredictionError
        As in `vdn.denoise`.
    """
    check_strength(strength)
    source = Path(source)
    images = find_images(source)
    known = None if noise_sigma is None else _known(noise_sigma, images)
    given = {
        "version": __version__,
        "task": arguments.task,
        "model": str(arguments.model),
        "strength": strength,
        "noise_sigma": None if noise_sigma is None else str(noise_sigma),
        "precision": arguments.precision,
    }
    description = describe(source, images, given)
    made: dict[str, Target] = {}
    for name in _NAMES:
        path = getattr(targets, name)
        if path is not None:
            made[name] = Target.begin(
                path, source, images, description, maps=name != "image", overwrite=overwrite
            )
    total = sum(image.finest.size for image in images)
    passes = []
    for index, image in enumerate(images):
        outputs = {name: target.images[index] for name, target in made.items()}
        step = _Pass(image, outputs, arguments, strength, known[index] if known else None)
        step.run(lambda pixels: advance(pixels / total))
        passes.append(step)
    models = tuple(dict.fromkeys(step.method.choice.card.name for step in passes))
    if provenance and "image" in made:
        note = Provenance(version=__version__, model=", ".join(models), strength=strength)
        for image in made["image"].images:
            image.note(note.text)
    for target in made.values():
        target.finish()
    return StoreReport(
        models,
        tuple(dict.fromkeys(filter(None, (step.method.choice.reason for step in passes)))),
        images[0].finest.shape,
        sum(step.count for step in passes),
        _root_mean_square(passes),
    )


class _Pass:
    """One image on its way into those made of it."""

    def __init__(
        self,
        image: ZarrImage,
        outputs: dict[str, ZarrImage],
        arguments: DenoiserArguments,
        strength: float,
        known: Any,
    ) -> None:
        with needs_extra("scale"):
            import dask.array as da
        self._image, self._outputs = image, outputs
        unit = image.finest.shards or image.finest.chunks
        lazy = da.from_array(image.finest, chunks=unit)
        self.method = Method.choose(self._planes(lazy), arguments, strength, known is not None)
        grid = self.method.grid(self._planes(lazy))
        whole = self._chunks(image.finest, grid.sides)
        planes = self._planes(da.from_array(image.finest, chunks=whole))
        if known is not None and not isinstance(known, float):
            known = self._planes(da.from_array(known, chunks=whole)).array
        self.count = int(np.prod(planes.array.shape[: planes.leading]))
        self.variance: NDArray[np.float64] = np.zeros(1)
        self.pixels = 0
        found = self.method.denoise(planes, grid, known, None)
        colour = image.colour
        self._found = found if colour is None else found.moved(True, colour)
        self._unit = unit

    def run(self, advance: Callable[[float], None]) -> None:
        """Compute and write what is missing, the finest level first."""
        self._finest(advance)
        for index, _ in enumerate(pairwise(self._image.levels)):
            self._coarser(index)

    def _planes(self, array: da.Array) -> Planes:
        import dask.array as da

        if array.dtype.byteorder not in "=|<" or not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        axis = self._image.colour
        return Planes(array, 0) if axis is None else Planes(da.moveaxis(array, axis, -1), 3)

    def _chunks(self, array: Any, sides: Sequence[tuple[int, ...]]) -> Any:
        """Return chunks of the blocks' sides, and of one plane each."""
        axis = self._image.colour
        leading = [
            (count,) if each == axis else (1,) * count
            for each, count in enumerate(array.shape[:-2])
        ]
        return (*leading, *sides)

    def _finest(self, advance: Callable[[float], None]) -> None:
        import dask
        from dask.callbacks import Callback

        arrays = {name: image.finest for name, image in self._outputs.items()}
        lazy = {name: getattr(self._found, name) for name in {*arrays, "noise_sigma"}}
        chunks = _whole_units(self._found.image.chunks, self._unit)
        blocks = {
            name: array.rechunk(chunks).to_delayed(optimize_graph=False)
            for name, array in lazy.items()
        }
        write = dask.delayed(_write, pure=False)
        tasks, sizes = [], {}
        for index, region in _regions(chunks):
            size = int(np.prod([part.stop - part.start for part in region]))
            if not any(missing(array, region) for array in arrays.values()):
                advance(size)
                continue
            pixels = {name: block[index] for name, block in blocks.items()}
            task = write(pixels, arrays, region, self._image.colour)
            sizes[task.key] = size
            tasks.append(task)

        def done(key: Any, *rest: Any) -> None:
            if key in sizes:
                advance(sizes[key])

        with Callback(posttask=done):
            found = dask.compute(*tasks)
        if found:
            self.variance = np.sum([squares for squares, _ in found], axis=0)
            self.pixels = sum(count for _, count in found)

    def _coarser(self, index: int) -> None:
        """Write a level from the one before."""
        import dask

        tasks = []
        for image in self._outputs.values():
            finer, coarser = image.arrays[index : index + 2]
            factors(finer.shape, coarser.shape)
            unit = coarser.shards or coarser.chunks
            sides = [1] * (coarser.ndim - 2) + [_COARSENED] * 2
            pieces = [
                _even(length, -(-side // step) * step)
                for length, side, step in zip(coarser.shape, sides, unit, strict=True)
            ]
            nearest = image.method == "nearest"
            tasks += [
                dask.delayed(write_coarser, pure=False)(finer, coarser, region, nearest)
                for _, region in _regions(pieces)
                if missing(coarser, region)
            ]
        dask.compute(*tasks)


def _write(
    pixels: dict[str, NDArray[Any]],
    arrays: dict[str, Any],
    region: Sequence[slice],
    colour: int | None,
) -> tuple[NDArray[np.float64], int]:
    """Write a block of each array; return the squares of the noise, summed a channel, and how many.

    What is there from before is written again: it is the same.
    """
    for name, array in arrays.items():
        target = array.with_config({"write_empty_chunks": True})  # a chunk that is there is done
        target[tuple(region)] = pixels[name]
    squares = np.square(pixels["noise_sigma"], dtype=np.float64)
    if colour is None:
        return np.array([squares.sum()]), squares.size
    summed = squares.sum(axis=tuple(axis for axis in range(squares.ndim) if axis != colour))
    return summed, squares.size // len(summed)


def _known(given: float | Path, images: Sequence[ZarrImage]) -> list[Any]:
    if not isinstance(given, Path):
        return [float(given)] * len(images)
    if not is_store(given):
        raise InputError(f"noise_sigma={str(given)!r} is no Zarr, as the picture is; give one")
    maps = find_images(given)
    if [each.finest.shape for each in maps] != [each.finest.shape for each in images]:
        raise InputError(
            f"noise_sigma={str(given)!r} holds maps of other shapes than the images have"
        )
    return [each.finest for each in maps]


def _whole_units(
    chunks: Sequence[tuple[int, ...]], unit: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Return chunks that hold whole units: the given ones where they do."""
    return tuple(
        sides
        if all(edge % step == 0 for edge in np.cumsum(sides[:-1]))
        else _even(sum(sides), step * max(1, round(max(sides) / step)))
        for sides, step in zip(chunks, unit, strict=True)
    )


def _even(length: int, side: int) -> tuple[int, ...]:
    count, rest = divmod(length, side)
    return (side,) * count + ((rest,) if rest else ())


def _regions(
    chunks: Sequence[tuple[int, ...]],
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Yield the index of every chunk, and the pixels it holds."""
    edges = [np.cumsum([0, *sides]).tolist() for sides in chunks]
    for index in np.ndindex(*map(len, chunks)):
        yield (
            index,
            tuple(slice(edge[i], edge[i + 1]) for edge, i in zip(edges, index, strict=True)),
        )


def _root_mean_square(passes: Sequence[_Pass]) -> tuple[float, ...]:
    computed = [each for each in passes if each.pixels]
    if not computed or len({len(each.variance) for each in computed}) > 1:
        return ()
    squares = np.sum([each.variance for each in computed], axis=0)
    return tuple(np.sqrt(squares / sum(each.pixels for each in computed)).tolist())
