"""Damage picture files in every way that comes to mind and see what becomes of denoising them.

    python benchmarks/fuzz.py --count 10000 --seed 0 --keep found/

Every damaged file goes to a process of its own kind of life: with a limit of memory and of time,
and replaced when it dies. It is denoised from file to file, as the command does it. It may come out
whole, or be refused in one line with nothing left where the result would be; anything else is a
finding: a crash, a hang, an error that is none of vdn's, a text that is not one line, a file left
behind.
"""

import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FIELDS = [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1]


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return damaged data: cut, flipped, overwritten, with pieces gone, doubled, or of another."""
    mutated = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if not mutated:
            break
        # Half of the damage is done to the first kilobyte, where headers are.
        reach = min(len(mutated), rng.choice([1024, len(mutated)]))
        at = rng.randrange(reach)
        length = min(rng.choice([1, 2, 4, 8, 64, 1024]), len(mutated) - at)
        kind = rng.randrange(8)
        if kind == 0:
            del mutated[at:]
        elif kind == 1:
            mutated[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            size = rng.choice([1, 2, 4, 8])
            value = rng.choice(FIELDS) % 256**size
            mutated[at : at + size] = value.to_bytes(size, rng.choice(["little", "big"]))
        elif kind == 3:
            mutated[at : at + length] = rng.randbytes(length)
        elif kind == 4:
            del mutated[at : at + length]
        elif kind == 5:
            mutated[at:at] = mutated[at : at + length]
        elif kind == 6:
            place = rng.randrange(len(other))
            mutated[at : at + length] = other[place : place + length]
        else:
            mutated[at : at + length] = bytes(length)
    return bytes(mutated)


def make_seeds(folder: Path) -> dict[str, list[Path]]:
    """Write the files of the tests, by format."""
    sys.path.insert(0, str(ROOT / "tests"))
    from image.cases import CASES, make_dng

    seeds: dict[str, list[Path]] = {}
    for number, case in enumerate(CASES):
        path = folder / f"{number}-{case.name}"
        case.make(path)
        seeds.setdefault(case.format, []).append(path)
    seeds["raw"] = [folder / "raw.dng"]
    make_dng(seeds["raw"][0])
    return seeds


def work(pipe: Any, memory: int, made: Path) -> None:
    """Denoise files whose names come through the pipe and send back what happened."""
    import contextlib
    import logging
    import warnings

    from vdn.cli.failures import one_line
    from vdn.denoiser import Denoiser
    from vdn.errors import VdnError
    from vdn.image import output_suffix

    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)  # C libraries print what they think
    os.dup2(sink, 2)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    denoiser = Denoiser("gaussian", threads=1)

    def outcome(path: Path, result: BaseException | None) -> tuple[str, str]:
        if result is None:
            return "denoised", ""
        if not isinstance(result, VdnError):
            return "error", f"{type(result).__name__}: {result}"
        text = one_line(result, path)
        clear = str(path) in text and "\n" not in text and len(text) < 1000
        return ("refused" if clear else "unclear"), text

    with contextlib.suppress(EOFError):
        while path := pipe.recv():
            target = made / f"made{output_suffix(path, None)}"
            failure: BaseException | None = None
            try:
                denoiser.file(path, target, strength=0.5)
            except BaseException as error:
                failure = error
            pipe.send(outcome(path, failure))


class Worker:
    """A process that denoises files into a folder, and is replaced when it dies or hangs."""

    def __init__(self, memory: int, made: Path) -> None:
        self._memory, self._made = memory, made
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=work, args=(theirs, self._memory, self._made), daemon=True
        )
        self._process.start()
        theirs.close()

    def denoise(self, path: Path, timeout: float) -> tuple[str, str]:
        """Return what becomes of a file, and empty the folder of the results."""
        what, text = self._try(path, timeout)
        left = list(self._made.iterdir())
        for file in left:
            file.unlink()
        names = ", ".join(file.name for file in left)
        if what == "denoised" and len(left) != 1:
            return "not one file", names
        if what in ("refused", "unclear", "error") and left:
            return "left behind", f"{names}; {text}"
        return what, text

    def _try(self, path: Path, timeout: float) -> tuple[str, str]:
        self._pipe.send(path)
        if not self._pipe.poll(timeout):
            self._process.kill()
            self._process.join()
            self._start()
            return "hang", f"no answer in {timeout:g} s"
        try:
            outcome: tuple[str, str] = self._pipe.recv()
        except EOFError:
            self._process.join()
            status = self._process.exitcode
            self._start()
            return "crash", f"exit status {status}"
        return outcome

    def close(self) -> None:
        self._pipe.send(None)
        self._process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="damaged files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=30, help="seconds a file")
    parser.add_argument("--memory", type=int, default=6000, help="MB of addresses a process")
    parser.add_argument("--format", help="only this format of the tests, such as PNG")
    parser.add_argument("--keep", type=Path, help="folder for the files behind the findings")
    parser.add_argument("--json", type=Path, help="file for the counts")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    counts: dict[str, Counter[str]] = {}
    findings = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        seeds = make_seeds(Path(folder))
        every = [path for paths in seeds.values() for path in paths]
        formats = [options.format] if options.format else list(seeds)
        (Path(folder) / "made").mkdir()
        worker = Worker(options.memory * 10**6, Path(folder) / "made")
        for number in range(options.count):
            format_ = formats[number % len(formats)]
            source = rng.choice(seeds[format_])
            damaged = Path(folder) / f"damaged{''.join(source.suffixes)}"
            damaged.write_bytes(mutate(source.read_bytes(), rng.choice(every).read_bytes(), rng))
            outcome, text = worker.denoise(damaged, options.timeout)
            counts.setdefault(format_, Counter())[outcome] += 1
            if outcome in ("denoised", "refused"):
                continue
            findings.append({"number": number, "format": format_, "what": outcome, "text": text})
            print(json.dumps(findings[-1]), flush=True)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                kept = options.keep / f"{options.seed}-{number}{damaged.suffix}"
                kept.write_bytes(damaged.read_bytes())
        worker.close()
    result = {
        "count": options.count,
        "seed": options.seed,
        "seconds": round(time.monotonic() - started, 1),
        "outcomes": {format_: dict(found) for format_, found in counts.items()},
        "findings": findings,
    }
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["outcomes"], indent=1))
    raise SystemExit(bool(findings))


if __name__ == "__main__":
    main()
