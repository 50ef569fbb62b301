"""The pictures a command is to take: files, folders, patterns, lists."""

import glob
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath
from typing import TypeVar

from vdn.errors import FileError, InputError, VdnError
from vdn.result_names import MARKS
from vdn.storage import (
    Location,
    ObjectPath,
    by_stem,
    exists,
    find_objects,
    has_wildcard,
    location,
)

__all__ = [
    "STANDARD",
    "Input",
    "find_inputs",
    "folder_named",
    "iterate_inputs",
    "names_many",
    "refuse_objects",
]

STANDARD = Path("-")
"""Standard input, or standard output."""

_Pattern = TypeVar("_Pattern", Path, ObjectPath)

_RESULT = re.compile(
    rf"(\.({'|'.join(MARKS.values())})(\.ome)?(\.[^.]*)?"
    r"|\.(noise|uncertainty)(\.tiff|\.png|(\.ome)?\.zarr))$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Input:
    """A file to take.

    Attributes
    ----------
    path
        Where it is; `-` is standard input, an `ObjectPath` on object storage.
    below
        Where its result belongs below an output folder.
    named
        Whether the user named this very file; others were found in a folder or by a pattern, and
        are passed over when they are no pictures.
    size
        Its bytes, 0 where nobody knows.
    identity
        Device and number of the file, the same for all its names; None where there is no file.
    problem
        Why it cannot be taken.
    """

    path: Location
    below: PurePath
    named: bool = True
    size: int = 0
    identity: tuple[int, int] | None = None
    problem: VdnError | None = None


def names_many(words: Sequence[str], found: "Sequence[Input]") -> bool:
    """Say whether the user named a folder, a pattern, a list or several files, and not one file.

    Examples
    --------
    >>> names_many(["a.png"], [Input(Path("a.png"), Path("a.png"))])
    False
    >>> names_many(["*.png"], [Input(Path("a.png"), Path("a.png"))])
    True
    """
    return len(words) != 1 or not (found and found[0].named and found[0].path == location(words[0]))


def folder_named(words: Sequence[str]) -> Location | None:
    """Return the folder, on a disk or on object storage, that is all the user named, if it is."""
    path = location(words[0]) if len(words) == 1 else STANDARD
    if isinstance(path, Path):
        return path if path.is_dir() and not _is_store(path) else None
    return None if has_wildcard(path) or exists(path) else path


def refuse_objects(words: Sequence[str]) -> None:
    """Raise `InputError` for an address on object storage."""
    for word in words:
        if not isinstance(location(word), Path):
            raise InputError(
                f"{word} is object storage, which `vdn denoise --cluster` reads and writes "
                "(--cluster local on this machine)"
            )


def find_inputs(
    words: Sequence[str],
    files_from: str | None = None,
    separator: bytes = b"\n",
    leave_out: Location | None = None,
) -> list[Input]:
    """Return the files that words of the command line and a list of names stand for.

    A folder stands for the files in it and below, except hidden ones and results of earlier runs;
    a pattern that is no file's name (`*`, `?`, `[...]`, and `**` for any folders between) for
    what it matches. No file comes twice.

    Parameters
    ----------
    words
        Names of files and folders, and patterns; `-` alone is standard input.
    files_from
        A file with the names of further files and folders, or `-` for standard input.
    separator
        What ends a name in that file.
    leave_out
        A folder whose files are not taken: that of the results.

    Raises
    ------
    InputError
        When `-` is not the only input, `leave_out` is among the inputs, or one is an address.
    FileError
        When the list cannot be read.

    Examples
    --------
    >>> [found] = find_inputs(["absent.png"])
    >>> found.path.name, found.named
    ('absent.png', True)
    """
    refuse_objects(words)
    return list(iterate_inputs(words, files_from, separator, leave_out))


def iterate_inputs(
    words: Sequence[str],
    files_from: str | None = None,
    separator: bytes = b"\n",
    leave_out: Location | None = None,
) -> Iterator[Input]:
    """Yield what `find_inputs` returns; of a single folder one folder's names are in memory.

    Files of a folder whose names differ in the suffix alone come one after the other.
    """
    if str(STANDARD) in words:
        if len(words) > 1 or files_from is not None:
            raise InputError("- (standard input) has to be the only input")
        yield Input(STANDARD, STANDARD)
        return
    hidden = _identity(leave_out) if isinstance(leave_out, Path) else None
    found = chain.from_iterable(
        _from_word(word, hidden)
        if isinstance(location(word), Path)
        else _from_storage(ObjectPath(word), leave_out)
        for word in words
    )
    if files_from is None and len(words) == 1:
        yield from found
        return
    listed = () if files_from is None else _from_list(files_from, separator, hidden)
    yield from _once(chain(found, listed))


def _from_storage(base: ObjectPath, leave_out: Location | None) -> Iterator[Input]:
    """Yield the objects at, below or matching an address, as of a disk."""
    if base == leave_out:
        raise InputError(f"{base} is the folder of the results too; choose another one")
    try:
        if not has_wildcard(base) and exists(base):
            yield Input(base, PurePath(base.name))
            return
        root = _fixed_part(base) if has_wildcard(base) else base
        found = False
        for path, size in find_objects(base):
            inside = leave_out is not None and path.is_relative_to(leave_out)
            if not inside and not _is_result(path.name):
                found = True
                yield Input(path, PurePath(*path.relative_to(root).parts), False, size)
        if not found and has_wildcard(base):
            yield Input(base, base, problem=InputError(f"{base}: matches no object"))
    except FileError as error:
        yield Input(base, base, problem=error)


def _from_word(word: str, hidden: tuple[int, int] | None) -> Iterator[Input]:
    path = Path(word)
    if _is_store(path):
        yield _named(path, Path(path.name))
    elif path.is_dir():
        if hidden is not None and _identity(path) == hidden:
            raise InputError(f"{path} is the folder of the results too; choose another one")
        yield from _below(path, path, hidden)
    elif os.path.lexists(path) or not glob.has_magic(word):
        yield _named(path, Path(path.name))
    else:
        base = _fixed_part(path)
        matches = sorted(map(Path, glob.glob(word, recursive=True)))
        if not matches:
            yield Input(path, path, problem=InputError(f"{path}: matches no file"))
        for match in matches:
            if match.is_dir() and not _is_store(match):
                yield from _below(match, base, hidden)
            elif not _is_result(match.name):
                yield from _candidate(match, base)


def _from_list(name: str, separator: bytes, hidden: tuple[int, int] | None) -> Iterator[Input]:
    for entry in _names(name, separator):
        path = Path(entry)
        mirrored = not path.is_absolute() and ".." not in path.parts
        if path.is_dir() and not _is_store(path):
            yield from _below(path, path.parent if not mirrored else Path(), hidden)
        else:
            yield _named(path, path if mirrored else Path(path.name))


def _names(name: str, separator: bytes) -> Iterator[str]:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"{name}: cannot be opened ({reason})") from error
    for entry in content.split(separator):
        if separator == b"\n":
            entry = entry.removesuffix(b"\r")
        if entry:
            yield os.fsdecode(entry)


def _below(folder: Path, base: Path, hidden: tuple[int, int] | None) -> Iterator[Input]:
    """Yield the files in a folder and below, each folder once, whatever links lead to it."""
    entered = {hidden}
    problems: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=problems.append, followlinks=True):
        here = _identity(Path(root))
        if here in entered:
            folders.clear()
            continue
        entered.add(here)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        stores = [name for name in folders if _is_store(Path(root, name))]
        folders[:] = [name for name in folders if name not in stores]
        for name in sorted([*names, *stores], key=by_stem):
            if not name.startswith(".") and not _is_result(name):
                yield from _candidate(Path(root, name), base)
    for error in problems:
        where = Path(os.fsdecode(error.filename))
        reason = FileError(f"{where}: cannot be opened ({error.strerror})")
        yield Input(where, where, problem=reason)


def _candidate(path: Path, base: Path) -> Iterator[Input]:
    """Yield a file that was found, unless it is a pipe, a device or the like."""
    try:
        about = path.stat()
    except OSError:  # a broken link, for instance: opening it will tell
        yield Input(path, path.relative_to(base), named=False)
        return
    if stat.S_ISREG(about.st_mode) or _is_store(path):
        identity = about.st_dev, about.st_ino
        yield Input(path, path.relative_to(base), False, about.st_size, identity)


def _named(path: Path, below: Path) -> Input:
    try:
        about = path.stat()
    except (OSError, ValueError):
        return Input(path, below)
    return Input(path, below, True, about.st_size, (about.st_dev, about.st_ino))


def _once(found: Iterable[Input]) -> Iterator[Input]:
    """Leave out what has come before by the same name; other names of a file are files too."""
    seen = set()
    for entry in found:
        name = os.path.abspath(entry.path) if isinstance(entry.path, Path) else str(entry.path)
        if name not in seen:
            seen.add(name)
            yield entry


def _fixed_part(pattern: _Pattern) -> _Pattern:
    """Return the folder before the first part with a wildcard."""
    parts: list[str] = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return type(pattern)(*parts)


def _is_store(path: Path) -> bool:
    """Tell a folder that is a picture: a Zarr."""
    from vdn.image.codecs.ome_zarr import is_store

    return path.is_dir() and is_store(path)


def _is_result(name: str) -> bool:
    return _RESULT.search(name) is not None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino
