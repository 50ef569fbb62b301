"""The Darmstadt Noise Dataset (Plötz, Roth, CVPR 2017), sRGB: 1000 crops without public truth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdn.data.matlab import open_hdf5, write_mat
from vdn.errors import FileError, InputError

__all__ = ["CROPS", "PHOTOGRAPHS", "Dnd", "DndCrop", "write_dnd_submission"]

PHOTOGRAPHS, CROPS = 50, 20
_SOURCE = (
    "expected DND (info.mat and images_srgb/0001.mat to 0050.mat, 12.8 GB) from "
    "https://noise.visinf.tu-darmstadt.de/downloads"
)


@dataclass(frozen=True, eq=False)
class DndCrop:
    """One bounding box of one photograph.

    Attributes
    ----------
    photograph, crop
        From 0.
    noisy
        float32 (H, W, 3) in [0, 1], RGB.
    sigma
        The noise level the data set states for it, in the same units.
    """

    photograph: int
    crop: int
    noisy: NDArray[np.float32]
    sigma: float


class Dnd:
    """The crops of DND in the order of the submission; iterating reads a photograph at a time.

    Parameters
    ----------
    folder
        With ``info.mat`` and ``images_srgb``.

    Raises
    ------
    FileError
        If files are missing, or `info.mat` is not as published.
    MissingExtraError
        Without h5py: all files are MATLAB 7.3.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        files = [self.folder / "info.mat", *map(self._path, range(PHOTOGRAPHS))]
        missing = [path for path in files if not path.is_file()]
        if missing:
            raise FileError(f"{missing[0]}: no such file; {_SOURCE}")
        with open_hdf5(files[0]) as file:
            try:
                info = file["info"]
                columns = [np.ravel(info[key]) for key in ("boundingboxes", "sigma_srgb")]
                self.boxes, self.sigmas = (
                    [np.asarray(file[column[i]]).T for i in range(PHOTOGRAPHS)]
                    for column in columns
                )
            except (KeyError, ValueError, IndexError) as error:
                raise FileError(f"{files[0]}: not as published ({error}); {_SOURCE}") from error

    def __len__(self) -> int:
        return PHOTOGRAPHS * CROPS

    def __iter__(self) -> Iterator[DndCrop]:
        for photograph in range(PHOTOGRAPHS):
            yield from self.crops(photograph)

    def crops(self, photograph: int) -> list[DndCrop]:
        """The 20 crops of one photograph, from 0.

        Raises
        ------
        FileError
            If its file cannot be read.
        """
        path = self._path(photograph)
        with open_hdf5(path) as file:
            if "InoisySRGB" not in file:
                raise FileError(f"{path}: has no InoisySRGB; {_SOURCE}")
            image = np.asarray(file["InoisySRGB"], dtype=np.float32).T
        crops = []
        for index in range(CROPS):
            # MATLAB's corners: from 1, and the last row and column belong to the box.
            top, left, bottom, right = self.boxes[photograph][index].astype(int)
            noisy = np.ascontiguousarray(image[top - 1 : bottom, left - 1 : right])
            sigma = float(self.sigmas[photograph].ravel()[index])
            crops.append(DndCrop(photograph, index, noisy, sigma))
        return crops

    def _path(self, photograph: int) -> Path:
        return self.folder / "images_srgb" / f"{photograph + 1:04d}.mat"


def write_dnd_submission(folder: str | Path, denoised: Sequence[NDArray[np.floating]]) -> None:
    """Write the 50 files the server takes, ``0001.mat`` to ``0050.mat``.

    Each holds the cell array ``Idenoised`` of 20 single-precision crops, ``israw`` false and
    ``eval_version`` "1.0", as the authors' own bundling does. Submit the folder's content.

    Parameters
    ----------
    folder
        Made if missing.
    denoised
        1000 crops (H, W, 3) in [0, 1], RGB, in the order of `Dnd`.

    Raises
    ------
    InputError
        For another number of crops, or one that is no RGB image.
    """
    if len(denoised) != PHOTOGRAPHS * CROPS:
        raise InputError(f"denoised has {len(denoised)} crops; DND has {PHOTOGRAPHS * CROPS}")
    wrong = [i for i, crop in enumerate(denoised) if np.ndim(crop) != 3 or crop.shape[2] != 3]
    if wrong:
        raise InputError(f"crop {wrong[0]} has shape {denoised[wrong[0]].shape}; give (H, W, 3)")
    Path(folder).mkdir(parents=True, exist_ok=True)
    for photograph in range(PHOTOGRAPHS):
        cells = np.empty(CROPS, dtype=object)
        for index in range(CROPS):
            crop = denoised[photograph * CROPS + index]
            cells[index] = np.clip(crop, 0, 1).astype(np.float32)
        values = {"Idenoised": cells, "israw": False, "eval_version": "1.0"}
        write_mat(Path(folder) / f"{photograph + 1:04d}.mat", values)
