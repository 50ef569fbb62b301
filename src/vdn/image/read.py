"""Read a picture from a file."""

from pathlib import Path

from vdn.errors import FileError
from vdn.image.formats import format_by_content
from vdn.image.picture import Picture

__all__ = ["read"]


def read(path: str | Path) -> Picture:
    """Read a PNG, JPEG or TIFF file, recognised by its content.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Picture
        Pixels as stored (dtype, channels, orientation), metadata and encoding.

    Raises
    ------
    FileError
        When the file cannot be opened, is damaged, no such format, of too many pixels, or holds
        several pages, frames, or colours other than gray and RGB. The text is one line.

    Examples
    --------
    >>> read("holiday.jpg").pixels.shape  # doctest: +SKIP
    (3000, 4000, 3)
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise FileError(f"{path}: cannot be opened ({error.strerror or error})") from error
    try:
        return format_by_content(start).decode(path)
    except FileError as error:
        raise FileError(f"{path}: {error}") from error
    except MemoryError as error:
        raise FileError(f"{path}: does not fit into the memory; cut it into parts") from error
    except Exception as error:  # decoders raise nearly anything when a file is damaged
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileError(f"{path}: is damaged or cut short ({reason})") from error
