"""The restorers, the queue and the visits behind the page."""

import asyncio
import secrets
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError, VdnError
from vdn.image import Range, find_ranges, open_picture, output_suffix
from vdn.models import Goal
from vdn.noise.verdict import QUIET, judge_noise
from vdn.noise_report import describe_noise, noise_lines, numbered, summarise
from vdn.previews import LADDER, Box, Preview
from vdn.restorer import Restorer
from vdn.result_names import MARKS, result_name
from vdn.runtime.cards import TASKS, list_models
from vdn.streaming import (
    FrameNoise,
    IOThreads,
    Report,
    Settings,
    Targets,
    estimate_picture_noise,
    restore_one_file,
)
from vdn.web.lanes import Cancelled, Lane, Work
from vdn.web.rasters import Raster, make_map, make_screen
from vdn.web.settings import ServiceSettings
from vdn.web.uploads import full_name, open_upload, why_too_large
from vdn.web.visits import MAPS, Choices, Entry, Found, Visit

__all__ = ["Service"]

_PATIENCE = 1.5  # seconds in which a new picture is left to its first preview
_PREVIEWS = 2  # kept a picture
_LONGEST = 60.0  # seconds a whole picture waits for previews
_EVERY = 0.1  # seconds between two reports of progress


class Service:
    """What the requests of all visits share.

    Two threads compute: one whole pictures, one after the other, and one previews; the first pauses
    between two windows while there are previews to make.

    Parameters
    ----------
    settings
        How it is set up.

    Attributes
    ----------
    models
        The names that may be given for a model, "auto" first, for everything that models ship for.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self._folder = tempfile.TemporaryDirectory(prefix="vdn-serve-")
        self.folder = Path(self._folder.name)
        self._visits: dict[str, Visit] = {}
        self._restorers: dict[tuple[Goal, str], Restorer] = {}
        self._lock = threading.Lock()
        self.whole = Lane("vdn-whole", self._tell_all)
        self.previews = Lane("vdn-previews")
        self.models: dict[Goal, list[str]] = {}
        cards = list_models(settings.weights)
        for card in sorted(cards, key=lambda card: (TASKS.index(card.purpose), card.scale)):
            self.models.setdefault(Goal.of(card), ["auto"]).append(card.name)

    def close(self) -> None:
        """Stop, and delete all files."""
        for lane in (self.previews, self.whole):
            lane.close()
        for visit in list(self._visits.values()):
            visit.close()
        self._folder.cleanup()

    def goal(self, task: str, scale: int | None = None) -> Goal:
        """Return what is to be done, of what models ship for.

        Parameters
        ----------
        task
            One of `vdn.runtime.cards.TASKS`.
        scale
            Pixels a side of the result for one of the picture; None for the smallest there is.

        Raises
        ------
        InputError
            When no model ships for it.
        """
        for goal in self.models:
            if goal.task == task and scale in (None, goal.scale or 1):
                return goal
        asked = task if scale is None else f"{task} x{scale}"
        raise InputError(
            f"no model for {asked!r} ships with this vdn; there are "
            f"{', '.join(map(str, self.models))}"
        )

    def restorer(self, goal: Goal, model: str) -> Restorer:
        """Return the restorer of a model that ships, or of "auto".

        Raises
        ------
        InputError
            When there is none of that name for the goal: paths are not looked up for anybody.
        """
        if model not in self.models[goal]:
            raise InputError(
                f"model={model!r}; for {goal} there are {', '.join(self.models[goal])}"
            )
        with self._lock:
            if (goal, model) not in self._restorers:
                self._restorers[goal, model] = Restorer(
                    goal.task,
                    goal.scale,
                    model,
                    self.settings.threads,
                    device=self.settings.device,
                    weights=self.settings.weights,
                )
            return self._restorers[goal, model]

    # Visits

    def visit(self, identity: str) -> Visit | None:
        """Return a visit that is going on."""
        found = self._visits.get(identity)
        if found is not None:
            found.touch()
        return found

    def new_visit(self) -> str:
        """Begin a visit; return what tells it from others, which nobody can guess."""
        identity = secrets.token_urlsafe(24)
        folder = self.folder / secrets.token_hex(8)
        self._visits[identity] = Visit(folder, asyncio.get_running_loop())
        return identity

    def end_visit(self, identity: str) -> None:
        """End a visit, and delete its files."""
        if visit := self._visits.pop(identity, None):
            visit.close()

    def end_idle_visits(self) -> None:
        """End those nobody has looked at for long."""
        for identity, visit in list(self._visits.items()):
            if visit.idle_for() > self.settings.idle_seconds:
                self.end_visit(identity)

    def _tell_all(self) -> None:
        for visit in list(self._visits.values()):
            visit.changed()

    # Pictures

    def add(self, visit: Visit, identity: str, folder: Path, source: Path, name: str) -> Entry:
        """Take a picture that has arrived into a visit, and put it into the queue.

        Raises
        ------
        HTTPException
            As `open_upload`.
        """
        with open_upload(source, name, self.settings) as picture:
            frame = picture.frames[0]
            entry = Entry(
                identity=identity,
                name=full_name(name, picture.format),
                folder=folder,
                size=source.stat().st_size,
                pixels=picture.pixel_count,
                spec=frame.spec(),
                frames=len(picture.frames),
                format=picture.format,
                orientation=picture.metadata.orientation,
                icc=picture.metadata.icc,
                range=find_ranges(frame)[0],
                source=source,
            )
            entry.rasters["source"] = make_screen(
                frame, entry.orientation, entry.range, folder, "source"
            )
        visit.entries[identity] = entry
        self.queue(visit, entry)
        return entry

    def show(self, visit: Visit, entry: Entry, frame: int) -> None:
        """Have another image of a picture looked at.

        Raises
        ------
        InputError
            When it has no such image.
        """
        if not 0 <= frame < entry.frames:
            raise InputError(f"frame={frame}; {entry.name} has images 0 to {entry.frames - 1}")
        folder = entry.folder / f"frame-{secrets.token_hex(4)}"
        folder.mkdir()
        with entry.lock:
            with open_picture(entry.source) as picture:
                stored = picture.frames[frame]
                range_ = find_ranges(stored)[0]
                source = make_screen(stored, entry.orientation, range_, folder, "source")
            previous = entry.rasters["source"].folder
            entry.frame, entry.spec, entry.range = frame, stored.spec(), range_
            rasters = {"source": source}
            if entry.result is not None:
                rasters |= _rasters(entry, frame, entry.result, folder)
            entry.rasters = rasters
            entry.previews.clear()
            entry.version += 1
        if previous != entry.folder:
            shutil.rmtree(previous, ignore_errors=True)
        visit.changed()

    def choose(self, visit: Visit, choices: Choices) -> None:
        """Set what is done to the pictures of a visit: anew, where that changes them.

        Raises
        ------
        InputError
            When there is no such model for the goal, or the strength is out of its range.
        """
        self.restorer(choices.goal, choices.model)
        if not 0 <= choices.strength <= LADDER[-1]:
            raise InputError(f"strength={choices.strength!r}; give a number from 0 to {LADDER[-1]}")
        visit.choices = choices
        for entry in list(visit.entries.values()):
            if entry.choices == choices:
                self.stop(visit, entry)  # it is there already
            elif entry.state != "stopped":
                self.queue(visit, entry)
        visit.changed()

    def queue(self, visit: Visit, entry: Entry) -> None:
        """Have a picture restored as the visit has chosen, in its turn, if it is not too large."""
        if entry.work:
            entry.work.cancel()
        choices = visit.choices
        entry.share, entry.message = 0.0, why_too_large(entry.pixels, choices.scale, self.settings)
        if entry.message:
            entry.state, entry.work = "failed", None
            return
        entry.state = "waiting"
        entry.work = Work(lambda work: self._restore(visit, entry, choices, work))
        self.whole.submit(entry.work)

    def stop(self, visit: Visit, entry: Entry) -> None:
        """Stop the work on a picture; what was made of it before stays."""
        if entry.work:
            entry.work.cancel()
            entry.work = None
        entry.state, entry.share = ("done" if entry.result else "stopped"), 0.0
        visit.changed()

    def run(
        self, source: Path, target: Path, work: Work, goal: Goal, model: str, **given: Any
    ) -> Report:
        """Restore a file into another, for a program."""

        def progress(share: float) -> None:
            self._give_way(work)

        return self.restorer(goal, model).file(source, target, progress=progress, **given)

    def _give_way(self, work: Work) -> None:
        """Let previews go first, between two windows of a whole picture; stop if it is unwanted."""
        work.check()
        self.previews.wait_for_urgent(_LONGEST)

    def _restore(self, visit: Visit, entry: Entry, choices: Choices, work: Work) -> None:
        deadline = entry.added + (_PATIENCE if choices.only_denoise else 0)
        while not entry.previews and time.monotonic() < deadline and not work.cancelled:
            time.sleep(0.02)
        folder = entry.folder / f"{entry.version + 1}"
        try:
            self._give_way(work)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            self._make(visit, entry, choices, work, folder)
        except Cancelled:
            shutil.rmtree(folder, ignore_errors=True)
        except Exception as error:
            shutil.rmtree(folder, ignore_errors=True)
            if not (work.cancelled or visit.closed):
                entry.state, entry.message = "failed", _message(error, entry)
        finally:
            visit.changed()

    def _make(self, visit: Visit, entry: Entry, choices: Choices, work: Work, folder: Path) -> None:
        entry.state, entry.begun, last = "working", time.monotonic(), 0.0
        visit.changed()

        def progress(share: float) -> None:
            nonlocal last
            self._give_way(work)
            entry.share = share
            if time.monotonic() - last > _EVERY:
                visit.changed()
                last = time.monotonic()

        name, mark = Path(entry.name), MARKS[choices.goal.task]
        result = folder / result_name(name.stem, mark, output_suffix(name, None))
        maps = {kind: folder / f"{kind}.tiff" for kind in MAPS}
        report = restore_one_file(
            self.restorer(choices.goal, choices.model).models,
            entry.source,
            Targets(result, maps["noise"], maps["uncertainty"]),
            Settings(strength=choices.strength, texture=choices.only_denoise),
            progress,
        )
        seconds = time.monotonic() - entry.begun
        rasters = _rasters(entry, frame := entry.frame, result, folder)
        previous = entry.result
        with entry.lock:
            if entry.frame != frame:  # another image has been asked for meanwhile
                rasters = _rasters(entry, entry.frame, result, folder)
            work.check()
            entry.rasters = {"source": entry.rasters["source"]} | rasters
            entry.result, entry.report, entry.choices = result, report, choices
            entry.seconds, entry.state = seconds, "done"
            entry.version += 1
            entry.found = _found(report, choices, entry.range)
        entry.work = None
        if previous is not None:
            shutil.rmtree(previous.parent, ignore_errors=True)

    # Reports

    def measure(self, source: Path, model: str, work: Work) -> list[dict[str, Any]]:
        """Return what `vdn noise --json` says of a file, image by image."""
        return [describe_noise(each, place) for place, each in self._measure(source, model, work)]

    def report(self, visit: Visit, entry: Entry) -> list[dict[str, Any]]:
        """Return what `vdn noise` says of a picture, in words: labels and lines, by image."""
        choices = visit.choices
        model = choices.model if choices.only_denoise else "auto"

        def measure(work: Work) -> list[dict[str, Any]]:
            return [
                {"title": summarise(each, place), "lines": noise_lines(each)}
                for place, each in self._measure(entry.source, model, work)
            ]

        if model not in entry.reports:
            work = self.previews.submit(Work(measure, urgency=1))
            entry.reports[model] = work.future.result()
        found: list[dict[str, Any]] = entry.reports[model]
        return found

    def _measure(
        self, source: Path, model: str, work: Work
    ) -> list[tuple[dict[str, int], FrameNoise]]:
        models = self.restorer(Goal(), model).models
        with IOThreads() as io_threads, open_picture(source) as picture:
            found, count = [], len(picture.frames)
            for each in estimate_picture_noise(
                models, picture, io_threads, advance=lambda share: work.check()
            ):
                each.summary.release()
                found.append(each)
        return list(numbered(found, count))

    # Previews

    def preview(
        self, visit: Visit, entry: Entry, row: float, column: float, strength: float, exact: bool
    ) -> tuple[tuple[int, int], NDArray[Any], bool]:
        """Return a part of a picture at a strength: its corner, its stored pixels, if exact.

        The part is around a place of the picture as it is looked at, as is the corner. Where it
        need not be exact, and something has been computed, the answer is mixed from that at once.

        Raises
        ------
        InputError
            When more than noise is to be removed.
        """
        if not visit.choices.only_denoise:
            raise InputError(f"there are previews to denoise alone, not to {visit.choices.goal}")
        box = Box.around(*entry.to_stored(row, column), entry.spec.shape)
        key = box, visit.choices.model
        preview = entry.previews.get(key)
        if preview is None or exact:
            work = Work(lambda work: self._preview(visit, entry, key, strength), urgency=1)
            preview = self.previews.submit(work).future.result()
        elif preview.prepare():
            for rung in LADDER:
                self.previews.submit(Work(lambda work, rung=rung: preview.exact(rung)))  # type: ignore[misc]
        pixels, is_exact = preview.pixels(strength)
        return entry.place_of(box), pixels, is_exact

    def _preview(
        self, visit: Visit, entry: Entry, key: tuple[Box, str], strength: float
    ) -> Preview:
        preview = entry.previews.get(key)
        if preview is None:
            preview = self._begin_preview(entry, key)
            self._find_noise(visit, entry, preview)
        preview.exact(strength)
        return preview

    def _begin_preview(self, entry: Entry, key: tuple[Box, str]) -> Preview:
        box, model = key
        denoiser = self.restorer(Goal(), model)
        with open_picture(entry.source) as picture:
            frame = picture.frames[entry.frame]
            choice = denoiser.models.choose(frame)
            entry_range = find_ranges(frame, choice.card.nominal_range)[0]
            named = self.restorer(Goal(), choice.card.name)
            preview = Preview(named, frame, box, entry_range, choice)
        while len(entry.previews) >= _PREVIEWS:
            entry.previews.pop(next(iter(entry.previews)))
        entry.previews[key] = preview
        return preview

    def _find_noise(self, visit: Visit, entry: Entry, preview: Preview) -> None:
        made = preview.exact(1.0)
        known = entry.found is not None and entry.found.whole and entry.found.verdict is not None
        if made is None or known:
            return
        part = np.atleast_3d(preview.inside(made.noise_sigma))
        mean_square = np.square(part, dtype=np.float64).mean(axis=(0, 1))
        sigma = tuple(np.sqrt(mean_square).tolist())
        quiet = np.quantile(part, QUIET, axis=(0, 1)).tolist()
        verdict = judge_noise(sigma, entry.range.scale, quiet)
        entry.found = Found(
            sigma, verdict, preview.choice.card.name, preview.choice.reason, whole=False
        )
        visit.changed()


def _found(report: Report, choices: Choices, range_: Range) -> Found:
    """Return what is known of a picture that has been restored."""
    verdict = (
        judge_noise(
            report.noise_sigma,
            range_.scale,
            report.quiet_sigma,
            report.texture,
            compressed=True,  # for all that is known here
        )
        if choices.only_denoise
        else None
    )
    blur = "" if report.kernel is None else report.kernel.describe()
    jpeg = "" if report.jpeg is None else report.jpeg.describe()
    told = tuple((label, text) for label, text in (("blur", blur), ("JPEG", jpeg)) if text)
    return Found(report.noise_sigma, verdict, report.model, report.reason, whole=True, told=told)


def _rasters(entry: Entry, frame: int, result: Path, folder: Path) -> dict[str, Raster]:
    """Make what is looked at of an image of a result, and of the maps beside it."""
    with open_picture(result) as picture:
        image = picture.frames[frame]
        made = {"result": make_screen(image, entry.orientation, entry.range, folder, "result")}
    for kind in MAPS:
        with open_picture(result.parent / f"{kind}.tiff") as picture:
            made[kind] = make_map(picture.frames[frame], entry.orientation, folder, kind)
    return made


def _message(error: Exception, entry: Entry) -> str:
    """Say what went wrong in a line, without the paths of this machine."""
    text = str(error) if isinstance(error, VdnError) else f"unexpected {type(error).__name__}"
    return text.replace(str(entry.source), entry.name).replace(str(entry.folder), "")
