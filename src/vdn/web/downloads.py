"""Files to be saved by a browser."""

import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from anyio import CancelScope, to_thread
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from vdn.web.visits import Entry

__all__ = ["OnceResponse", "attachment", "files_of", "write_zip"]


class OnceResponse(FileResponse):
    """A file that is sent once, and deleted then, or when the browser went away meanwhile.

    Parameters
    ----------
    path
        The file.
    remove
        Deletes it.
    headers
        Of the answer.
    """

    def __init__(self, path: Path, remove: Callable[[], None], headers: dict[str, str]) -> None:
        super().__init__(path, headers=headers)
        self._remove = remove

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):  # deleting a large file takes time
                await to_thread.run_sync(self._remove)


def attachment(name: str) -> dict[str, str]:
    """Return the header that makes a browser, or curl, save a file under a name.

    Curl knows plain names alone, in which other characters than those of ASCII are replaced.

    Examples
    --------
    >>> print(attachment("é b.png")["content-disposition"])
    attachment; filename="_ b.png"; filename*=UTF-8''%C3%A9%20b.png
    """
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    encoded = quote(name, safe="")
    return {"content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"}


def files_of(entry: Entry, maps: Sequence[str]) -> dict[str, tuple[str, Path]]:
    """Return what was made of a picture: for ``result`` and each map a name and the file."""
    if entry.result is None:
        return {}
    files = {"result": (entry.result.name, entry.result)}
    stem = Path(entry.name).stem
    return files | {
        kind: (f"{stem}.{kind}.tiff", entry.result.with_name(f"{kind}.tiff")) for kind in maps
    }


def write_zip(path: Path, entries: Sequence[Entry], maps: Sequence[str]) -> None:
    """Write what was made of pictures into an archive; names that are taken get a number."""
    taken: set[str] = set()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for entry in entries:
            for name, file in files_of(entry, maps).values():
                unique = f"{entry.identity}-{name}" if name in taken else name
                taken.add(unique)
                archive.write(file, unique)
