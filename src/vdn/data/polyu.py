"""PolyU real-world noisy images (Xu, Li, Liang, Zhang, Zhang, 2018), cropped."""

from pathlib import Path

from vdn.data.pairs import FilePairs, pair_suffixes

__all__ = ["polyu"]


def polyu(folder: str | Path) -> FilePairs:
    """The 100 crops of PolyU: one exposure against the mean of some hundred.

    Parameters
    ----------
    folder
        The repository, or its ``CroppedImages``, with
        ``Canon5D2_5_160_3200_chair_11_real.JPG`` and ``…_mean.JPG``.

    Raises
    ------
    FileError
        If the folder is missing or a file lacks its partner.
    """
    crops = Path(folder) / "CroppedImages"
    return pair_suffixes(
        crops if crops.is_dir() else folder,
        "_real",
        "_mean",
        "expected PolyU's CroppedImages (100 pairs …_real.JPG and …_mean.JPG) from "
        "https://github.com/csjunxu/PolyU-Real-World-Noisy-Images-Dataset",
    )
