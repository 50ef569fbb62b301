"""A visit: the pictures somebody has brought, in a folder of their own, and what became of them."""

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

from vdn.image import FrameSpec, Range
from vdn.models import Goal
from vdn.noise.verdict import Verdict
from vdn.previews import Box, Preview
from vdn.streaming import Report
from vdn.web.lanes import Lane, Work
from vdn.web.rasters import Raster, flips_columns, flips_rows, is_transposed

__all__ = ["MAPS", "Choices", "Entry", "Found", "Visit"]

MAPS = ("noise", "uncertainty")
"""What is known at every pixel, besides the result."""


@dataclass(frozen=True)
class Choices:
    """What a visitor has set, for all pictures alike."""

    strength: float = 1.0
    goal: Goal = field(default_factory=Goal)
    model: str = "auto"

    @property
    def only_denoise(self) -> bool:
        """Whether nothing but the noise is to go: then there are previews and a verdict."""
        return self.goal.task == "denoise"

    @property
    def scale(self) -> int:
        """Pixels a side of the result for one of the picture."""
        return self.goal.scale or 1


@dataclass(frozen=True)
class Found:
    """What is known of a picture, from a part of it or from the whole.

    Attributes
    ----------
    sigma
        Standard deviation of its noise, a channel each.
    verdict
        Of the noise; None where more than noise was removed.
    model, reason
        Who says so, and why that model was asked.
    whole
        Whether all of it has been looked at.
    told
        What else had happened to it, labels and words: its blur, its compression.
    """

    sigma: tuple[float, ...]
    verdict: Verdict | None
    model: str
    reason: str
    whole: bool
    told: tuple[tuple[str, str], ...] = ()


@dataclass(eq=False)
class Entry:
    """A picture of a visit.

    Attributes
    ----------
    identity, name, folder
        Its number, the user's name for it, and where its files are.
    size, pixels, frames, format, orientation, icc
        What the file is like: bytes, pixels of all images, how many these are, and so on.
    frame, spec, range
        Which of the images is looked at, from 0, what it is like, and which values are black and
        white in it.
    choices, report, seconds
        What its result was made with, what was found, and how long it took.
    state
        ``waiting``, ``working``, ``done``, ``stopped`` or ``failed``, which `message` explains.
    rasters
        What can be looked at: ``source``, ``result``, ``noise``, ``uncertainty``.
    """

    identity: str
    name: str
    folder: Path
    size: int
    pixels: int
    spec: FrameSpec
    frames: int
    format: str
    orientation: int
    icc: bytes
    range: Range
    source: Path
    frame: int = 0
    result: Path | None = None
    choices: Choices | None = None
    report: Report | None = None
    found: Found | None = None
    seconds: float = 0.0
    state: str = "waiting"
    message: str = ""
    share: float = 0.0
    begun: float = 0.0
    work: Work | None = None
    version: int = 0
    added: float = field(default_factory=time.monotonic)
    rasters: dict[str, Raster] = field(default_factory=dict)
    previews: dict[tuple[Box, str], Preview] = field(default_factory=dict)
    reports: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns as they are looked at."""
        height, width = self.spec.shape[:2]
        return (width, height) if is_transposed(self.orientation) else (height, width)

    def to_stored(self, row: float, column: float) -> tuple[float, float]:
        """Return where a place of the picture as it is looked at lies in the stored one."""
        height, width = self.shape
        if flips_rows(self.orientation):
            row = height - row
        if flips_columns(self.orientation):
            column = width - column
        return (column, row) if is_transposed(self.orientation) else (row, column)

    def place_of(self, box: Box) -> tuple[int, int]:
        """Return the corner at the top left, as it is looked at, of a part of the stored one."""
        top, left, box_height, box_width = astuple(box)
        if is_transposed(self.orientation):
            top, left, box_height, box_width = left, top, box_width, box_height
        height, width = self.shape
        if flips_rows(self.orientation):
            top = height - top - box_height
        if flips_columns(self.orientation):
            left = width - left - box_width
        return top, left

    def describe(self, lane: Lane) -> dict[str, Any]:
        """Return what the page shows of it."""
        height, width = self.shape
        seconds = time.monotonic() - self.begun if self.state == "working" else 0.0
        return {
            "id": self.identity,
            "name": self.name,
            "bytes": self.size,
            "width": width,
            "height": height,
            "frame": self.frame,
            "frames": self.frames,
            "format": self.format,
            "depth": str(self.spec.dtype),
            "channels": self.spec.channels,
            "state": self.state,
            "message": self.message,
            "position": lane.position(self.work) if self.work else None,
            "share": round(self.share, 4),
            "megapixels_per_second": self.share * self.pixels / 1e6 / seconds
            if seconds > 0
            else None,
            "seconds_left": seconds / self.share - seconds if self.share > 0 else None,
            "version": self.version,
            "levels": {name: raster.levels for name, raster in self.rasters.items()},
            "spans": {n: self.rasters[n].display_range for n in MAPS if n in self.rasters},
            "found": asdict(self.found) if self.found else None,
            "result": self._describe_result(),
        }

    def _describe_result(self) -> dict[str, Any] | None:
        if self.result is None or self.choices is None or self.report is None:
            return None
        height, width = self.rasters["result"].shape
        return {
            "name": self.result.name,
            "bytes": self.result.stat().st_size,
            "width": width,
            "height": height,
            "scale": self.choices.scale,
            "goal": asdict(self.choices.goal),
            "strength": self.choices.strength,
            "model": self.report.model,
            "reason": self.report.reason,
            "noise_sigma": list(self.report.noise_sigma),
            "seconds": round(self.seconds, 2),
            "left_out": list(self.report.left_out),
        }


class Visit:
    """Pictures in the order they came, what is set, and who is to be told of changes.

    Parameters
    ----------
    folder
        For all files of the visit.
    loop
        Where those wait who are told.
    """

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        folder.mkdir()
        self.folder, self._loop = folder, loop
        self.entries: dict[str, Entry] = {}
        self.choices = Choices()
        self.last_seen = time.monotonic()
        self._watchers: set[asyncio.Event] = set()
        self._numbers = 0
        self.closed = False

    def new_folder(self) -> tuple[str, Path]:
        """Return the number and the folder of a picture to come."""
        self._numbers += 1
        folder = self.folder / str(self._numbers)
        folder.mkdir()
        return str(self._numbers), folder

    def touch(self) -> None:
        """Note that somebody is there."""
        self.last_seen = time.monotonic()

    def changed(self) -> None:
        """Tell those who watch that something has changed; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    @contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """Give an event that is set at every change."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            self.touch()

    def idle_for(self) -> float:
        """Return for how many seconds nobody has been there."""
        return 0.0 if self._watchers else time.monotonic() - self.last_seen

    def describe(self, lane: Lane) -> dict[str, Any]:
        """Return what the page shows."""
        entries = [entry.describe(lane) for entry in list(self.entries.values())]
        return {**asdict(self.choices), "pictures": entries}

    def remove(self, entry: Entry) -> None:
        """Forget a picture, and delete its files."""
        self.entries.pop(entry.identity, None)
        if entry.work:
            entry.work.cancel()
        shutil.rmtree(entry.folder, ignore_errors=True)
        self.changed()

    def close(self) -> None:
        """Forget everything."""
        self.closed = True
        for entry in list(self.entries.values()):
            self.remove(entry)
        shutil.rmtree(self.folder, ignore_errors=True)
