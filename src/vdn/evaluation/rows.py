"""Measured rows in a file of JSON lines, so that a run that was stopped goes on."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vdn.errors import FileError

__all__ = ["KEY", "Row", "RowStore"]

KEY = ("protocol", "method", "version", "set", "image", "case", "seed")
"""What makes a row: a measurement with the same key is not made again."""

Row = Mapping[str, Any]


class RowStore:
    """The rows of a folder's `rows.jsonl`, which is only ever added to.

    Parameters
    ----------
    folder
        Made if it does not exist.
    fresh
        Set earlier rows aside, in a file of another name.

    Raises
    ------
    FileError
        When the folder cannot be made, or the file holds something else.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> row = dict.fromkeys(KEY, "x") | {"psnr": 30.0}
    >>> RowStore(folder).append(row)
    >>> row in RowStore(folder)
    True
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        self.path = folder / "rows.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if fresh and self.path.exists():
                now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
                self.path.rename(folder / f"rows.until-{now}.jsonl")
            text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
            whole = text[: text.rfind("\n") + 1]
            if whole != text:  # the line during which an earlier run was stopped
                with self.path.open("r+b") as file:
                    file.truncate(len(whole.encode("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(f"{self.path}: cannot be used for rows ({error})") from error
        self._rows: dict[tuple[Any, ...], Row] = {}
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = json.loads(line)
                self._rows[_key(row)] = row
            except (ValueError, KeyError, TypeError) as error:
                raise FileError(
                    f"{self.path}: line {number} is no row ({error!r}); choose another folder"
                ) from error

    def __contains__(self, row: Mapping[str, Any]) -> bool:
        return _key(row) in self._rows

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def append(self, row: Row) -> None:
        """Add a row to the file at once."""
        line = json.dumps(dict(row), allow_nan=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._rows[_key(row)] = row

    def select(self, keys: Iterable[Mapping[str, Any]]) -> list[Row]:
        """Return the rows there are of those asked for, in that order."""
        return [self._rows[_key(key)] for key in keys if _key(key) in self._rows]


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEY)
