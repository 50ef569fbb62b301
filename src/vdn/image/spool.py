"""Files to pass something through: in a folder, or in memory where none can be written."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

__all__ = ["scratch_file", "spool_file"]


@contextmanager
def spool_file(suffix: str = "") -> Iterator[Path]:
    """Give the path of an empty file that vanishes afterwards.

    Where no temporary folder can be written (a read-only container) it lies in memory, on Linux.

    Raises
    ------
    OSError
        When there is neither.

    Examples
    --------
    >>> with spool_file(".png") as path:
    ...     path.write_bytes(b"abc"), path.read_bytes()
    (3, b'abc')
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="vdn-"))
    except OSError:
        if not hasattr(os, "memfd_create"):
            raise
        number = os.memfd_create("vdn")
        try:
            yield Path(f"/proc/self/fd/{number}")
        finally:
            os.close(number)
        return
    try:
        path = folder / f"spool{suffix}"
        path.touch()
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scratch_file(folder: Path) -> BinaryIO:
    """Return a file without a name, in a folder or, where that cannot be, in memory on Linux."""
    try:
        return cast(BinaryIO, tempfile.TemporaryFile(dir=folder))
    except OSError:
        if not hasattr(os, "memfd_create"):
            raise
        return os.fdopen(os.memfd_create("vdn"), "w+b")
