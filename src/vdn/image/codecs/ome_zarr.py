"""OME-Zarr (NGFF 0.1 to 0.5) and plain Zarr arrays: folders with the chunks of arrays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.codecs.extras import missing_extra
from vdn.image.dimensions import Axis, Channel, Dimensions
from vdn.image.frame import Frame
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture

__all__ = [
    "PROGRESS",
    "ZarrImage",
    "dimensions_of",
    "find_images",
    "is_store",
    "open_file",
]

PROGRESS = ".vdn-progress.json"
"""A file in stores that are not finished yet: what they are made of, and how."""

_DOCUMENTS = ("zarr.json", ".zgroup", ".zarray")
_OLD_AXES = ("t", "c", "z", "y", "x")  # of NGFF 0.1 and 0.2
_PRIMARIES = ("FF0000", "00FF00", "0000FF")


@dataclass(frozen=True, eq=False)
class ZarrImage:
    """An image in a store.

    Attributes
    ----------
    node
        Its group, or the array where there is nothing else.
    levels
        Paths of its arrays in the store, the finest first.
    arrays
        These arrays.
    colour
        The axis of red, green and blue where they make one picture, else None.
    method
        How its coarser levels were made, as it says.
    """

    node: Any
    levels: tuple[str, ...]
    arrays: tuple[Any, ...] = field(repr=False)
    colour: int | None = None
    method: str = ""

    @property
    def group(self) -> str:
        """Where it is in the store; empty for the root."""
        return str(self.node.path)

    @property
    def finest(self) -> Any:
        """The array of the finest level."""
        return self.arrays[0]

    def note(self, text: str) -> None:
        """Say in its attributes what made it, and how the coarser levels were."""
        attributes = dict(self.node.attrs)
        ome = attributes.get("ome", attributes)
        if self.method not in ("", "mean", "nearest"):
            ome["multiscales"][0] |= {"type": "mean"}
            ome["multiscales"][0].pop("metadata", None)
        self.node.attrs.update({**attributes, "vdn": text})


def is_store(path: Path) -> bool:
    """Return whether a path is a folder in which Zarr keeps arrays."""
    return path.is_dir() and any((path / name).is_file() for name in _DOCUMENTS)


def find_images(path: Path, mode: str = "r") -> list[ZarrImage]:
    """Return the images of a store: one, or all of a plate or of a series; no label images.

    Raises
    ------
    FileError
        When there is none, it is not finished, or its metadata are not what they have to be.
    MissingExtraError
        When Zarr is not installed.
    """
    with missing_extra("Zarr", "scale"):
        import zarr
    if (path / PROGRESS).exists() and mode == "r":
        raise FileError("is not finished: the vdn that made it was stopped; run it again")
    root = zarr.open(path, mode=mode)
    if isinstance(root, zarr.Array):
        images = [ZarrImage(root, ("",), (root,))]
    else:
        images = list(_images(root, path))
    if not images:
        raise FileError(
            "holds no image: neither an array at its root nor `multiscales` (OME-Zarr) in a group"
        )
    for image in images:
        if image.finest.ndim < 2 or 0 in image.finest.shape:
            raise FileError(f"holds an array of shape {image.finest.shape}, which is no image")
    return images


def open_file(path: Path, _: int) -> Picture:
    """Open a store; each plane of rows and columns is a frame, in the order of the axes."""
    images = find_images(path)
    return Picture(
        [frame for image in images for frame in _frames(image)],
        Metadata(),
        "zarr",
        path,
        left_out=("label images",) if (path / "labels").is_dir() else (),
        dimensions=dimensions_of(images[0]) if len(images) == 1 else None,
    )


def dimensions_of(image: ZarrImage) -> Dimensions | None:
    """Return what the axes of an image are, or None where nothing is said about them."""
    attributes = dict(image.node.attrs)
    scales = attributes.get("ome", attributes).get("multiscales")
    if scales is None:
        return None
    (scales, *_), shape = scales, image.finest.shape
    axes = [
        axis if isinstance(axis, Mapping) else {"name": axis}
        for axis in scales.get("axes", _OLD_AXES)
    ]
    steps = np.ones(len(axes))
    for place in (scales, scales["datasets"][0]):
        for each in place.get("coordinateTransformations", ()):
            if each.get("type") == "scale" and "scale" in each:
                steps = steps * np.asarray(each["scale"], float)
    channels = attributes.get("ome", attributes).get("omero", {}).get("channels", ())
    return Dimensions(
        tuple(
            Axis(str(axis["name"]), length, str(axis.get("unit", "")), float(step))
            for axis, length, step in zip(axes, shape, steps, strict=True)
        ),
        image.colour,
        tuple(Channel(str(c.get("label", "")), str(c.get("color", ""))) for c in channels),
        tuple((array.shape[-2], array.shape[-1]) for array in image.arrays[1:]),
        image.method == "nearest",
        str(scales.get("name", "")),
    )


def _images(group: Any, folder: Path) -> Iterator[ZarrImage]:
    attributes = dict(group.attrs)
    ome = attributes.get("ome", attributes)
    if "multiscales" in ome:
        yield _image(group, ome)
        return
    folders = (each for each in folder.iterdir() if each.name not in ("labels", "OME"))
    for child in sorted(filter(is_store, folders), key=_natural):
        node = group[child.name]
        if hasattr(node, "group_keys"):
            yield from _images(node, child)


def _image(group: Any, ome: Mapping[str, Any]) -> ZarrImage:
    try:
        scales = ome["multiscales"][0]
        names = [level["path"] for level in scales["datasets"]]
        axes = [
            axis["name"] if isinstance(axis, Mapping) else axis
            for axis in scales.get("axes", _OLD_AXES)
        ]
        arrays = tuple(group[name] for name in names)
    except (LookupError, TypeError, AttributeError) as error:
        raise FileError(f"its OME metadata are damaged ({error!r})") from error
    if any(array.ndim != len(axes) for array in arrays) or not arrays:
        raise FileError(f"its OME metadata name the axes {axes} of {len(arrays)} arrays")
    path = group.path
    levels = tuple(f"{path}/{name}".lstrip("/") for name in names)
    colour = axes.index("c") if _is_rgb(arrays[0], axes, ome) else None
    return ZarrImage(group, levels, arrays, colour, str(scales.get("type", "")))


def _is_rgb(array: Any, axes: list[str], ome: Mapping[str, Any]) -> bool:
    """Tell a colour picture: three channels of 8 bits, shown in red, green and blue."""
    if array.dtype != np.uint8 or "c" not in axes[:-2] or array.shape[axes.index("c")] != 3:
        return False
    channels = ome.get("omero", {}).get("channels", [])
    colours = tuple(str(channel.get("color", "")).upper() for channel in channels)
    return colours == _PRIMARIES


def _frames(image: ZarrImage) -> Iterator[Frame]:
    """Yield the planes of an image in the order of its axes."""
    array, axis = image.finest, image.colour
    counts = [1 if axis == each else count for each, count in enumerate(array.shape[:-2])]
    height, width = array.shape[-2:]
    for index in np.ndindex(*counts):
        place = tuple(slice(None) if axis == each else number for each, number in enumerate(index))
        where = "/".join(map(str, index))
        read = _reader(array, place, axis is not None)
        yield Frame(
            shape=(height, width) if axis is None else (height, width, 3),
            dtype=array.dtype.newbyteorder("="),
            channels="gray" if axis is None else "colour",
            name=f"plane {image.group}{where}" if index else image.group,
            streams=True,
            read_rows=lambda start, stop, read=read, width=width: read(  # type: ignore[misc]
                slice(start, stop), slice(0, width)
            ),
            read_window=read,
        )


def _reader(array: Any, place: tuple[Any, ...], colour: bool) -> Any:
    native = array.dtype.newbyteorder("=")

    def window(rows: slice, columns: slice) -> NDArray[Any]:
        pixels = np.asarray(array[(*place, rows, columns)])
        return (np.moveaxis(pixels, 0, -1) if colour else pixels).astype(native, copy=False)

    return window


def _natural(path: Path) -> tuple[bool, int, str]:
    """Order numbers by their value, before other names."""
    return (False, int(path.name), "") if path.name.isdecimal() else (True, 0, path.name)
