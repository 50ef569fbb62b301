"""Files on object storage (S3, Google Cloud, Azure) by `fsspec`, beside those on a disk."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar

from vdn.errors import FileError, InputError
from vdn.extras import needs_extra

__all__ = [
    "Location",
    "ObjectPath",
    "by_stem",
    "delete",
    "exists",
    "find_objects",
    "has_wildcard",
    "is_finished",
    "location",
    "names_below",
    "open_object",
    "read_object",
    "read_start",
    "store",
]

_Result = TypeVar("_Result")

_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
_ADDRESS = re.compile(rf"({'|'.join(_PACKAGES)})://[^/]")
_START = 64  # bytes that tell the format of a picture


class ObjectPath(PurePosixPath):
    """The address of an object, such as `s3://bucket/folder/a.png`.

    Examples
    --------
    >>> path = ObjectPath("s3://bucket/folder/a.png")
    >>> str(path.with_suffix(".tiff")), path.stem, str(path.parent / "b.png")
    ('s3://bucket/folder/a.tiff', 'a', 's3://bucket/folder/b.png')
    """

    def __str__(self) -> str:
        return super().__str__().replace(":/", "://", 1)

    @property
    def scheme(self) -> str:
        """The part before `://`."""
        return self.parts[0].rstrip(":")

    @property
    def key(self) -> str:
        """The part after `://`: bucket and name."""
        return "/".join(self.parts[1:])


Location = Path | ObjectPath
"""Where a file lies: on a disk, or on object storage."""


def location(word: str | Location) -> Location:
    """Return what a word of the user names: an object if it begins with a scheme that is known.

    Examples
    --------
    >>> [type(location(word)).__name__ for word in ("s3://b/a.png", "az://b", "a.png")]
    ['ObjectPath', 'ObjectPath', 'PosixPath']
    """
    if isinstance(word, str):
        return ObjectPath(word) if _ADDRESS.match(word) else Path(word)
    return word


def has_wildcard(path: ObjectPath) -> bool:
    """Say whether an address is a pattern."""
    return re.search(r"[*?\[]", path.key) is not None


def by_stem(name: str) -> tuple[str, str]:
    """Return by what names are sorted so that those of one stem follow each other.

    Examples
    --------
    >>> sorted(["a.ome.tif", "a.png", "a-b.jpg", "a.jpg"], key=by_stem)
    ['a.jpg', 'a.ome.tif', 'a.png', 'a-b.jpg']
    """
    return name.rpartition(".")[0].removesuffix(".ome") or name, name


def find_objects(base: ObjectPath) -> Iterator[tuple[ObjectPath, int]]:
    """Yield the objects below an address or matching a pattern, and their bytes.

    Hidden ones are left out, as in folders on a disk. One folder's names are in memory at a time.

    Raises
    ------
    FileError
        When the storage refuses.
    """
    system = _file_system(base.scheme)
    if has_wildcard(base):
        found = _asked(base, lambda: system.glob(base.key, detail=True))
        entries = [each for each in found.values() if each["type"] == "file"]
    else:
        entries = _asked(base, lambda: system.ls(base.key, detail=True, refresh=True))
        system.invalidate_cache()
    named = [
        (_path(base, about), about["type"], int(about["size"] or 0))
        for about in entries
        if not about["name"].rstrip("/").rpartition("/")[2].startswith(".")
    ]
    del entries
    named.sort(key=lambda each: (each[0].parent, by_stem(each[0].name)))
    yield from ((path, size) for path, kind, size in named if kind == "file" and path != base)
    for path, kind, _ in named:
        if kind == "directory" and path != base:
            yield from find_objects(path)


def names_below(folder: ObjectPath) -> frozenset[str]:
    """Return the names of the objects in a folder; none where there is no such folder."""
    system = _file_system(folder.scheme)
    try:
        found = _asked(folder, lambda: system.ls(folder.key, detail=False, refresh=True))
    except FileNotFoundError:
        return frozenset()
    finally:
        system.invalidate_cache()
    return frozenset(name.rstrip("/").rpartition("/")[2] for name in found)


def exists(path: ObjectPath) -> bool:
    """Say whether there is an object; raise where the storage does not say."""
    system = _file_system(path.scheme)
    try:
        about = _asked(path, lambda: system.info(path.key, refresh=True))
    except FileNotFoundError:
        return False
    return bool(about["type"] == "file")


def is_finished(path: Location) -> bool:
    """Say whether an output is there, and no Zarr that a stopped run has left."""
    from vdn.image.codecs.ome_zarr import PROGRESS

    if not isinstance(path, Path):
        return exists(path)
    return os.path.lexists(path) and not (path / PROGRESS).exists()


def read_start(path: ObjectPath) -> bytes:
    """Return the bytes by which the format of a picture is recognised."""

    def read() -> bytes:
        with _file_system(path.scheme).open(path.key, "rb", cache_type="none") as stream:
            return bytes(stream.read(_START))

    return _asked(path, read)


def read_object(path: ObjectPath) -> bytes:
    """Return all bytes of an object."""
    return bytes(_asked(path, lambda: _file_system(path.scheme).cat_file(path.key)))


def open_object(path: ObjectPath) -> BinaryIO:
    """Open an object as a stream of bytes."""
    stream: BinaryIO = _asked(path, lambda: _file_system(path.scheme).open(path.key, "rb"))
    return stream


def store(source: Path, path: ObjectPath) -> None:
    """Copy a file into an object, which appears whole or not at all."""
    _asked(path, lambda: _file_system(path.scheme).put_file(str(source), path.key), "written")


def delete(path: ObjectPath) -> None:
    """Remove an object."""
    _asked(path, lambda: _file_system(path.scheme).rm_file(path.key), "removed")


@cache
def _file_system(scheme: str) -> Any:
    with needs_extra("cluster"):
        import fsspec
    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        package = _PACKAGES[scheme]
        raise InputError(
            f"{scheme}:// needs {package}, which is not installed; install it with: "
            f"pip install {package}"
        ) from error


def _path(base: ObjectPath, about: dict[str, Any]) -> ObjectPath:
    return ObjectPath(f"{base.scheme}://{about['name'].rstrip('/')}")


class _NoObjectError(FileError, FileNotFoundError):
    """An object that is not there."""


def _asked(path: ObjectPath, call: Callable[[], _Result], what: str = "opened") -> _Result:
    """Return what the storage answers, or raise a `FileError` of one line."""
    try:
        return call()
    except FileNotFoundError as error:
        raise _NoObjectError(f"{path}: cannot be {what} (there is none)") from error
    except Exception as error:  # every kind of storage raises its own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileError(f"{path}: cannot be {what} ({reason})") from error
