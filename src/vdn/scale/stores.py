"""Zarr stores made like others, chunk by chunk, and taken up again where a run was stopped."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from vdn.errors import ExistsError, FileError
from vdn.image.codecs.ome_zarr import PROGRESS, ZarrImage, find_images, is_store

__all__ = ["Target", "describe", "is_finished", "missing"]

_DOCUMENTS = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")


def is_finished(path: Path) -> bool:
    """Return whether there is something at a path that is no store under way."""
    return os.path.lexists(path) and not (path / PROGRESS).exists()


def describe(source: Path, images: Sequence[ZarrImage], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result depends on: the arguments, and a digest of the source's metadata."""
    digest = hashlib.sha256()
    for folder in sorted({"", *(each.group for each in images), *_level_paths(images)}):
        for name in _DOCUMENTS:
            path = source / folder / name
            if path.is_file():
                digest.update(f"{folder}/{name}\n".encode() + path.read_bytes())
    return {**given, "source": digest.hexdigest()}


@dataclass(frozen=True, eq=False)
class Target:
    """A store under way.

    Attributes
    ----------
    path
        Where it is.
    images
        Its images, as those of the source.
    """

    path: Path
    images: Sequence[ZarrImage]

    @classmethod
    def begin(
        cls,
        path: Path,
        source: Path,
        images: Sequence[ZarrImage],
        description: Mapping[str, Any],
        *,
        maps: bool = False,
        overwrite: bool = False,
    ) -> "Target":
        """Make a store like the source, without its pixels, or open one that was begun.

        Everything that is not a pixel of the images comes along: groups, attributes, labels, other
        files, and the way chunks are cut, compressed and gathered in shards.

        Parameters
        ----------
        path
            The store to make.
        source, images
            The store to make it like, and its images.
        description
            What the result depends on, as `describe` returns it.
        maps
            Whether it is to hold maps over the images instead: of float32, and nothing beside them.
        overwrite
            Whether to replace a store; it is deleted at once.

        Raises
        ------
        ExistsError
            When there is one, or something else.
        FileError
            When it was begun from another source or with other arguments, or cannot be written.
        """
        _check_apart(path, source)
        try:
            if overwrite and is_store(path):
                shutil.rmtree(path)
            if is_finished(path):
                raise ExistsError(
                    f"{path}: exists; replace it (--overwrite), keep it (--skip-existing), or "
                    "choose another name"
                )
            if path.exists():
                _check_same(path, description)
            else:
                _create(path, source, images, description, maps)
            return cls(path, find_images(path, "r+"))
        except OSError as error:
            if isinstance(error, FileError):
                raise
            raise FileError(f"{path}: cannot be written ({error.strerror or error})") from error

    def finish(self) -> None:
        """Declare the store finished."""
        for partial in self.path.rglob("*.partial"):  # of a run that was killed while it wrote
            partial.unlink()
        (self.path / PROGRESS).unlink()


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


def _create(
    path: Path,
    source: Path,
    images: Sequence[ZarrImage],
    description: Mapping[str, Any],
    maps: bool,
) -> None:
    if not path.parent.is_dir():
        raise FileError(
            f"{path}: cannot be written, there is no folder {path.parent}; make it first"
        )
    begun = path.with_name(f".vdn-{os.urandom(6).hex()}{path.suffix}")
    try:
        begun.mkdir()
        (begun / PROGRESS).write_text(json.dumps(description, indent=1))
        if maps:
            _create_maps(begun, source, images)
        else:
            for file in _beside_pixels(source, images):
                (begun / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / file, begun / file)
        begun.rename(path)
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


def _check_same(path: Path, description: Mapping[str, Any]) -> None:
    begun = json.loads((path / PROGRESS).read_text())
    differing = [
        f"{name} {begun.get(name)!r} instead of {value!r}" if name != "source" else "another input"
        for name, value in json.loads(json.dumps(description)).items()
        if begun.get(name) != value
    ]
    if differing:
        raise FileError(
            f"{path}: was begun with {', '.join(differing)}; go on with the same, start anew "
            "(--overwrite), or choose another name"
        )


def _check_apart(path: Path, source: Path) -> None:
    one, other = Path(os.path.realpath(path)), Path(os.path.realpath(source))
    if one == other or one in other.parents or other in one.parents:
        raise FileError(
            f"{path}: is the input {source}, or in it, or around it; choose another name"
        )
