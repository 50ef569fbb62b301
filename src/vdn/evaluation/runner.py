"""Methods x sets x noise, one row at a time."""

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError, InputError
from vdn.evaluation.cases import is_gaussian, make_noisy, noise_generator, parse_case
from vdn.evaluation.measures import Observation
from vdn.evaluation.methods import Method, Ready
from vdn.evaluation.metrics import luma, psnr
from vdn.evaluation.rows import Row, RowStore
from vdn.evaluation.sets import ImageSet, Sample, SetFolders, known_sets, read_pair, read_picture
from vdn.evaluation.suites import PAIRED, Suite, find_suite
from vdn.evaluation.theory import expected_psnr
from vdn.noise.degradation import parse_degradation
from vdn.noise.degrade import degrade

__all__ = ["Failure", "Item", "choose_sets", "observe", "plan", "run"]


@dataclass(frozen=True)
class Item:
    """One noisy picture of a suite: what all methods are given alike.

    Squares of `side` pixels cut from the pictures of a set count as a set of their own.
    """

    suite: str
    set: str
    channels: int
    sample: Sample
    case: str
    seed: int
    side: int = 0

    def key(self, method: Method) -> dict[str, Any]:
        """Return the key of the row of a method on this picture."""
        return {
            "protocol": find_suite(self.suite).protocol,
            "method": method.name,
            "version": method.version,
            "set": self.set,
            "image": self.sample.name,
            "case": self.case,
            "seed": self.seed,
        }

    def takes(self, method: Method) -> bool:
        """Say whether a method is for pictures like this."""
        if not find_suite(self.suite).restores:
            return not method.restores
        return method.enlarges(parse_case(self.case).scale)

    def lacks(self, method: Method, store: RowStore) -> bool:
        """Say whether a method is still to be measured on this picture."""
        return self.takes(method) and self.key(method) not in store


@dataclass(frozen=True)
class Failure:
    """A row that could not be measured, and why."""

    key: Mapping[str, Any]
    error: str


def choose_sets(
    suite: Suite, folders: SetFolders, wanted: Sequence[str] = ()
) -> tuple[list[ImageSet], list[str]]:
    """Find the sets of a suite.

    Parameters
    ----------
    suite
        What is to be run.
    folders
        Where to look.
    wanted
        Names to take instead of all the suite is meant for.

    Returns
    -------
    sets : list of ImageSet
        Those there are.
    missing : list of str
        What to say of each that is not: what it holds and where it comes from.

    Raises
    ------
    FileError
        When one that is `wanted` is missing, or all are.
    InputError
        When a set of pairs is wanted by a suite that makes the noise itself.
    """
    pairs = {images.name: images for images in folders.pairs()} if suite.pairs else {}
    names = list(wanted) or [*pairs, *suite.sets]
    found = {name: pairs.get(name) or folders.find(name) for name in names}
    sets = [images for images in found.values() if images is not None]
    known = known_sets()
    missing = [
        f"{name}: no such folder under --data. {known[name].describe() if name in known else ''}"
        for name, images in found.items()
        if images is None
    ]
    if missing and (wanted or not sets):
        raise FileError(" ".join(missing))
    if not sets:
        raise FileError(f"suite {suite.name}: no folder under --data holds noisy/ and clean/")
    if not suite.pairs and (paired := [images.name for images in sets if images.paired]):
        raise InputError(f"{paired[0]}: holds pairs, which are for the suite real")
    return sets, missing


def plan(
    suite: Suite, sets: Sequence[ImageSet], *, seed: int = 0, limit: int | None = None
) -> list[Item]:
    """List the noisy pictures of a suite: the first `limit` of every set."""
    items = []
    for images in sets:
        cases = (PAIRED,) if images.paired else suite.cases
        samples = images.samples
        if suite.sides:
            samples = tuple(s for s in samples if _large_enough(s, images, max(suite.sides)))
        for sample in samples[:limit]:
            for side in suite.sides or (0,):
                name = f"{images.name} {side}×{side}" if side else images.name
                items += [
                    Item(suite.name, name, images.channels, sample, case, seed + draw, side)
                    for draw in range(suite.draws)
                    for case in cases
                ]
    return items


def observe(item: Item) -> Observation:
    """Read a picture and make it noisy, or read its noisy photograph."""
    suite = find_suite(item.suite)
    if item.sample.noisy is not None:
        pair = read_pair(item.sample.noisy, item.sample.clean, item.channels)
        noisy, clean = (_unit(_cut(side, suite.multiple, item.side)) for side in pair)
        return Observation(clean, noisy, None)
    degradation, scale, noise = parse_case(item.case)
    pixels = read_picture(item.sample.clean, item.channels)
    clean = _unit(_cut(pixels, suite.multiple * scale, item.side))
    if suite.luma:
        clean = luma(clean).astype(np.float32)
    generator = noise_generator(item.seed, item.case, item.sample.name)
    if not degradation:
        return Observation(clean, *make_noisy(clean, noise, generator))
    kernels = noise_generator(item.seed, degradation, item.sample.name)  # whatever the noise
    made = degrade(clean, degradation, kernels)
    return Observation(
        clean, *make_noisy(made.image, noise, generator), made, _width_range(degradation)
    )


def run(
    items: Sequence[Item], methods: Sequence[Method], store: RowStore, *, jobs: int = 1
) -> Iterator[Row | Failure]:
    """Measure what the store does not hold yet; every row is stored, then given.

    Parameters
    ----------
    items
        From `plan`.
    methods
        Of different names.
    store
        Rows it holds already are neither measured nor given again.
    jobs
        Processes that share the pictures. With more than one, seconds are not measured, and
        methods must be such that they can be sent to another process.

    Raises
    ------
    InputError
        When two methods have one name, no picture is for a method, or seconds are asked of several
        processes.
    """
    names = [method.name for method in methods]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise InputError(f"method {sorted(doubled)[0]!r} is given twice; give each once")
    for method in methods:
        if items and not any(item.takes(method) for item in items):
            raise InputError(_unfit(method, items[0].suite))
    if jobs > 1 and any(find_suite(item.suite).sides for item in items):
        raise InputError(f"jobs={jobs}: the suite speed measures seconds; use one")
    work = [(item, [m for m in methods if item.lacks(m, store)]) for item in items]
    work = [(item, missing) for item, missing in work if missing]
    for outcome in _serial(work) if jobs == 1 else _parallel(work, jobs):
        if not isinstance(outcome, Failure):
            store.append(outcome)
        yield outcome


Work = Sequence[tuple[Item, list[Method]]]


def _serial(work: Work) -> Iterator[Row | Failure]:
    ready: dict[str, Ready] = {}
    for item, methods in work:
        yield from _measure(item, methods, ready)


def _parallel(work: Work, jobs: int) -> Iterator[Row | Failure]:
    context = multiprocessing.get_context("spawn")  # OpenVINO does not survive a fork
    with ProcessPoolExecutor(jobs, context) as pool:
        for future in as_completed([pool.submit(_in_process, *each) for each in work]):
            yield from future.result()


def _in_process(item: Item, methods: list[Method]) -> list[Row | Failure]:
    """Measure in a process of the pool, which shares its CPUs: seconds would say nothing."""
    rows: list[Row | Failure] = []
    for outcome in _measure(item, methods, _loaded()):
        if not isinstance(outcome, Failure):
            outcome = {k: v for k, v in outcome.items() if not k.endswith("seconds")}
        rows.append(outcome)
    return rows


@cache
def _loaded() -> dict[str, Ready]:
    """Return the methods this process has loaded so far."""
    return {}


def _measure(item: Item, methods: Sequence[Method], ready: dict[str, Ready]) -> Iterator[Any]:
    try:
        observation = observe(item)
    except FileError as error:  # the other pictures go on
        yield from (Failure(item.key(method), _one_line(error)) for method in methods)
        return
    checks = _expectations(item, observation)
    for method in methods:
        key = item.key(method)
        try:
            if method.name not in ready:
                ready[method.name] = Ready(method)
            figures = find_suite(item.suite).measure(ready[method.name], observation)
        except Exception as error:  # other people's code: the others go on
            yield Failure(key, _one_line(error))
        else:
            yield key | figures | checks


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _expectations(item: Item, observation: Observation) -> dict[str, float]:
    """Return the noisy image's PSNR and, where theory gives it, what it should be."""
    if find_suite(item.suite).restores:
        return {}
    noisy = {"noisy_psnr": psnr(observation.noisy, observation.clean)}
    if item.sample.noisy is not None or not is_gaussian(item.case):
        return noisy
    assert observation.sigma is not None
    expected = expected_psnr(observation.clean, observation.sigma)
    return noisy | {"expected_psnr": expected.psnr, "expected_tolerance": expected.tolerance}


def _unfit(method: Method, suite: str) -> str:
    """Say why no picture of a suite is for a method."""
    if not find_suite(suite).restores:
        return f"method {method.name!r} undoes degradations, and the suite {suite} has none"
    if method.scales == (1,):
        return (
            f"method {method.name!r} does not enlarge, as all cases ask for; "
            f"write {method.name}+bicubic"
        )
    return f"method {method.name!r} enlarges by a factor that no case of the suite {suite} asks for"


def _width_range(degradation: str) -> float:
    """Return by how much the widths of a Gaussian differ that could have been drawn, in pixels."""
    widths = getattr(parse_degradation(degradation).blur, "sigma", None)
    return 0.0 if widths is None or widths.high is None else widths.high - widths.low


def _large_enough(sample: Sample, images: ImageSet, side: int) -> bool:
    """Say whether a square can be cut out; a damaged picture is kept, to fail when measured."""
    try:
        return min(read_picture(sample.clean, images.channels).shape[:2]) >= side
    except FileError:
        return True


def _cut(pixels: NDArray[Any], multiple: int, side: int) -> NDArray[Any]:
    height, width = pixels.shape[:2]
    if side:
        top, left = (height - side) // 2, (width - side) // 2
        return pixels[top : top + side, left : left + side]
    return pixels[: height - height % multiple, : width - width % multiple]


def _unit(pixels: NDArray[Any]) -> NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255)
