"""Noisy and clean photographs of the same scenes, decoded only when asked for."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from vdn.data.images import image_files, read_aligned
from vdn.errors import FileError, InputError
from vdn.image import write

__all__ = [
    "FilePairs",
    "Mixture",
    "Pair",
    "PairFiles",
    "pair_folder",
    "pair_suffixes",
    "write_tiles",
]

Pair = tuple[NDArray[Any], NDArray[Any]]
"""Noisy and clean image of one scene, (H, W, C), white at 255: uint8, or float32 if deeper."""


Item = TypeVar("Item")


@dataclass(frozen=True)
class PairFiles:
    """The files of one pair; several clean files are repeated exposures, to be averaged."""

    name: str
    noisy: Path
    clean: tuple[Path, ...]
    channels: int = 3

    def read(self) -> Pair:
        """Decode both sides.

        Raises
        ------
        FileError
            If a file cannot be read, or the sizes differ.
        """
        noisy, *exposures = read_aligned([self.noisy, *self.clean], self.channels)
        if len(exposures) == 1:
            return noisy, exposures[0]
        mean = np.mean(exposures, axis=0)
        if exposures[0].dtype == np.uint8:
            return noisy, np.rint(mean).astype(np.uint8)
        return noisy, mean.astype(np.float32)


@dataclass(frozen=True)
class FilePairs(Sequence[Pair]):
    """A sequence of pairs in files: an index decodes one, a slice selects.

    Attributes
    ----------
    files
        The files of every pair, sorted by name.
    """

    files: tuple[PairFiles, ...]

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> "FilePairs": ...
    def __getitem__(self, index: int | slice) -> "Pair | FilePairs":
        if isinstance(index, slice):
            return FilePairs(self.files[index])
        return self.files[index].read()

    @property
    def names(self) -> list[str]:
        """The name of every pair."""
        return [pair.name for pair in self.files]

    def select(self, keep: Callable[[str], bool]) -> "FilePairs":
        """The pairs whose name satisfies a condition."""
        return FilePairs(tuple(pair for pair in self.files if keep(pair.name)))

    def split(self, apart: Collection[Path]) -> "tuple[FilePairs, FilePairs]":
        """The pairs whose noisy file is not among some, and those whose is."""
        sides: tuple[list[PairFiles], list[PairFiles]] = ([], [])
        for pair in self.files:
            sides[pair.noisy in apart].append(pair)
        return FilePairs(tuple(sides[0])), FilePairs(tuple(sides[1]))


class Mixture(Sequence[Item]):
    """Several sets as one sequence in which each has a fixed share, whatever its size.

    An index drawn at random falls into a set with the probability of its share and is spread
    evenly over that set.

    Parameters
    ----------
    sets
        What to mix.
    shares
        A positive integer for each: ``(7, 3)`` is the published 3500 : 1500 of SIDD and RENOIR.

    Raises
    ------
    InputError
        If a set is empty, or the shares do not fit the sets.

    Examples
    --------
    >>> list(Mixture(["ab", "x"], (2, 1)))
    ['a', 'a', 'x', 'b', 'b', 'x']
    """

    def __init__(self, sets: Sequence[Sequence[Item]], shares: Sequence[int]):
        if len(sets) != len(shares) or not sets or any(share < 1 for share in shares):
            raise InputError(f"shares are {tuple(shares)} for {len(sets)} sets; one above 0 each")
        if not all(len(pairs) for pairs in sets):
            raise InputError("a set of the mixture is empty")
        self.sets, self.shares = list(sets), list(shares)
        self._slots = [which for which, share in enumerate(shares) for _ in range(share)]
        self._rounds = max(len(pairs) for pairs in sets)

    def __len__(self) -> int:
        return self._rounds * len(self._slots)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        step, slot = divmod(int(index) % len(self), len(self._slots))
        pairs = self.sets[self._slots[slot]]
        return pairs[step * len(pairs) // self._rounds]


def pair_folder(folder: str | Path, channels: int = 3) -> FilePairs:
    """The pairs of a folder with ``noisy/NAME`` and ``clean/NAME``: RGB, or the luminance of it.

    Raises
    ------
    FileError
        If a folder is missing or empty, or a name is on one side only.
    """
    noisy, clean = (image_files(Path(folder) / side) for side in ("noisy", "clean"))
    alone = {path.name for path in noisy} ^ {path.name for path in clean}
    if alone:
        raise FileError(
            f"{folder}: {len(alone)} files are in noisy/ or clean/ only, the first {min(alone)}"
        )
    partners = {path.name: path for path in clean}
    return FilePairs(tuple(PairFiles(p.stem, p, (partners[p.name],), channels) for p in noisy))


def pair_suffixes(folder: str | Path, noisy: str, clean: str, expected: str) -> FilePairs:
    """The pairs of a folder whose two files differ in the end of their stem only.

    Parameters
    ----------
    folder
        Where both files of every pair lie.
    noisy, clean
        Ends of the stems, any case, such as ``_real`` and ``_mean``.
    expected
        What the folder should contain and where it comes from, for the error.

    Raises
    ------
    FileError
        If the folder is missing, holds no such pair, or one side lacks its partner.
    """
    if not Path(folder).is_dir():
        raise FileError(f"{folder}: no such folder; {expected}")
    sides: dict[str, dict[str, Path]] = {noisy: {}, clean: {}}
    for path in sorted(Path(folder).iterdir()):
        for end, found in sides.items():
            if path.stem.lower().endswith(end):
                found[path.stem[: -len(end)]] = path
    names = sides[noisy].keys()
    alone = names ^ sides[clean].keys()
    if alone:
        raise FileError(f"{folder}: {min(alone)} has no {noisy} or no {clean} file; {expected}")
    if not names:
        raise FileError(f"{folder}: no file ends in {noisy}; {expected}")
    return FilePairs(
        tuple(PairFiles(n, sides[noisy][n], (sides[clean][n],)) for n in sorted(names))
    )


def write_tiles(pairs: FilePairs, folder: str | Path, size: int = 512, stride: int = 384) -> int:
    """Cut pairs into overlapping tiles, ``noisy/`` and ``clean/`` files for `pair_folder`.

    Large photographs take long to decode; a tile is read in milliseconds. The last tile of a row
    or column lies flush with the border. The defaults are the published ones. Tiles are PNG files
    of 8 bits, or of deeper pairs TIFF files of floats with white at 1.

    Parameters
    ----------
    pairs
        What to cut.
    folder
        Where to; made if missing. A tile that is there already is kept, so that an interrupted
        run can go on.
    size, stride
        Side of a tile and step between two, in pixels.

    Returns
    -------
    int
        How many tiles there are now.
    """
    sides = [Path(folder) / side for side in ("noisy", "clean")]
    for side in sides:
        side.mkdir(parents=True, exist_ok=True)
    count = 0
    for files in pairs.files:
        images = files.read()
        suffix = ".png"
        if any(image.dtype != np.uint8 for image in images):
            noisy, clean = (image.astype(np.float32) / np.float32(255) for image in images)
            images, suffix = (noisy, clean), ".tif"
        height, width = images[0].shape[:2]
        for top in _starts(height, size, stride):
            for left in _starts(width, size, stride):
                count += 1
                for side, image in zip(sides, images, strict=True):
                    target = side / f"{files.name}_{top:05d}_{left:05d}{suffix}"
                    if not target.exists():
                        write(target, image[top : top + size, left : left + size])
    return count


def _starts(length: int, size: int, stride: int) -> list[int]:
    last = max(length - size, 0)
    return [*range(0, last, stride), last]
