"""The cross-channel noise set of Nam, Hwang, Matsushita and Kim (CVPR 2016), and its crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from vdn.data.matlab import read_mat
from vdn.data.pairs import FilePairs, Pair, pair_suffixes
from vdn.errors import FileError

__all__ = ["CAMERAS", "NamScenes", "cc", "nam"]

CAMERAS = ("Canon_EOS_5D_Mark3", "Nikon_D600", "Nikon_D800")
_SOURCE = (
    "expected Nam's set: Canon_EOS_5D_Mark3, Nikon_D600 and Nikon_D800 with ISO_3200/C_1.mat … "
    "(img_noisy and img_mean), from http://snam.ml/research/ccnoise"
)


@dataclass(frozen=True)
class NamScenes(Sequence[Pair]):
    """The scenes of Nam's set; an index reads one file."""

    files: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> "NamScenes": ...
    def __getitem__(self, index: int | slice) -> "Pair | NamScenes":
        if isinstance(index, slice):
            return NamScenes(self.files[index])
        path = self.files[index]
        noisy, clean = (read_mat(path, key) for key in ("img_noisy", "img_mean"))
        if noisy.shape != clean.shape or noisy.ndim != 3:
            raise FileError(f"{path}: img_noisy {noisy.shape}, img_mean {clean.shape}; {_SOURCE}")
        as_bytes = [np.clip(np.rint(side), 0, 255).astype(np.uint8) for side in (noisy, clean)]
        return as_bytes[0], as_bytes[1]

    @property
    def names(self) -> list[str]:
        """Camera, sensitivity and scene of every file."""
        return ["_".join((*path.parts[-3:-1], path.stem)) for path in self.files]


def nam(folder: str | Path) -> NamScenes:
    """The scenes of Nam's set: one JPEG exposure against the mean of 500, in 0 to 255.

    Parameters
    ----------
    folder
        With ``Canon_EOS_5D_Mark3/ISO_3200/C_1.mat`` and so on.

    Raises
    ------
    FileError
        If no camera's folder holds a scene.
    """
    root = Path(folder)
    files = tuple(sorted(p for camera in CAMERAS for p in (root / camera).glob("ISO_*/*.mat")))
    if not files:
        raise FileError(f"{root}: no scene found; {_SOURCE}")
    return NamScenes(files)


def cc(folder: str | Path) -> FilePairs:
    """The 15 crops of 512 × 512 from Nam's set that most papers call CC.

    Parameters
    ----------
    folder
        With ``5dmark3_iso3200_1_real.png`` and ``5dmark3_iso3200_1_mean.png`` and so on.

    Raises
    ------
    FileError
        If the folder is missing or a file lacks its partner.
    """
    return pair_suffixes(
        folder,
        "_real",
        "_mean",
        "expected the 15 pairs of CC (5dmark3_iso3200_1_real.png and …_mean.png) from "
        "https://github.com/csjunxu/MCWNNM_ICCV2017",
    )
