"""RENOIR (Anaya, Barbu, JVCIR 2018): real low-light noise of three cameras."""

from pathlib import Path

from vdn.data.pairs import FilePairs, PairFiles
from vdn.errors import FileError

__all__ = ["CAMERAS", "renoir"]

CAMERAS = ("Mi3_Aligned", "S90_Aligned", "T3i_Aligned")
"""Folder of each camera: Xiaomi Mi3, Canon S90, Canon T3i; some 40 scenes in each."""

_SOURCE = (
    "expected RENOIR's aligned sets: Mi3_Aligned, S90_Aligned and T3i_Aligned with "
    "Batch_001/IMG_1Reference.bmp, …Noisy.bmp, …full.bmp, from "
    "https://ani.stat.fsu.edu/~abarbu/Renoir.html"
)


def renoir(folder: str | Path, complete: bool = True) -> FilePairs:
    """The pairs of RENOIR: every noisy exposure with the mean of the scene's two clean ones.

    A scene is a ``Batch_001`` folder: ``…Reference.bmp`` is the first exposure at low sensitivity,
    ``…full.bmp`` the second, taken last; ``…Noisy.bmp``, one or two, lie between them.

    Parameters
    ----------
    folder
        With the three cameras' folders.
    complete
        Refuse a copy that lacks a camera; False to work with a part.

    Returns
    -------
    FilePairs
        Named ``Mi3_Aligned_Batch_001_IMG_20160202_015247``.

    Raises
    ------
    FileError
        If cameras, scenes or exposures are missing.
    """
    root = Path(folder)
    present = [camera for camera in CAMERAS if (root / camera).is_dir()]
    if not present or (complete and len(present) != len(CAMERAS)):
        raise FileError(f"{root}: holds the cameras {present}; {_SOURCE}")
    pairs = []
    for camera in present:
        batches = sorted(p for p in (root / camera).glob("Batch_*") if p.is_dir())
        if not batches:
            raise FileError(f"{root / camera}: no scene; {_SOURCE}")
        for batch in batches:
            pairs += _scene(batch, f"{camera}_{batch.name}")
    return FilePairs(tuple(pairs))


def _scene(batch: Path, name: str) -> list[PairFiles]:
    exposures = sorted(path for path in batch.iterdir() if path.suffix.lower() == ".bmp")
    clean = tuple(p for p in exposures if p.stem.lower().endswith(("reference", "full")))
    noisy = [p for p in exposures if p.stem.lower().endswith("noisy")]
    if not clean or not noisy:
        raise FileError(f"{batch}: {len(clean)} clean and {len(noisy)} noisy exposures; {_SOURCE}")
    return [PairFiles(f"{name}_{p.stem[: -len('noisy')]}", p, clean) for p in noisy]
