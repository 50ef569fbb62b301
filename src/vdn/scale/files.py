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
from vdn.image.codecs.ome_zarr import ZarrImage, dimensions_of, find_images, is_store
from vdn.image.dimensions import Axis, Dimensions
from vdn.image.frame import FrameSpec
from vdn.image.maps import map_unit
from vdn.image.picture import Picture
from vdn.image.provenance import Provenance
from vdn.image.read import open_picture
from vdn.noise.profiles import CameraProfile
from vdn.predictions import Request
from vdn.results import check_strength
from vdn.scale.frames import FrameArray
from vdn.scale.layout import create_ome_zarr
from vdn.scale.method import Method
from vdn.scale.passes import Pass, Source
from vdn.scale.stores import Target, check_apart, copy_layout, digest
from vdn.scale.worker import DenoiserArguments
from vdn.streaming import Settings

__all__ = ["StoreReport", "Stores", "denoise_frames", "denoise_store", "denoise_to_zarr"]

_CHUNK = 1024  # rows and columns of a chunk of a new store
_USUAL = "tczyx"
_USUAL_SETTINGS = Settings()
_Create = Callable[[str, int], Callable[[Path], None]]


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
    scale
        Pixels a side of the result for one of the image.
    planes
        How many pictures all images hold.
    noise_sigma
        Root mean square of the noise's standard deviation, a channel each, in what was computed
        now; empty if that was nothing.
    """

    models: tuple[str, ...]
    reasons: tuple[str, ...]
    shape: tuple[int, ...]
    scale: int
    planes: int
    noise_sigma: tuple[float, ...]


def denoise_store(
    source: str | Path,
    targets: Stores,
    arguments: DenoiserArguments,
    settings: Settings = _USUAL_SETTINGS,
    *,
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
        Those to make: of the same layout and metadata, or of a new one where the model enlarges;
        the maps of float32.
    arguments
        Those of a `Denoiser`.
    settings
        How it is denoised; the noise, if it is known, is a number, or a store with an array like
        each of the source's.
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
    known = _known(settings.noise_sigma, images)

    def create(name: str, scale: int) -> Callable[[Path], None]:
        if scale == 1:
            return copy_layout(source, images, maps=name != "image")
        if len(images) > 1:
            raise InputError(
                f"{source}: holds {len(images)} images, and one at a time is enlarged; give the "
                f"path of one of them, such as {source / images[0].group}"
            )
        dimensions = dimensions_of(images[0]) or _usual_dimensions(images[0].finest.shape)
        return _laying_out(dimensions, images[0].finest.dtype, _CHUNK)(name, scale)

    for path in targets.paths.values():
        check_apart(path, source)
    return _denoise(
        [
            Source(image.finest, image.colour, image.finest.shards or image.finest.chunks)
            for image in images
        ],
        targets,
        create,
        digest(source, images),
        arguments,
        settings,
        known=known,
        advance=advance,
    )


def denoise_frames(
    picture: Picture,
    targets: Stores,
    arguments: DenoiserArguments,
    settings: Settings = _USUAL_SETTINGS,
    *,
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
        given = settings.noise_sigma
        if isinstance(given, Path):
            opened = stack.enter_context(open_picture(given))
            if map_unit(opened) != 1:
                raise InputError(
                    f"noise_sigma={str(given)!r} is a map to look at; into a Zarr, give one of "
                    "floats"
                )
            maps = FrameArray(opened)
            known = Source(maps, array.dimensions.colour)
            if maps.shape != array.shape:
                raise InputError(
                    f"noise_sigma={str(given)!r} is of shape {maps.shape}, but the picture "
                    f"of {array.shape}"
                )
        else:
            known = _number(given)
        about = (picture.source or picture.path).stat()
        return _denoise(
            [Source(array, array.dimensions.colour)],
            targets,
            _laying_out(array.dimensions, array.dtype, _CHUNK, picture.frames[0]),
            {"source": [about.st_size, about.st_mtime_ns]},
            arguments,
            settings,
            known=[known],
            advance=advance,
        )


def _laying_out(
    dimensions: Dimensions,
    dtype: np.dtype[Any],
    chunk: int,
    frame: FrameSpec | None = None,
) -> _Create:
    """Return what lays out a store; maps have no alpha, and that of the noise is not enlarged."""

    def create(name: str, scale: int) -> Callable[[Path], None]:
        maps = name != "image"
        own = dimensions if scale == 1 or name == "noise_sigma" else dimensions.enlarged(scale)
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
    ensemble: int = 1,
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
    model, strength, noise_sigma, range, ensemble, threads, max_memory, precision, device, weights
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
        dimensions = _usual_dimensions(array.shape)
    if dimensions.shape != tuple(array.shape):
        raise InputError(f"dimensions are those of {dimensions.shape}; array has {array.shape}")
    targets = Stores(
        *(None if each is None else Path(each) for each in (path, noise_map, uncertainty))
    )
    return _denoise(
        [Source(array, dimensions.colour)],
        targets,
        _laying_out(dimensions, array.dtype, chunk),
        {"range": range, "shape": array.shape, "dtype": array.dtype.str},
        DenoiserArguments(model, threads, max_memory, precision, device, weights),
        Settings(
            strength=strength, noise_sigma=noise_sigma, ensemble=ensemble, overwrite=overwrite
        ),
        known=[noise_sigma],
        range=range,
        advance=advance,
    )


def _usual_dimensions(shape: tuple[int, ...]) -> Dimensions:
    if not 2 <= len(shape) <= len(_USUAL):
        raise InputError(f"array has shape {shape}; give dimensions for its axes")
    return Dimensions(tuple(map(Axis, _USUAL[-len(shape) :], shape)))


def _denoise(
    sources: Sequence[Source],
    targets: Stores,
    create: _Create,
    given: Mapping[str, Any],
    arguments: DenoiserArguments,
    settings: Settings,
    *,
    known: Sequence[Source | float | None],
    range: tuple[float, float] | None = None,
    advance: Callable[[float], None],
) -> StoreReport:
    """Denoise arrays into stores, or go on where an earlier run stopped.

    `create` returns what lays out the store of a name, of a model that makes `scale` times the
    pixels a side.
    """
    check_strength(settings.strength)
    noise = settings.noise_sigma
    description = {
        "version": __version__,
        "task": arguments.task,
        "scale": arguments.scale,
        "model": str(arguments.model),
        "strength": settings.strength,
        "ensemble": settings.ensemble,
        "noise_sigma": None if noise is None else str(noise),
        "precision": arguments.precision,
        **given,
    }
    request = Request(
        strength=float(settings.strength),
        ensemble=settings.ensemble,
        sigma=None if noise is None else 0.0,
    )
    methods = [Method.choose(source.planes(), arguments, request) for source in sources]
    scale = methods[0].scale
    made = {
        name: Target.begin(path, create(name, scale), description, overwrite=settings.overwrite)
        for name, path in targets.paths.items()
    }
    total = sum(source.array.size for source in sources)
    passes = []
    for index, (source, method) in enumerate(zip(sources, methods, strict=True)):
        outputs = {name: target.images[index] for name, target in made.items()}
        step = Pass(source, outputs, method, known[index], range)
        step.run(lambda pixels: advance(pixels / total))
        passes.append(step)
    models = tuple(dict.fromkeys(method.choice.card.name for method in methods))
    if settings.provenance and "image" in made:
        note = Provenance(version=__version__, model=", ".join(models), strength=settings.strength)
        for image in made["image"].images:
            image.note(note.text)
    for target in made.values():
        target.finish()
    return StoreReport(
        models,
        tuple(dict.fromkeys(filter(None, (method.choice.reason for method in methods)))),
        sources[0].array.shape,
        scale,
        sum(step.count for step in passes),
        _root_mean_square(passes),
    )


def _number(given: float | Path | CameraProfile | None) -> float | None:
    if given is None or isinstance(given, float | int):
        return given
    raise InputError(
        "noise_sigma is the profile of a camera, and into a Zarr it has to be a number or a map; "
        "denoise it into a TIFF file"
    )


def _known(given: float | Path | CameraProfile | None, images: Sequence[ZarrImage]) -> list[Any]:
    if not isinstance(given, Path):
        return [_number(given)] * len(images)
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
