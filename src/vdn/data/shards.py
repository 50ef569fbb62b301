"""Pictures packed in tar files (shards): more than fit into memory, read in any order."""

import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from glob import glob, has_magic
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vdn.data.images import as_image
from vdn.errors import FileError, InputError, VdnError
from vdn.image import open_picture
from vdn.image.atomic import replacing
from vdn.image.limits import check_piece

__all__ = ["Packed", "Shards", "find_shards", "pack"]

_TOGETHER = 16  # shards whose pictures are shuffled among each other
_LIMIT = 2**29  # bytes of a decoded picture
_BLOCK = 512  # bytes that a header takes, and that content is padded to


class Packed(NamedTuple):
    """What `pack` made: the shards, how many pictures are in them, and what was left out, why."""

    shards: tuple[Path, ...]
    pictures: int
    left_out: tuple[str, ...]


def pack(
    files: Iterable[Path], prefix: str | Path, *, shard_bytes: float = 1e9, seed: int = 0
) -> Packed:
    """Pack picture files as they are into tar files, `prefix-000000.tar` and so on.

    Parameters
    ----------
    files
        The pictures; they are shuffled, so that every shard is a sample of the whole.
    prefix
        Where the shards go, and how their names begin.
    shard_bytes
        About how large a shard becomes.
    seed
        Of the order.

    Raises
    ------
    FileError
        When there is no picture, or a shard exists or cannot be written.
    """
    ordered = sorted(files)
    np.random.default_rng(seed).shuffle(ordered)
    fitting: list[Path] = []
    left_out: list[str] = []
    shards: list[Path] = []
    for path in ordered:
        try:
            with open_picture(path) as picture:
                _check(picture.frame.shape, picture.frame.nbytes)
            fitting.append(path)
        except VdnError as error:
            left_out.append(str(error))
    if not fitting:
        raise FileError(f"{prefix}: no picture to pack")
    number = 0
    for group in _groups(fitting, shard_bytes):
        shard = Path(f"{prefix}-{len(shards):06d}.tar")
        with replacing(shard) as part, tarfile.open(part, "w") as tar:
            for path in group:
                about = tarfile.TarInfo(f"{number:09d}{path.suffix.lower()}")
                about.size = path.stat().st_size
                with path.open("rb") as file:
                    tar.addfile(about, file)
                number += 1
        shards.append(shard)
    return Packed(tuple(shards), number, tuple(left_out))


def _groups(files: Sequence[Path], most: float) -> Iterator[list[Path]]:
    group: list[Path] = []
    size = 0
    for path in files:
        taken = path.stat().st_size + 2 * _BLOCK
        if group and size + taken > most:
            yield group
            group, size = [], 0
        group.append(path)
        size += taken
    yield group


def find_shards(words: Iterable[str]) -> list[Path]:
    """Return the shards that names of tar files, folders of them and patterns stand for.

    Raises
    ------
    FileError
        When one of them stands for nothing.
    """
    found: list[Path] = []
    for word in words:
        if Path(word).is_dir():
            matches = sorted(Path(word).glob("*.tar"))
        else:
            matches = sorted(map(Path, glob(word))) if has_magic(word) else [Path(word)]
        if not matches or not all(path.is_file() for path in matches):
            raise FileError(f"{word}: no shard (.tar) there")
        found += matches
    return found


class Shards:
    """The pictures in tar files, by number.

    Only the headers are read here. Nothing is unpacked to the disk, so the names in a shard lead
    nowhere; links, folders and other things in it are passed over.

    Parameters
    ----------
    paths
        The shards: uncompressed tar files, each member a picture file.
    seed
        Of the order of `at`.
    held_out
        Every so manieth picture is held out of that order, but no more than `most_held`; 0: none.

    Raises
    ------
    FileError
        When a shard cannot be read, or there is no picture in any.
    """

    def __init__(
        self, paths: Sequence[Path], seed: int = 0, held_out: int = 0, most_held: int = 64
    ) -> None:
        self._paths, self._seed = list(paths), seed
        with ThreadPoolExecutor(8) as pool:  # waits for the disk, not for the processor
            members = list(pool.map(_members, self._paths))
        counts = [len(each) for each in members]
        if not sum(counts):
            raise FileError(f"{self._paths[0]}: no picture in the shards")
        self._place = np.concatenate(members)  # offset and size of every picture
        self._shard = np.repeat(np.arange(len(counts)), counts)
        numbers = np.arange(len(self._place))
        every = max(held_out, -(-len(numbers) // most_held)) if held_out else 0
        kept = numbers % every != 0 if every else np.ones(len(numbers), bool)
        self.held = numbers[~kept].tolist()
        self._kept = numbers[kept]
        ends = np.searchsorted(self._shard[kept], np.arange(len(counts) + 1))
        self._starts, self._counts = ends[:-1], np.diff(ends)
        self._group = lru_cache(4)(self._ordered)

    def __len__(self) -> int:
        """How many pictures there are in the order."""
        return len(self._kept)

    def at(self, position: int) -> int:
        """Return the number of the picture at a position of an order without an end.

        Each epoch of `len` positions has every picture once: the shards in random order, and the
        pictures of 16 neighbours shuffled. It depends on the seed alone.
        """
        epoch, place = divmod(position, len(self))
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._counts))
        ends = np.cumsum(self._counts[order])
        group = int(np.searchsorted(ends, place, "right")) // _TOGETHER
        before = int(ends[group * _TOGETHER - 1]) if group else 0
        shards = tuple(order[group * _TOGETHER :][:_TOGETHER].tolist())
        return int(self._group(epoch, group, shards)[place - before])

    def _ordered(self, epoch: int, group: int, shards: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the numbers of the pictures of some shards, shuffled."""
        numbers = [self._kept[self._starts[s] :][: self._counts[s]] for s in shards]
        return np.random.default_rng((self._seed, epoch, group)).permutation(
            np.concatenate(numbers)
        )

    def read(self, number: int, channels: int = 3) -> NDArray[np.uint8 | np.float32]:
        """Return a picture, as `vdn.data.images.read_image` does.

        Raises
        ------
        FileError
            When it is damaged, no single picture, or larger than 512 MB when decoded; names the
            shard and where in it.
        """
        path = self._paths[self._shard[number]]
        offset, size = map(int, self._place[number])
        name = f"{path}: picture at byte {offset}"
        try:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise FileError(f"{path}: cannot be read ({error.strerror or error})") from error
        if len(data) < size:
            raise FileError(f"{name}: is cut short")
        with open_picture(BytesIO(data), name=name, max_bytes=_LIMIT) as picture:
            try:
                _check(picture.frame.shape, picture.frame.nbytes)
            except InputError as error:
                raise FileError(f"{name}: {error}") from error
            return as_image(picture, channels)


def _check(shape: tuple[int, ...], nbytes: int) -> None:
    check_piece(nbytes, _LIMIT)
    if len(shape) == 3 and shape[2] > 4:
        raise InputError(f"has {shape[2]} channels, which are neither gray nor colour")


def _members(path: Path) -> NDArray[np.int64]:
    """Return offset and size of the content of every ordinary file in a shard, (n, 2)."""
    found = []
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                hidden = os.path.basename(member.name).startswith(".")
                if member.isreg() and member.size and not member.issparse() and not hidden:
                    found.append((member.offset_data, member.size))
                tar.members = []  # type: ignore[attr-defined]  # it remembers all it has seen
    except (OSError, tarfile.TarError) as error:
        raise FileError(f"{path}: is no uncompressed tar file, or cut short ({error})") from error
    return np.array(found, np.int64).reshape(-1, 2)
