"""The Smartphone Image Denoising Dataset (Abdelhamed, Lin, Brown, CVPR 2018), sRGB."""

import base64
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from vdn.data.matlab import read_mat, write_mat
from vdn.data.pairs import FilePairs, Pair, PairFiles
from vdn.errors import FileError, InputError

__all__ = [
    "BLOCKS_SHAPE",
    "SiddBlocks",
    "SiddScene",
    "sidd_benchmark",
    "sidd_medium",
    "sidd_validation",
    "write_sidd_csv",
    "write_sidd_submission",
]

BLOCKS_SHAPE = (40, 32, 256, 256, 3)
"""40 photographs × 32 blocks of 256 × 256 RGB pixels: validation and benchmark."""

_SOURCE = "get it from https://abdokamel.github.io/sidd (free, after its licence)"
_SCENES, _PER_SCENE = 160, 2
_NAME = re.compile(r"(\d{4})_(\d{3})_(GP|IP|S6|N6|G4)_(\d{5})_(\d{5})_(\d{4})_([LNH])")


@dataclass(frozen=True)
class SiddScene:
    """What the name of a scene's folder says.

    Attributes
    ----------
    instance, scene
        Running number of the scene instance; number of the scene.
    camera
        GP (Pixel), IP (iPhone 7), S6 (Galaxy S6 Edge), N6 (Nexus 6) or G4 (LG G4).
    iso, shutter
        Sensitivity; one over the exposure time in seconds.
    temperature
        Of the light, in kelvin.
    brightness
        L (low), N (normal) or H (high exposure).
    """

    instance: str
    scene: str
    camera: str
    iso: int
    shutter: int
    temperature: int
    brightness: str

    @classmethod
    def from_name(cls, name: str) -> "SiddScene":
        """Read a folder's name.

        Raises
        ------
        InputError
            If it is not of the data set's form.

        Examples
        --------
        >>> SiddScene.from_name("0052_002_S6_01600_01000_5500_N").iso
        1600
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise InputError(
                f"{name!r} is no name of a SIDD scene (0001_001_S6_00100_00060_3200_L)"
            )
        instance, scene, camera, iso, shutter, temperature, brightness = match.groups()
        return cls(instance, scene, camera, int(iso), int(shutter), int(temperature), brightness)


def sidd_medium(folder: str | Path, complete: bool = True) -> FilePairs:
    """The 320 pairs of SIDD-Medium sRGB for training.

    Parameters
    ----------
    folder
        ``SIDD_Medium_Srgb``, or its ``Data``: a folder a scene, with ``0001_NOISY_SRGB_010.PNG``,
        ``0001_GT_SRGB_010.PNG`` and the same as ``011``.
    complete
        Refuse a copy without all 160 scenes; False to work with a part.

    Returns
    -------
    FilePairs
        Named ``0001_001_S6_00100_00060_3200_L_010``.

    Raises
    ------
    FileError
        If scenes or files are missing; the text names the first of them.
    """
    expected = f"expected SIDD-Medium sRGB (Data/, 160 scenes, 320 pairs, 12 GB): {_SOURCE}"
    root = Path(folder)
    root = root / "Data" if (root / "Data").is_dir() else root
    if not root.is_dir():
        raise FileError(f"{root}: no such folder; {expected}")
    scenes = sorted(p for p in root.iterdir() if p.is_dir() and _NAME.fullmatch(p.name))
    if not scenes or (complete and len(scenes) != _SCENES):
        raise FileError(f"{root}: {len(scenes)} folders of scenes; {expected}")
    pairs = []
    for scene in scenes:
        files = {path.name.upper(): path for path in scene.iterdir()}
        instance = SiddScene.from_name(scene.name).instance
        shots = sorted(
            name.removesuffix(".PNG")[-3:]
            for name in files
            if name.startswith(f"{instance}_NOISY_SRGB_")
        )
        if not shots or (complete and len(shots) != _PER_SCENE):
            raise FileError(f"{scene}: {len(shots)} noisy images instead of {_PER_SCENE}")
        for shot in shots:
            clean = files.get(f"{instance}_GT_SRGB_{shot}.PNG")
            if clean is None:
                raise FileError(f"{scene}: lacks {instance}_GT_SRGB_{shot}.PNG")
            noisy = files[f"{instance}_NOISY_SRGB_{shot}.PNG"]
            pairs.append(PairFiles(f"{scene.name}_{shot}", noisy, (clean,)))
    return FilePairs(tuple(pairs))


@dataclass(frozen=True, eq=False)
class SiddBlocks(Sequence[Pair]):
    """Blocks with their ground truth, photograph by photograph.

    Attributes
    ----------
    noisy, clean
        uint8, `BLOCKS_SHAPE`.
    """

    noisy: NDArray[np.uint8]
    clean: NDArray[np.uint8]

    def __len__(self) -> int:
        return self.noisy.shape[0] * self.noisy.shape[1]

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | Sequence[Pair]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        photograph, block = divmod(index % len(self), self.noisy.shape[1])
        return self.noisy[photograph, block], self.clean[photograph, block]


def sidd_validation(folder: str | Path) -> SiddBlocks:
    """The 1280 validation blocks, RGB.

    Parameters
    ----------
    folder
        With ``ValidationNoisyBlocksSrgb.mat`` and ``ValidationGtBlocksSrgb.mat``.

    Raises
    ------
    FileError
        If a file is missing or not as published.
    """
    return SiddBlocks(
        _blocks(folder, "ValidationNoisyBlocksSrgb"), _blocks(folder, "ValidationGtBlocksSrgb")
    )


def sidd_benchmark(folder: str | Path) -> NDArray[np.uint8]:
    """The 1280 noisy blocks of the benchmark, uint8 `BLOCKS_SHAPE`; its truth is not public.

    Parameters
    ----------
    folder
        With ``BenchmarkNoisyBlocksSrgb.mat``.

    Raises
    ------
    FileError
        If the file is missing or not as published.
    """
    return _blocks(folder, "BenchmarkNoisyBlocksSrgb")


def write_sidd_submission(
    path: str | Path,
    blocks: NDArray[np.uint8],
    seconds_per_megapixel: float,
    *,
    method: str,
    authors: str = "",
    title: str = "",
    venue: str = "",
    machine: str = "",
) -> None:
    """Write ``SubmitSrgb.mat`` as the benchmark's own script does.

    It holds the cell array ``DenoisedBlocksSrgb`` (40 × 32 of uint8 blocks), ``TimeMPSrgb`` and
    the structure ``OptionalData``.

    Parameters
    ----------
    path
        The server expects the name ``SubmitSrgb.mat``.
    blocks
        uint8, `BLOCKS_SHAPE`, RGB.
    seconds_per_megapixel
        Running time.
    method, authors, title, venue, machine
        What the table of results shows.

    Raises
    ------
    InputError
        For blocks of another shape or dtype.
    """
    checked = _checked(blocks)
    cells = np.empty(checked.shape[:2], dtype=object)
    for place in np.ndindex(cells.shape):
        cells[place] = checked[place]
    about = {
        "MethodName": method,
        "Authors": authors,
        "PaperTitle": title,
        "Venue": venue,
        "MachineSpecs": machine,
    }
    values = {"DenoisedBlocksSrgb": cells, "TimeMPSrgb": float(seconds_per_megapixel)}
    write_mat(path, values | {"OptionalData": about})


def write_sidd_csv(path: str | Path, blocks: NDArray[np.uint8]) -> None:
    """Write the table the benchmark's Kaggle page takes: ``ID,BLOCK``, a base64 row a block.

    Parameters
    ----------
    path
        The server expects the name ``SubmitSrgb.csv``.
    blocks
        uint8, `BLOCKS_SHAPE`, RGB.

    Raises
    ------
    InputError
        For blocks of another shape or dtype.
    """
    checked = _checked(blocks)
    flat = checked.reshape(-1, *checked.shape[2:])
    with Path(path).open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        writer.writerow(["ID", "BLOCK"])
        for index, block in enumerate(flat):
            writer.writerow([index, base64.b64encode(block.tobytes()).decode("ascii")])


def _blocks(folder: str | Path, key: str) -> NDArray[np.uint8]:
    path = Path(folder) / f"{key}.mat"
    expected = f"expected {key}, uint8 {BLOCKS_SHAPE}: {_SOURCE}"
    if not path.is_file():
        raise FileError(f"{path}: no such file; {expected}")
    blocks = read_mat(path, key)
    if blocks.dtype != np.uint8 or blocks.ndim != 5 or blocks.shape[-1] != 3:
        raise FileError(f"{path}: holds {blocks.dtype} {blocks.shape}; {expected}")
    return blocks


def _checked(blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    array = np.asarray(blocks)
    if array.dtype != np.uint8 or array.shape != BLOCKS_SHAPE:
        raise InputError(
            f"blocks are {array.dtype} {array.shape}; the benchmark takes uint8 {BLOCKS_SHAPE}"
        )
    return np.ascontiguousarray(array)
