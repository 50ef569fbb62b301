"""Files that appear complete or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vdn.errors import FileError

__all__ = ["check_target", "replacing"]


@contextmanager
def replacing(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give the path of a temporary file that becomes `path` if all goes well, else vanishes.

    Parameters
    ----------
    path
        The file to make.
    overwrite
        Replace it if it exists.

    Raises
    ------
    FileError
        When `path` exists, or its folder does not or cannot be written.
    """
    check_target(path, overwrite)
    temporary = path.with_name(f".vdn-{secrets.token_hex(6)}{path.suffix}")
    try:
        temporary.touch(exist_ok=False)  # with the permissions of an ordinary file
        yield temporary
        check_target(path, overwrite)
        os.replace(temporary, path)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        reason = error.strerror or error
        raise FileError(f"{path}: cannot be written ({reason})") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path: Path, overwrite: bool) -> None:
    """Raise unless `path` may be written."""
    if not path.parent.is_dir():
        raise FileError(
            f"{path}: cannot be written, there is no folder {path.parent}; make it first"
        )
    if path.is_dir():
        raise FileError(f"{path}: is a folder; give the name of a file")
    if path.exists() and not overwrite:
        raise FileError(f"{path}: exists; overwrite it or choose another name")
