"""What a cluster does when things fail: nothing may be lost, wrong or half-made.

    python benchmarks/cluster_faults.py [KIND ...] [--count 300] [--kills 20] [--model photo]

Every run is `vdn denoise FOLDER -o OUT --cluster ...` on the same small pictures, and is compared
with the files and failures of the command without a cluster: files that are missing, differ or were
left half-made are counted, and rows of the manifest that are missing or doubled. The kinds:

`kills`: processes killed at random, each when files have come out since the last.
`scheduler`: the scheduler killed with a third of the files made; then the command again.
`disk`: results onto a disk with too little space (a tmpfs, which takes root); again with more.
`files`: an unreadable file in a thousand, and a picture with values that are not finite.
`storage`: S3 on this machine that answers every tenth request with 503; takes s3fs and moto.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import psutil

COMMAND = [sys.executable, "-m", "vdn", "denoise", "--precision", "fp32"]
MANIFEST = "manifest.parquet"


def pictures(folder: Path, number: int, side: int = 64) -> Path:
    """Write small noisy pictures."""
    from vdn.image import write

    rng = np.random.default_rng(0)
    for index in range(number):
        path = folder / f"day {index % 7}" / f"{index:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        smooth = np.linspace(40, 200, side)[:, None, None] + np.zeros((side, side, 3))
        noisy = smooth + rng.normal(0, 5 + index % 20, smooth.shape)
        write(path, np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return folder


def digests(folder: Path) -> dict[str, str]:
    """Return what tells the files of a folder: names and contents, without the manifest."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and MANIFEST not in path.parts
    }


def run(*words: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def compared(one: Path, many: Path, manifest: Path | str, inputs: int) -> dict[str, Any]:
    """Count what differs between the folder of one machine and that of a cluster."""
    from vdn.cluster import read_manifest

    wanted, found = digests(one), digests(many)
    rows = read_manifest(manifest).to_pylist()
    noted = {row["digest"] for row in rows if row["digest"]}
    return {
        "wanted": len(wanted),
        "missing": len(set(wanted) - set(found)),
        "differing": sum(found[name] != wanted[name] for name in set(wanted) & set(found)),
        "left_over": len(set(found) - set(wanted)),
        "inputs_without_a_row": inputs - len(rows),
        "digests_not_of_a_file": len(noted - set(found.values())),
        "statuses": dict(Counter(row["status"] for row in rows)),
    }


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return {"exit": done.returncode, "last_line": done.stderr.splitlines()[-1]}


def made(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*.png") if not path.name.startswith("."))


def kills(options: argparse.Namespace, source: Path, folder: Path) -> dict[str, Any]:
    one, many = folder / "one", folder / "many"
    run(source, "-o", one, *options.model)
    words = [*COMMAND, str(source), "-o", str(many), *options.model, "--cluster", "local"]
    words += ["--workers", "2"]
    chance, before, killed = random.Random(options.seed), 0, 0
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        parent = psutil.Process(process.pid)
        while process.poll() is None and killed < options.kills:
            time.sleep(chance.uniform(0.05, 0.5))
            if made(many) <= before:
                continue
            with suppress(psutil.NoSuchProcess):
                workers = [
                    child
                    for child in parent.children()
                    if "spawn_main" in " ".join(child.cmdline())
                ]
                if workers:
                    before = made(many)
                    chance.choice(workers).kill()
                    killed += 1
        _, stderr = process.communicate()
    result = compared(one, many, many / MANIFEST, len(digests(source)))
    line = stderr.splitlines()[-1]
    return {"killed": killed, "exit": process.returncode, "last_line": line, **result}


@contextmanager
def dask_cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and a worker, as a user starts them."""
    address = folder / f"scheduler-{time.monotonic_ns()}.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    scheduler = subprocess.Popen(
        [*dask, "--port", "0", "--no-dashboard", "--scheduler-file", str(address)], **quiet
    )
    dask = [sys.executable, "-m", "distributed.cli.dask_worker"]
    worker = subprocess.Popen(
        [*dask, "--nthreads", "1", "--scheduler-file", str(address), "--no-dashboard"], **quiet
    )
    try:
        while not address.exists():
            time.sleep(0.1)
        yield str(address), scheduler
    finally:
        for process in (worker, scheduler):
            process.send_signal(signal.SIGTERM)
            process.wait()


def scheduler(options: argparse.Namespace, source: Path, folder: Path) -> dict[str, Any]:
    one, many = folder / "one", folder / "many"
    run(source, "-o", one, *options.model)
    with dask_cluster(folder) as (address, process):

        def kill() -> None:
            while made(many) < len(digests(source)) / 3:
                time.sleep(0.05)
            process.kill()

        threading.Thread(target=kill, daemon=True).start()
        first = run(source, "-o", many, *options.model, "--cluster", address)
    at_the_kill = made(many)
    with dask_cluster(folder) as (address, _):
        words = (source, "-o", many, *options.model, "--cluster", address, "--skip-existing")
        second = run(*words)
    error = [line for line in first.stderr.splitlines() if "scheduler" in line]
    return {
        "first": {**told(first), "error": error, "made": at_the_kill},
        "second": told(second),
        **compared(one, many, many / MANIFEST, len(digests(source))),
    }


def disk(options: argparse.Namespace, source: Path, folder: Path) -> dict[str, Any]:
    one, many = folder / "one", folder / "many"
    run(source, "-o", one, *options.model)
    many.mkdir()
    half = sum(path.stat().st_size for path in one.rglob("*.png")) // 2
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={half}", "vdn", many], check=True)
    try:
        words = (source, "-o", many, *options.model, "--cluster", "local")
        words = (*words, "--manifest", folder / MANIFEST)
        first = run(*words)
        result = {"first": told(first), "made": made(many)}
        result["reason"] = Counter(
            line.rpartition(": ")[2] for line in first.stderr.splitlines() if line.startswith("/")
        )
        subprocess.run(["mount", "-o", "remount,size=1g", many], check=True)
        second = run(*words, "--skip-existing")
        result["second"] = told(second)
        return result | compared(one, many, folder / MANIFEST, len(digests(source)))
    finally:
        subprocess.run(["umount", many])


def files(options: argparse.Namespace, source: Path, folder: Path) -> dict[str, Any]:
    one, many = folder / "one", folder / "many"
    names = sorted(source.rglob("*.png"))
    for index in range(0, len(names), 1000):
        names[index].write_bytes(names[index].read_bytes()[:100])
    values = np.full((64, 64), 0.5, np.float32)
    values[5, 7] = np.inf
    np.save(source / "infinite.npy", values)
    alone = run(source, "-o", one, *options.model)
    spread = run(source, "-o", many, *options.model, "--cluster", "local")
    failed = [
        {line for line in done.stderr.splitlines() if line.startswith(str(source))}
        for done in (alone, spread)
    ]
    return {
        "one": told(alone),
        "cluster": told(spread),
        "failures": len(failed[0]),
        "same_failures": failed[0] == failed[1],
        **compared(one, many, many / MANIFEST, len(digests(source))),
    }


def storage(options: argparse.Namespace, source: Path, folder: Path) -> dict[str, Any]:
    import fsspec
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    application, requests, refused = DomainDispatcherApplication(create_backend_app), count(1), []

    def refusing(environ: Any, start_response: Any) -> Any:
        if next(requests) % 10 == 0:
            refused.append(environ["REQUEST_METHOD"])
            start_response("503 Slow Down", [("Content-Type", "text/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"]
        return application(environ, start_response)

    class Silent(WSGIRequestHandler):
        def log_request(self, *words: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, refusing, threaded=True, request_handler=Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
    }
    one, many = folder / "one", folder / "many"
    run(source, "-o", one, *options.model)
    system = fsspec.filesystem("s3")
    system.mkdir("pictures")
    system.put(str(source), "pictures/shoot", recursive=True)
    refused.clear()
    done = run(
        "s3://pictures/shoot", "-o", "s3://pictures/out", *options.model, "--cluster", "local"
    )
    result = {**told(done), "refused": dict(Counter(refused))}
    system.get("pictures/out", str(many), recursive=True)
    return result | compared(one, many, many / MANIFEST, len(digests(source)))


def main() -> None:
    kinds = {each.__name__: each for each in (kills, scheduler, disk, files, storage)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=[], metavar="KIND", help=", ".join(kinds))
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="photo")
    options = parser.parse_args()
    options.model = ("--model", options.model)
    for kind in options.kinds or kinds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source = pictures(folder / "shoot", options.count)
            print(json.dumps({kind: kinds[kind](options, source, folder)}), flush=True)


if __name__ == "__main__":
    main()
