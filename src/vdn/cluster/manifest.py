"""The record of a run: a row for every input, as Parquet."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from vdn.cluster.job import Done
from vdn.errors import FileError
from vdn.extras import needs_extra
from vdn.image.atomic import replacing
from vdn.storage import ObjectPath, find_objects, location, read_object, store

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Manifest", "read_manifest"]

_PERIOD = 10.0  # seconds after which rows are written
_ROWS = 100_000  # after which they are, whatever the time
_MADE = ("done", "skipped")


def _schema() -> pa.Schema:
    with needs_extra("cluster"):
        import pyarrow as pa
    text = pa.string()
    return pa.schema(
        [
            ("input", text),
            ("status", pa.dictionary(pa.int8(), text)),
            ("output", text),
            ("noise_map", text),
            ("uncertainty", text),
            ("digest", text),
            ("model", text),
            ("width", pa.int64()),
            ("height", pa.int64()),
            ("frames", pa.int64()),
            ("noise_sigma", pa.list_(pa.float64())),
            ("seconds", pa.float64()),
            ("error", text),
            ("worker", text),
            ("finished", pa.timestamp("ms", tz="UTC")),
        ]
    )


class Manifest:
    """A folder of Parquet files to which a run adds a row for every input.

    Every file appears whole or not at all, some ten seconds after the last, and none is changed
    afterwards: a run that is killed loses the rows of these seconds and no other, and a later run
    adds files of its own. It is closed by leaving a `with` block.

    Parameters
    ----------
    folder
        The folder, or its address on object storage; made if there is none.

    Raises
    ------
    FileError
        When it cannot be read or written.

    Examples
    --------
    >>> with Manifest("clean/manifest.parquet") as manifest:  # doctest: +SKIP
    ...     for done in map_files(jobs):
    ...         manifest.add(done)
    >>> table = read_manifest("clean/manifest.parquet")  # doctest: +SKIP
    """

    def __init__(self, folder: str | Path | ObjectPath) -> None:
        self._folder, self._schema = location(folder), _schema()
        self._rows: list[dict[str, Any]] = []
        self._written = time.monotonic()
        now = datetime.now(UTC)
        self._name, self._count = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}", 0
        if isinstance(self._folder, Path):
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FileError(f"{folder}: cannot be made ({error.strerror})") from error
        self._made = self._read_made()

    def holds(self, source: object) -> bool:
        """Say whether an input was done, or found done, in an earlier run."""
        key = _key(str(source))
        place = int(np.searchsorted(self._made, key))
        return place < len(self._made) and bool(self._made[place] == key)

    def add(self, done: Done) -> None:
        """Add a row."""
        job, report = done.job, done.report
        image, noise_map, uncertainty = done.made if report else job.outputs
        if done.status not in _MADE:
            image = noise_map = uncertainty = None
        self._rows.append(
            {
                "input": _text(job.source),
                "status": done.status,
                "output": _text(image),
                "noise_map": _text(noise_map),
                "uncertainty": _text(uncertainty),
                "digest": done.digest or None,
                "model": report and report.model,
                "width": report and report.width,
                "height": report and report.height,
                "frames": report and report.frames,
                "noise_sigma": report and list(report.noise_sigma),
                "seconds": done.seconds if report else None,
                "error": _text(done.error) if done.status == "failed" else None,
                "worker": done.worker or None,
                "finished": datetime.now(UTC),
            }
        )
        if len(self._rows) >= _ROWS or time.monotonic() - self._written > _PERIOD:
            self.flush()

    def flush(self) -> None:
        """Write the rows there are."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._written = time.monotonic()
        if not self._rows:
            return
        table = pa.Table.from_pylist(self._rows, self._schema)
        name = f"{self._name}-{self._count:06}.parquet"
        if isinstance(self._folder, Path):
            with replacing(self._folder / name) as temporary:
                pq.write_table(table, temporary, compression="zstd")
        else:
            with TemporaryDirectory(prefix="vdn-") as scratch:
                pq.write_table(table, Path(scratch, name), compression="zstd")
                store(Path(scratch, name), self._folder / name)
        self._count += 1
        self._rows.clear()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.flush()

    def _read_made(self) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Return what stands for the inputs that are done, 8 bytes each, sorted."""
        latest: list[np.ndarray[Any, Any]] = []
        for table in _parts(self._folder, ["input", "status"]):
            status = table["status"].to_pylist()
            keys = [_key(name) for name in table["input"].to_pylist()]
            made = [each in _MADE for each in status]
            latest.append(np.array(list(zip(keys, made, strict=True)), _KEYED))
        if not latest:
            return np.empty(0, np.uint64)
        rows = np.concatenate(latest)[::-1]
        _, first = np.unique(rows["key"], return_index=True)  # the last row of each counts
        return np.asarray(rows[first]["key"][rows[first]["made"]])


_KEYED = np.dtype([("key", np.uint64), ("made", bool)])


def read_manifest(folder: str | Path | ObjectPath) -> pa.Table:
    """Return the rows of a manifest, of inputs that have several the last.

    Parameters
    ----------
    folder
        The folder, or its address.

    Returns
    -------
    pyarrow.Table
        Columns: `input`; `status` ("done", "failed", "skipped", "passed over"); `output`,
        `noise_map`, `uncertainty`; `digest` (SHA-256 of the output); `model`; `width`, `height`
        and `frames`; `noise_sigma` (a channel each); `seconds`; `error`; `worker` (address of the
        process); `finished` (UTC). What there is not is null.

    Raises
    ------
    FileError
        When it cannot be read.
    """
    import pyarrow as pa

    schema = _schema()
    parts = list(_parts(location(folder), None))
    table = pa.concat_tables([part.cast(schema) for part in parts] or [schema.empty_table()])
    last = {name: index for index, name in enumerate(table["input"].to_pylist())}
    return table.take(pa.array(sorted(last.values()), pa.int64()))


def _parts(folder: Path | ObjectPath, columns: list[str] | None) -> Iterator[pa.Table]:
    """Yield the files of a manifest, from the oldest on."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths: list[Path | ObjectPath]
    if isinstance(folder, Path):
        paths = sorted(folder.glob("[!.]*.parquet"))
    else:
        paths = []
        with suppress(FileNotFoundError):
            paths = [path for path, _ in find_objects(folder) if path.suffix == ".parquet"]
    for path in paths:
        try:
            source = path if isinstance(path, Path) else pa.BufferReader(read_object(path))
            yield pq.read_table(source, columns=columns)
        except (OSError, pa.ArrowException, KeyError) as error:
            if isinstance(error, FileError):
                raise
            raise FileError(f"{path}: is no part of a manifest ({error})") from error


def _key(name: str) -> int:
    digest = hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _text(value: object) -> str | None:
    """Return text as Parquet takes it, which is UTF-8: other bytes of a name become escapes."""
    if value is None:
        return None
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
