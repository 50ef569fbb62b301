"""Write a picture to a file."""

import shutil
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.atomic import check_target, replacing
from vdn.image.formats import Format, format_by_suffix
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture

__all__ = ["check_output", "copy", "write"]


def write(
    path: str | Path, pixels: NDArray[Any], like: Picture | None = None, *, overwrite: bool = False
) -> None:
    """Write pixels to a PNG, JPEG or TIFF file, whole or not at all.

    Parameters
    ----------
    path
        The file; its extension says the format.
    pixels
        (H, W), or (H, W, C) with C of 1, 2 (gray, alpha), 3 or 4 (colour, alpha), of a dtype the
        format holds. Nothing is converted.
    like
        The picture the pixels come from: its metadata is passed on and, in the same format, its
        encoding (the quality of a JPEG, the compression and the tags of a TIFF).
    overwrite
        Replace an existing file; the file of `like` is never replaced.

    Raises
    ------
    FileError
        When the file exists, is that of `like`, or cannot be written; when the extension is
        unknown or the format cannot hold the pixels.

    Examples
    --------
    >>> picture = read("a.tiff")  # doctest: +SKIP
    >>> write("a.denoised.tiff", vdn.denoise(picture.pixels).image, picture)  # doctest: +SKIP
    """
    path = Path(path)
    chosen = check_output(path, pixels, like, overwrite=overwrite)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    same = like is not None and like.format == chosen.name
    encoding = like.encoding if like is not None and same else {}
    metadata = Metadata() if like is None else like.metadata
    with replacing(path, overwrite) as temporary:
        try:
            chosen.encode(temporary, pixels, metadata, encoding)
        except OSError:
            raise
        except Exception as error:  # encoders, too, raise nearly anything
            raise FileError(f"{path}: cannot be written as {chosen.name} ({error})") from error


def copy(picture: Picture, path: str | Path, *, overwrite: bool = False) -> None:
    """Copy the file of a picture, byte for byte; errors as in `write`."""
    path = Path(path)
    check_output(path, picture.pixels, picture, overwrite=overwrite)
    with replacing(path, overwrite) as temporary:
        shutil.copyfile(picture.path, temporary)


def check_output(
    path: Path, pixels: NDArray[Any], like: Picture | None = None, *, overwrite: bool = False
) -> Format:
    """Return the format to write, or raise as `write` does, before there is anything to lose."""
    chosen = format_by_suffix(path)
    if like is not None and _same_file(path, like.path):
        raise FileError(f"{path}: is the input; choose another name")
    check_target(path, overwrite)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    if pixels.dtype.name not in chosen.dtypes or channels not in chosen.channels:
        raise FileError(
            f"{path}: {chosen.name.upper()} holds {', '.join(chosen.dtypes)} with "
            f"{', '.join(map(str, chosen.channels))} channels, not {pixels.dtype} of shape "
            f"{pixels.shape}; choose another extension, such as .tiff"
        )
    return chosen


def _same_file(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)
