"""Stores, stacks and arrays into Zarr stores, in bounded memory, resumable chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vdn import __version__
from vdn.errors import InputError
from vdn.image.codecs.ome_zarr import ZarrImage, find_images, is_store
from vdn.image.dimensions import Axis, Dimensions
from vdn.image.frame import FrameSpec
from vdn.image.picture import Picture
from vdn.image.provenance import Provenance
from vdn.image.read import open_picture
from vdn.results import check_strength
from vdn.scale.frames import FrameArray
from vdn.scale.layout import create_ome_zarr
from vdn.scale.passes import Pass, Source
from vdn.scale.stores import Target, check_apart, copy_layout, digest
from vdn.scale.worker import DenoiserArguments

__all__ = ["StoreReport", "Stores", "denoise_frames", "denoise_store", "denoise_to_zarr"]

_CHUNK = 1024  # rows and columns of a chunk of a new store
_USUAL = "tczyx"


@dataclass(frozen=True)
class Stores:
    """The stores to make of one; None where one is not wanted."""

    image: Path | None
    noise_sigma: Path | None = None
    uncertainty: Path | None = None

    @property
    def paths(self) -> dict[str, Path]:
        """Those that are wanted, by name."""
        every = {name: getattr(self, name) for name in ("image", "noise_sigma", "uncertainty")}
        return {name: path for name, path in every.items() if path is not None}


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
    source = Path(source)
    images = find_images(source)
    known = [None] * len(images) if noise_sigma is None else _known(noise_sigma, images)

    def create(name: str) -> Callable[[Path], None]:
        return copy_layout(source, images, maps=name != "image")

    for path in targets.paths.values():
        check_apart(path, source)
    given = {"noise_sigma": None if noise_sigma is None else str(noise_sigma)}
    return _denoise(
        [
            Source(image.finest, image.colour, image.finest.shards or image.finest.chunks)
            for image in images
        ],
        targets,
        create,
        given | digest(source, images),
        arguments,
        strength=strength,
        known=known,
        provenance=provenance,
        overwrite=overwrite,
        advance=advance,
    )


def denoise_frames(
    picture: Picture,
    targets: Stores,
    arguments: DenoiserArguments,
    *,
    strength: float = 1.0,
    noise_sigma: float | Path | None = None,
    provenance: bool = True,
    overwrite: bool = False,
    advance: Callable[[float], None] = lambda share: None,
) -> StoreReport:
    """Denoise the frames of an open picture, such as a TIFF in tiles, into an OME-Zarr.

    Chunks are as large as the tiles, or larger. What was finished when an earlier call with the
    same arguments was stopped is not done again.

    Parameters are those of `denoise_store`; a map of the noise is one of the same frames.

    Raises
    ------
    FileError, InputError, PredictionError
        As `denoise_store`; and when the frames differ in size or kind.
    """
    array = FrameArray(picture)
    known: Source | float | None = None
    with ExitStack() as stack:
        if isinstance(noise_sigma, Path):
            maps = FrameArray(stack.enter_context(open_picture(noise_sigma)))
            known = Source(maps, array.dimensions.colour)
            if maps.shape != array.shape:
                raise InputError(
                    f"noise_sigma={str(noise_sigma)!r} is of shape {maps.shape}, but the picture "
                    f"of {array.shape}"
                )
        else:
            known = noise_sigma
        about = (picture.source or picture.path).stat()
        return _denoise(
            [Source(array, array.dimensions.colour)],
            targets,
            _laying_out(array.dimensions, array.dtype, _CHUNK, picture.frames[0]),
            {
                "noise_sigma": None if noise_sigma is None else str(noise_sigma),
                "source": [about.st_size, about.st_mtime_ns],
            },
            arguments,
            strength=strength,
            known=[known],
            provenance=provenance,
            overwrite=overwrite,
            advance=advance,
        )


def _laying_out(
    dimensions: Dimensions, dtype: np.dtype[Any], chunk: int, frame: FrameSpec | None = None
) -> Callable[[str], Callable[[Path], None]]:
    """Return what lays out the store of that name; maps have no alpha."""

    def create(name: str) -> Callable[[Path], None]:
        maps = name != "image"
        own = dimensions
        if maps and frame is not None and dimensions.colour is not None:
            axes = list(dimensions.axes)
            axes[dimensions.colour] = Axis("c", frame.color_channels)
            own = replace(dimensions, axes=tuple(axes))
        return partial(
            create_ome_zarr,
            dimensions=own,
            dtype=np.dtype("float32") if maps else dtype,
            chunk=(chunk, chunk),
            maps=maps,
        )

    return create


def denoise_to_zarr(
    array: Any,
    path: str | Path,
    model: str | Path = "auto",
    *,
    dimensions: Dimensions | None = None,
    noise_map: str | Path | None = None,
    uncertainty: str | Path | None = None,
    chunk: int = _CHUNK,
    strength: float = 1.0,
    noise_sigma: float | None = None,
    range: tuple[float, float] | None = None,
    threads: int | None = None,
    max_memory: float | None = None,
    precision: str = "auto",
    device: str = "auto",
    weights: Path | None = None,
    overwrite: bool = False,
    advance: Callable[[float], None] = lambda share: None,
) -> StoreReport:
    """Denoise an array of any size into an OME-Zarr, region by region, in bounded memory.

    Each plane of rows and columns is a picture by itself. What was finished when an earlier call
    with the same arguments was stopped is not done again; pixels of the array are not compared.

    Parameters
    ----------
    array
        (..., H, W): anything with a shape, a dtype, and parts by slices, which is read from several
        threads at a time: an array of NumPy (`numpy.memmap`), Zarr, HDF5 or Dask, or an object that
        makes its pixels when they are asked for.
    path, noise_map, uncertainty
        The stores to make: the clean array, and the maps in float32.
    dimensions
        What the axes are; by default the last two are called y and x, and those before z, c, t.
    chunk
        Rows and columns of a chunk.
    model, strength, noise_sigma, range, threads, max_memory, precision, device, weights
        As in `vdn.scale.denoise_array`.
    overwrite
        Whether to replace stores; they stay until the new ones are finished.
    advance
        Called with the share of the work that was done since the last call.

    Returns
    -------
    StoreReport

    Raises
    ------
    FileError
        When a store cannot be written, or was begun with other arguments.
    InputError
        When an argument is out of its range, or of another shape than the array.

    Examples
    --------
    >>> plane = np.memmap("plane.raw", np.uint16, "r", shape=(90000, 60000))  # doctest: +SKIP
    >>> denoise_to_zarr(plane, "clean.ome.zarr", "gray")  # doctest: +SKIP
    """
    if dimensions is None:
        if not 2 <= array.ndim <= len(_USUAL):
            raise InputError(f"array has shape {array.shape}; give dimensions for its axes")
        names = _USUAL[-array.ndim :]
        dimensions = Dimensions(tuple(map(Axis, names, array.shape)))
    if dimensions.shape != tuple(array.shape):
        raise InputError(f"dimensions are those of {dimensions.shape}; array has {array.shape}")
    targets = Stores(
        *(None if each is None else Path(each) for each in (path, noise_map, uncertainty))
    )
    return _denoise(
        [Source(array, dimensions.colour)],
        targets,
        _laying_out(dimensions, array.dtype, chunk),
        {
            "noise_sigma": noise_sigma,
            "range": range,
            "shape": array.shape,
            "dtype": array.dtype.str,
        },
        DenoiserArguments(model, threads, max_memory, precision, device, weights),
        strength=strength,
        known=[noise_sigma],
        range=range,
        provenance=True,
        overwrite=overwrite,
        advance=advance,
    )


def _denoise(
    sources: Sequence[Source],
    targets: Stores,
    create: Callable[[str], Callable[[Path], None]],
    given: Mapping[str, Any],
    arguments: DenoiserArguments,
    *,
    strength: float,
    known: Sequence[Source | float | None],
    range: tuple[float, float] | None = None,
    provenance: bool,
    overwrite: bool,
    advance: Callable[[float], None],
) -> StoreReport:
    """Denoise arrays into stores that `create` lays out, or go on where an earlier run stopped."""
    check_strength(strength)
    description = {
        "version": __version__,
        "task": arguments.task,
        "model": str(arguments.model),
        "strength": strength,
        "precision": arguments.precision,
        **given,
    }
    made = {
        name: Target.begin(path, create(name), description, overwrite=overwrite)
        for name, path in targets.paths.items()
    }
    total = sum(source.array.size for source in sources)
    passes = []
    for index, source in enumerate(sources):
        outputs = {name: target.images[index] for name, target in made.items()}
        step = Pass(source, outputs, arguments, strength, known[index], range)
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
        sources[0].array.shape,
        sum(step.count for step in passes),
        _root_mean_square(passes),
    )


def _known(given: float | Path, images: Sequence[ZarrImage]) -> list[Any]:
    if not isinstance(given, Path):
        return [given] * len(images)
    if not is_store(given):
        raise InputError(f"noise_sigma={str(given)!r} is no Zarr, as the picture is; give one")
    maps = find_images(given)
    if [each.finest.shape for each in maps] != [each.finest.shape for each in images]:
        raise InputError(
            f"noise_sigma={str(given)!r} holds maps of other shapes than the images have"
        )
    return [Source(each.finest, each.colour) for each in maps]


def _root_mean_square(passes: Sequence[Pass]) -> tuple[float, ...]:
    computed = [each for each in passes if each.pixels]
    if not computed or len({len(each.variance) for each in computed}) > 1:
        return ()
    squares = np.sum([each.variance for each in computed], axis=0)
    return tuple(np.sqrt(squares / sum(each.pixels for each in computed)).tolist())
