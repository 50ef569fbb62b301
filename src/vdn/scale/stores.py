"""Zarr stores made like others, chunk by chunk, and taken up again where a run was stopped."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from vdn.errors import ExistsError, FileError
from vdn.image.codecs.ome_zarr import PROGRESS, ZarrImage, find_images, is_store

__all__ = ["Target", "check_apart", "copy_layout", "digest", "is_finished", "missing"]

_DOCUMENTS = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")


def is_finished(path: Path) -> bool:
    """Return whether there is something at a path that is no store under way."""
    return os.path.lexists(path) and not (path / PROGRESS).exists()


def digest(source: Path, images: Sequence[ZarrImage]) -> dict[str, str]:
    """Return a digest of the metadata of a store, under the name `source`."""
    found = hashlib.sha256()
    for folder in sorted({"", *(each.group for each in images), *_level_paths(images)}):
        for name in _DOCUMENTS:
            path = source / folder / name
            if path.is_file():
                found.update(f"{folder}/{name}\n".encode() + path.read_bytes())
    return {"source": found.hexdigest()}


@dataclass(frozen=True, eq=False)
class Target:
    """A store under way.

    Attributes
    ----------
    path
        Where it is to be.
    place
        Where it is: beside a store that it is to replace.
    images
        Its images, as those of the source.
    """

    path: Path
    place: Path
    images: Sequence[ZarrImage]

    @classmethod
    def begin(
        cls,
        path: Path,
        create: Callable[[Path], None],
        description: Mapping[str, Any],
        *,
        overwrite: bool = False,
    ) -> "Target":
        """Make a store, or open one that was begun.

        Parameters
        ----------
        path
            The store to make.
        create
            Fills a folder with all of the store that is no pixel.
        description
            What the result depends on.
        overwrite
            Whether to replace a store, which stays as it is until the new one is finished.

        Raises
        ------
        ExistsError
            When there is one, or something else.
        FileError
            When it was begun from another source or with other arguments, or cannot be written.
        """
        path = Path(os.path.realpath(path))
        beside, _ = _beside(path)
        finished = is_finished(path)
        if finished and not (overwrite and is_store(path)):
            raise ExistsError(
                f"{path}: exists; replace it (--overwrite), keep it (--skip-existing), or "
                "choose another name"
            )
        # A store beside where there is none: a run was stopped while it changed their places.
        place = beside if finished or (beside.exists() and not path.exists()) else path
        try:
            if place.exists() and overwrite and _differing(place, description):
                shutil.rmtree(place)
            if place.exists():
                _check_same(place, description)
            else:
                _create(place, create, description)
            return cls(path, place, find_images(place, "r+"))
        except OSError as error:
            if isinstance(error, FileError):
                raise
            raise FileError(f"{path}: cannot be written ({error.strerror or error})") from error

    def finish(self) -> None:
        """Declare the store finished, and put it in the place of the one it replaces.

        Stopped at any point, the old store or the new one is there, and the same run goes on.
        """
        for partial in self.place.rglob("*.partial"):  # of a run that was killed while it wrote
            partial.unlink()
        _, old = _beside(self.path)
        if self.place != self.path:
            if self.path.exists():
                shutil.rmtree(old, ignore_errors=True)
                self.path.rename(old)
            self.place.rename(self.path)
        (self.path / PROGRESS).unlink()
        shutil.rmtree(old, ignore_errors=True)


def copy_layout(source: Path, images: Sequence[ZarrImage], maps: bool) -> Callable[[Path], None]:
    """Return what fills a folder with a store like the source, without its pixels.

    Everything that is not a pixel of the images comes along: groups, attributes, labels, other
    files, and the way chunks are cut, compressed and gathered in shards. With `maps` it is to hold
    maps over the images instead: of float32, and nothing beside them.
    """

    def create(folder: Path) -> None:
        if maps:
            _create_maps(folder, source, images)
            return
        for file in _beside_pixels(source, images):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, folder / file)

    return create


def missing(array: Any, region: Sequence[slice]) -> bool:
    """Return whether a part of an array has chunks (or shards) that were not written yet.

    Zarr writes each under another name first: one that is there is whole.
    """
    unit = array.shards or array.chunks
    places = [
        range(part.start // side, -(-part.stop // side))
        for part, side in zip(region, unit, strict=True)
    ]
    root = Path(array.store.root) / array.path
    keys = map(array.metadata.encode_chunk_key, product(*places))
    return any(not (root / key).exists() for key in keys)


def check_apart(path: Path, source: Path) -> None:
    """Refuse to write a store into the source, or around it."""
    one, other = Path(os.path.realpath(path)), Path(os.path.realpath(source))
    if one == other or one in other.parents or other in one.parents:
        raise FileError(
            f"{path}: is the input {source}, or in it, or around it; choose another name"
        )


def _beside(path: Path) -> tuple[Path, Path]:
    """Return where a store is while it is made to replace another, and where the old one goes."""
    return path.with_name(f".{path.stem}.new.zarr"), path.with_name(f".{path.stem}.old.zarr")


def _create(place: Path, create: Callable[[Path], None], description: Mapping[str, Any]) -> None:
    if not place.parent.is_dir():
        raise FileError(
            f"{place}: cannot be written, there is no folder {place.parent}; make it first"
        )
    begun = place.with_name(f".vdn-{os.urandom(6).hex()}{place.suffix}")
    try:
        begun.mkdir()
        (begun / PROGRESS).write_text(json.dumps(description, indent=1))
        create(begun)
        begun.rename(place)
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def _beside_pixels(source: Path, images: Sequence[ZarrImage]) -> Iterator[Path]:
    """Yield the files of a store that are no chunks of its images."""
    levels = {source / level for level in _level_paths(images)}
    for folder, folders, names in os.walk(source):
        if Path(folder) in levels:
            folders.clear()
            names = [name for name in names if name in _DOCUMENTS]
        for name in names:
            yield Path(folder, name).relative_to(source)


def _create_maps(path: Path, source: Path, images: Sequence[ZarrImage]) -> None:
    """Make the same groups and arrays for float32; what says how values are shown is left out."""

    bare = [image.levels for image in images] == [("",)]  # an array without a group around it
    groups = () if bare else (folder for image in images for folder in _above(image.group))
    for folder in dict.fromkeys(groups):
        _copy_group(path, source, folder)
    for image in images:
        for level, array in zip(image.levels, image.arrays, strict=True):
            _create_map(path, level, array)


def _copy_group(path: Path, source: Path, folder: str) -> None:
    import zarr

    old = zarr.open_group(source, path=folder, mode="r")
    attributes = dict(old.attrs)
    attributes.pop("omero", None)
    if "ome" in attributes:
        attributes["ome"] = {k: v for k, v in attributes["ome"].items() if k != "omero"}
    zarr.open_group(
        path, path=folder, mode="a", zarr_format=old.metadata.zarr_format, attributes=attributes
    )


def _create_map(path: Path, level: str, array: Any) -> None:
    import zarr

    chunk = array.metadata.to_dict()
    v2 = array.metadata.zarr_format == 2
    zarr.create_array(
        path,
        name=level or None,
        shape=array.shape,
        dtype="float32",
        chunks=array.chunks,
        shards=array.shards,
        zarr_format=array.metadata.zarr_format,
        chunk_key_encoding=(
            {"name": "v2", "separator": array.metadata.dimension_separator}
            if v2
            else chunk["chunk_key_encoding"]
        ),
        dimension_names=None if v2 else array.metadata.dimension_names,
        fill_value=0,
    )


def _above(group: str) -> list[str]:
    """Return a group and those it is in, from the root.

    Examples
    --------
    >>> _above("A/1/0")
    ['', 'A', 'A/1', 'A/1/0']
    """
    parts = group.split("/") if group else []
    return ["/".join(parts[:count]) for count in range(len(parts) + 1)]


def _level_paths(images: Sequence[ZarrImage]) -> list[str]:
    return [level for image in images for level in image.levels]


def _differing(place: Path, description: Mapping[str, Any]) -> list[str]:
    """Return in words what a store under way was begun with otherwise."""
    begun = json.loads((place / PROGRESS).read_text())
    return [
        f"{name} {begun.get(name)!r} instead of {value!r}" if name != "source" else "another input"
        for name, value in json.loads(json.dumps(description)).items()
        if begun.get(name) != value
    ]


def _check_same(place: Path, description: Mapping[str, Any]) -> None:
    if differing := _differing(place, description):
        raise FileError(
            f"{place}: was begun with {', '.join(differing)}; go on with the same, start anew "
            "(--overwrite), or choose another name"
        )
