"""Test sets in folders: which there are, what they must hold, and their pictures."""

import hashlib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vdn.data.images import image_files, read_aligned, read_image
from vdn.errors import ConfigError, FileError

__all__ = ["ImageSet", "KnownSet", "Sample", "SetFolders", "known_sets", "pixel_digest"]


@dataclass(frozen=True)
class KnownSet:
    """What is known of a published test set.

    Attributes
    ----------
    name
        The name of its folder.
    files, channels
        How many pictures, or pairs, of how many channels; 0 files where copies differ in number.
    source
        Where it comes from.
    pixels
        `pixel_digest` of the complete set; empty where it is not known.
    """

    name: str
    files: int
    channels: int
    source: str
    pixels: str = ""

    def describe(self) -> str:
        """Say in a line what the folder must hold and where it comes from."""
        kind = "gray" if self.channels == 1 else "colour"
        count = f"{self.files} {kind} pictures" if self.files else f"pairs of {kind} pictures"
        digest = f", sha256 of the pixels {self.pixels[:16]}…" if self.pixels else ""
        return f"{self.name} holds {count}{digest}; from {self.source}"


@dataclass(frozen=True)
class Sample:
    """One picture, and its noisy version where that is a photograph of its own."""

    name: str
    clean: Path
    noisy: Path | None = None


@dataclass(frozen=True)
class ImageSet:
    """The pictures of a folder, sorted by name, all taken for colour or all for gray."""

    name: str
    samples: tuple[Sample, ...]
    channels: int = 3

    @property
    def paired(self) -> bool:
        """Whether the noise is in the files, not to be simulated."""
        return self.samples[0].noisy is not None

    def verify(self) -> str:
        """Return what is wrong with the set compared with the published one; empty if nothing."""
        known = known_sets().get(self.name)
        if known is None:
            return ""
        if known.files and len(self.samples) != known.files:
            return f"{self.name} should hold {known.files} pictures, and holds {len(self.samples)}"
        try:
            if known.pixels and pixel_digest(self) != known.pixels:
                return f"{self.name} has other pixels than the set known by that name"
        except FileError as error:
            return str(error)
        return ""


@dataclass(frozen=True)
class SetFolders:
    """Where test sets are looked for.

    Parameters
    ----------
    roots
        Folders whose sub-folders are the sets.
    named
        Folders of single sets by name; they come first.

    Examples
    --------
    >>> SetFolders.of([]).find("Set5") is None
    True
    """

    roots: tuple[Path, ...] = ()
    named: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, places: Iterable[Path]) -> "SetFolders":
        """Take folders, and TOML files with a table `[sets]` of folders by name.

        Paths in a TOML file are relative to it.

        Raises
        ------
        FileError
            When a place does not exist or is no TOML.
        ConfigError
            When a TOML file has another content.
        """
        roots: list[Path] = []
        named: dict[str, Path] = {}
        for place in places:
            if place.is_dir():
                roots.append(place)
            elif place.suffix == ".toml":
                named |= _read_places(place)
            else:
                raise FileError(f"{place}: no such folder; give a folder of sets or a .toml file")
        return cls(tuple(roots), named)

    def find(self, name: str) -> ImageSet | None:
        """Return a set, or None when there is no such folder."""
        for folder in (self.named.get(name), *(root / name for root in self.roots)):
            if folder is not None and folder.is_dir():
                return _open(name, folder)
        return None

    def pairs(self) -> list[ImageSet]:
        """Return every set of pairs, by name: folders that hold `noisy` and `clean`."""
        folders = {path.name: path for root in self.roots for path in root.iterdir()} | self.named
        folders |= {root.resolve().name: root for root in self.roots if _is_paired(root)}
        return [_open(name, folders[name]) for name in sorted(folders) if _is_paired(folders[name])]


@cache
def known_sets() -> dict[str, KnownSet]:
    """Return the published test sets by name.

    Examples
    --------
    >>> known_sets()["CBSD68"].files
    68
    """
    text = files("vdn.evaluation").joinpath("sets.toml").read_text(encoding="utf-8")
    return {name: KnownSet(name, **table) for name, table in tomllib.loads(text).items()}


def pixel_digest(images: ImageSet) -> str:
    """Return a sha256 of all clean pixels that heeds neither file names, order nor format."""
    digests = []
    for sample in images.samples:
        pixels = read_picture(sample.clean, images.channels)
        header = "x".join(map(str, pixels.shape)).encode()
        digests.append(hashlib.sha256(header + pixels.tobytes()).hexdigest())
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def read_picture(path: Path, channels: int) -> NDArray[Any]:
    """Read (H, W, 3), or for one channel (H, W), white at 255; see `vdn.data.images.read_image`."""
    pixels = read_image(path, channels)
    return pixels[..., 0] if channels == 1 else pixels


def read_pair(noisy: Path, clean: Path, channels: int) -> list[NDArray[Any]]:
    """Read two aligned pictures by one range."""
    pair = read_aligned([noisy, clean], channels)
    return [side[..., 0] if channels == 1 else side for side in pair]


def _read_places(path: Path) -> dict[str, Path]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileError(f"{path}: no readable TOML ({error})") from error
    sets = content.pop("sets", None)
    if content or not isinstance(sets, dict) or not all(isinstance(v, str) for v in sets.values()):
        raise ConfigError(f'{path}: give one table [sets] with lines such as Set5 = "folder"')
    places = {name: path.parent / folder for name, folder in sets.items()}
    for name, folder in places.items():
        if not folder.is_dir():
            raise FileError(f"{path}: {name} is {folder}, and there is no such folder")
    return places


def _is_paired(folder: Path) -> bool:
    return (folder / "noisy").is_dir() and (folder / "clean").is_dir()


def _open(name: str, folder: Path) -> ImageSet:
    known = known_sets().get(name)
    samples = (
        _pairs(folder)
        if _is_paired(folder)
        else [Sample(path.stem, path) for path in image_files(folder)]
    )
    return ImageSet(name, tuple(samples), known.channels if known else _channels(samples))


def _channels(samples: Iterable[Sample]) -> int:
    """Return how many channels the pictures of an unknown set have, by the first readable one."""
    for sample in samples:
        try:
            pixels = read_picture(sample.clean, 3)
        except FileError:
            continue
        return 1 if (pixels == pixels[..., :1]).all() else 3
    return 3


def _pairs(folder: Path) -> Sequence[Sample]:
    noisy, clean = ({p.stem: p for p in image_files(folder / part)} for part in ("noisy", "clean"))
    if alone := sorted(set(noisy) ^ set(clean)):
        raise FileError(
            f"{folder}: {alone[0]} is in one of noisy/ and clean/ only ({len(alone)} such names); "
            "both need the same names"
        )
    return [Sample(name, clean[name], noisy[name]) for name in sorted(noisy)]
