"""Files that appear complete or not at all."""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import BinaryIO, NoReturn

from vdn.errors import ExistsError, FileError
from vdn.image.spool import spool_file

__all__ = [
    "check_target",
    "marked",
    "refuse_existing",
    "remove_marked",
    "replacing",
    "reserve",
    "undoing",
]

_PATIENCE = 5.0  # seconds, for somebody to read a pipe

_mark = ""  # in the names of temporary files


@contextmanager
def marked(mark: str) -> Iterator[None]:
    """Mark the temporary files that this process makes in the body, for `remove_marked`.

    Examples
    --------
    >>> with marked("7f"), replacing(Path("a.png")) as temporary:  # doctest: +SKIP
    ...     temporary.name
    '.vdn-7f-0cf3a9bd1be2.png'
    """
    global _mark
    _mark = f"{mark}-"
    try:
        yield
    finally:
        _mark = ""


def remove_marked(mark: str, folder: Path) -> None:
    """Remove what a process that was killed has left in a folder."""
    for path in folder.glob(f".vdn-{mark}-*"):
        path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give the path of a temporary file that becomes `path` if all goes well, else vanishes.

    Links are followed, and stay; a file that is replaced leaves its permissions and its owner to
    the new one. What is not an ordinary file (a device, a pipe) gets the bytes written into it.

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
    target = Path(os.path.realpath(path))
    try:
        if _is_stream(target):
            with spool_file(path.suffix) as temporary:
                yield temporary
                with temporary.open("rb") as made, _stream(target) as stream:
                    shutil.copyfileobj(made, stream)
            return
        temporary = _beside(target, path.suffix)
        try:
            temporary.touch(exist_ok=False)  # with the permissions of an ordinary file
            yield temporary
            check_target(path, overwrite)
            if target.exists():
                _pass_on(target, temporary)
                _to_disk(temporary)  # a power cut must not leave less than there was
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        reason = error.strerror or error
        raise FileError(f"{path}: cannot be written ({reason})") from error


@contextmanager
def undoing() -> Iterator[Callable[[Path], None]]:
    """Give a function to call before a path is replaced; if the body fails all is as it was.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "a"
    >>> with suppress(OSError), undoing() as remember:
    ...     remember(path)
    ...     _ = path.write_text("new")
    ...     raise OSError
    >>> path.exists()
    False
    """
    before: list[tuple[Path, Path | None]] = []

    def remember(path: Path) -> None:
        target = Path(os.path.realpath(path))
        if _is_stream(target):
            return
        copy = _beside(target, path.suffix)
        if target.is_file():
            try:
                os.link(target, copy)
            except OSError:  # a file system without links
                shutil.copy2(target, copy)
        before.append((target, copy if target.is_file() else None))

    try:
        yield remember
    except BaseException:
        for target, copy in before:
            if copy is None:
                target.unlink(missing_ok=True)
            else:
                os.replace(copy, target)
        raise
    finally:
        for _, copy in before:
            if copy is not None:
                copy.unlink(missing_ok=True)


def reserve(file: BinaryIO, size: int) -> None:
    """Claim space on the disk for a file, before its memory is mapped and written to.

    Writing to mapped memory that finds no space ends the process; this raises instead.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)


@contextmanager
def _stream(path: Path) -> Iterator[BinaryIO]:
    """Open a device or a pipe to write into; a pipe that nobody reads is refused after a while."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            number = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
            break
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    os.set_blocking(number, True)
    with open(number, "wb") as stream:
        yield stream


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def _pass_on(old: Path, new: Path) -> None:
    """Give a new file the permissions and, where that is allowed, the owner of the old one."""
    status = old.stat()
    if hasattr(os, "chown"):
        with suppress(PermissionError):
            os.chown(new, status.st_uid, status.st_gid)
    new.chmod(status.st_mode & 0o7777)


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def check_target(path: Path, overwrite: bool) -> None:
    """Raise unless `path` may be written."""
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise FileError(f"{path}: cannot be written, there is no folder {folder}; make it first")
    if path.is_dir():
        raise FileError(f"{path}: is a folder; give the name of a file")
    if path.is_file() and not overwrite:
        refuse_existing(path)


def refuse_existing(path: PurePath) -> NoReturn:
    """Raise for what exists and is not to be replaced."""
    raise ExistsError(
        f"{path}: exists; replace it (--overwrite), keep it (--skip-existing), or choose "
        "another name"
    )


def _beside(target: Path, suffix: str) -> Path:
    """Return a name that nothing has, in the folder of a file."""
    return target.with_name(f".vdn-{_mark}{secrets.token_hex(6)}{suffix}")
