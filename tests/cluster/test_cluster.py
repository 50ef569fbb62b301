"""Many files over the processes of a cluster, as on one machine, whatever fails."""

import json
import math
import os
import resource
import signal
import threading
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from tiny_model import write_tiny_model
from vdn.cluster import Done, Job, Manifest, connect, map_files, read_manifest
from vdn.cluster.mapping import _Run
from vdn.errors import ClusterError, InputError
from vdn.image import write

distributed = pytest.importorskip("distributed")
pytest.importorskip("pyarrow")


@pytest.fixture(scope="session")
def client():
    """Two processes; what has killed one is given to another once."""
    import dask

    config = {
        "distributed.scheduler.allowed-failures": 1,
        "distributed.admin.system-monitor.gil.enabled": False,
    }
    with dask.config.set(config), connect("local", workers=2) as client:
        yield client


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def shoot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for index in range(12):
        path = Path("shoot", f"day {index % 2}", f"{index}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, rng.integers(0, 256, (32, 32, 3), np.uint8))
    return Path("shoot")


@pytest.fixture
def denoise(run, model, client):
    """`vdn denoise`, here or on the cluster."""
    words = ("denoise", "--model", model)
    here = partial(run, *words)
    there = partial(run, *words, "--cluster", client.scheduler.address)
    return here, there


def contents(folder):
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    found = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    return {name: made for name, made in found.items() if not name.startswith("manifest.parquet")}


def rows(folder):
    return {row["input"]: row for row in read_manifest(folder).to_pylist()}


def jobs(shoot, out):
    for path in sorted(shoot.rglob("*.png")):
        yield Job(path, Path(out) / path.relative_to(shoot), size=path.stat().st_size)


def counted(done):
    return done.stderr.splitlines()[-1].partition(";")[0]


def test_the_result_is_that_of_one_machine(shoot, denoise):
    here, there = denoise
    (shoot / "bad.png").write_text("no picture")
    (shoot / "notes.txt").write_text("nice light")
    gaps = np.full((16, 16), 7, np.float32)
    gaps[3, 3] = np.nan
    np.save(shoot / "gaps.npy", gaps)
    one = here(shoot, "-o", "one", "--noise-map")
    many = there(shoot, "-o", "many", "--noise-map")
    assert many.exit_code == one.exit_code == 1
    assert contents("many") == contents("one")
    assert len(contents("one")) == 24
    assert counted(many) == counted(one)
    assert "dashboard at http" in many.stderr
    failures = [
        {line for line in done.stderr.splitlines() if line.startswith("shoot")}
        for done in (one, many)
    ]
    assert failures[0] == failures[1]
    assert len(failures[0]) == 2
    table = rows("many/manifest.parquet")
    assert {row["status"] for row in table.values()} == {"done", "failed", "passed over"}
    assert len(table) == 15
    assert "is not a picture" in table["shoot/bad.png"]["error"]
    assert "1 values that are NaN" in table["shoot/gaps.npy"]["error"]
    row = table["shoot/day 0/0.png"]
    assert row["output"] == "many/day 0/0.png"
    assert row["noise_map"] == "many/day 0/0.noise.tiff"
    assert len(row["digest"]) == 64
    assert len(row["noise_sigma"]) == 3
    assert (row["width"], row["height"], row["model"]) == (32, 32, "tiny")
    assert 0 < row["seconds"] < 60


def test_zarr_stores_among_the_files_are_restored_too(shoot, denoise):
    """Also where all threads of the workers are taken: their blocks do not wait for the cluster."""
    zarr = pytest.importorskip("zarr")
    rng = np.random.default_rng(1)
    for index in range(5):
        group = zarr.open_group(shoot / f"plate {index}.ome.zarr", mode="w", zarr_format=2)
        planes = rng.integers(0, 4096, (2, 96, 80), np.uint16)
        group.create_array("0", data=planes, chunks=(1, 64, 64))
        axes = [{"name": "c", "type": "channel"}, *({"name": n, "type": "space"} for n in "yx")]
        scale = [{"type": "scale", "scale": [1, 1, 1]}]
        levels = [{"path": "0", "coordinateTransformations": scale}]
        multiscales = {"version": "0.4", "axes": axes, "datasets": levels}
        group.attrs["multiscales"] = [multiscales]
    here, there = denoise
    one, many = here(shoot, "-o", "one"), there(shoot, "-o", "many")
    assert many.exit_code == one.exit_code == 0, many.output
    assert contents("many") == contents("one")
    assert counted(many) == counted(one) == "vdn: 17 denoised"


def test_a_run_goes_on_where_it_was(shoot, denoise):
    here, there = denoise
    first = there(shoot, "-o", "out", "--json")
    assert first.exit_code == 0, first.output
    printed = [json.loads(line) for line in first.stdout.splitlines()]
    assert {record["output"] for record in printed} == {f"out/{n}" for n in contents("out")}
    before = rows("out/manifest.parquet")
    assert there(shoot, "-o", "out").exit_code == 1  # everything exists
    (Path("out") / "day 0" / "0.png").unlink()
    again = there(shoot, "-o", "out", "--skip-existing")
    assert again.exit_code == 0, again.output
    assert counted(again) == "vdn: 1 denoised, 11 skipped"
    assert len(contents("out")) == 12
    after = rows("out/manifest.parquet")
    assert after["shoot/day 0/0.png"]["status"] == "done"
    assert after["shoot/day 0/0.png"]["digest"] == before["shoot/day 0/0.png"]["digest"]
    here(shoot, "-o", "elsewhere")
    (Path("elsewhere") / "day 0" / "0.png").unlink()
    there(shoot, "-o", "elsewhere", "--skip-existing")
    found = [row["status"] for row in rows("elsewhere/manifest.parquet").values()]
    assert sorted(found) == ["done"] + 11 * ["skipped"]


def test_a_list_of_files_and_options_that_do_not_go_together(shoot, denoise):
    here, there = denoise
    Path("list").write_text("shoot/day 0/0.png\nshoot/day 1/1.png\ns3://bucket/a.png\n")
    done = there("--files-from", "list", "-o", "out")
    assert done.exit_code == 1
    assert sorted(contents("out")) == ["shoot/day 0/0.png", "shoot/day 1/1.png"]
    assert "s3:/bucket/a.png: cannot be opened" in done.stderr  # what a file says is not fetched
    for words in (("-",), (shoot, "-o", shoot), (shoot, "--workers", "2")):
        assert there(*words).exit_code in (1, 2)
    for words in (("s3://bucket",), (shoot, "--workers", 2), (shoot, "-o", "gs://bucket/out")):
        refused = here(*words)
        assert refused.exit_code == 2
        assert "--cluster" in refused.stderr


@pytest.mark.parametrize("block", [1, 1000])
def test_results_never_replace_inputs(shoot, denoise, monkeypatch, block):
    _, there = denoise
    monkeypatch.setattr("vdn.cli.cluster._BLOCK", block)
    before = contents(shoot)
    Path("out").mkdir()
    Path("out", "day 0").symlink_to(Path("shoot", "day 1").absolute())
    rng = np.random.default_rng(1)
    write(shoot / "day 0" / "1.png", rng.integers(0, 256, (16, 16, 3), np.uint8))
    done = there(shoot, "-o", "out", "--overwrite")
    assert done.exit_code == 1
    assert ("lies among the inputs" if block == 1 else "is the input") in done.stderr
    assert {name: contents(shoot)[name] for name in before} == before


def test_a_killed_process_loses_nothing_and_doubles_nothing(shoot, denoise, client, model):
    here, _ = denoise
    here(shoot, "-o", "one")
    found, pids = [], list(client.run(os.getpid).values())
    with Manifest("manifest") as manifest:
        for done in map_files(jobs(shoot, "many"), client, model=model):
            if not found:
                os.kill(pids[0], signal.SIGKILL)
            found.append(done)
            manifest.add(done)
    assert [done.error for done in found] == 12 * [None]
    assert len({done.job for done in found}) == read_manifest("manifest").num_rows == 12
    assert contents("many") == contents("one")


class Deadly(distributed.WorkerPlugin):
    """What a decoder that crashes does."""

    idempotent = True
    name = "deadly"

    def setup(self, worker):
        import vdn.cluster.worker as module

        def crash(path, start=None):
            if path.name == "deadly":
                os._exit(1)

        module.check_found = crash


def _allow_failures(number, dask_scheduler):
    dask_scheduler.allowed_failures = number


def test_a_file_that_kills_is_given_up_and_the_others_are_done(shoot, client, model):
    allowed = partial(client.run_on_scheduler, _allow_failures)
    client.register_plugin(Deadly())
    allowed(0)
    try:
        Path("deadly").write_text("boo")
        deadly = Job("deadly", "out/deadly", named=False)
        every = [deadly, *jobs(shoot, "out")]
        found = {done.job: done for done in map_files(every, client, model=model)}
    finally:
        client.unregister_worker_plugin("deadly")
        allowed(1)
    failed = found.pop(deadly)
    assert failed.status == "failed"
    assert "was killed" in str(failed.error)
    assert {done.status for done in found.values()} == {"done"}
    assert len(found) == 12


def test_what_a_process_has_begun_before_is_its_own(shoot, client, model):
    from vdn.cluster.worker import Batch, restore_batch
    from vdn.scale.worker import DenoiserArguments
    from vdn.streaming import Settings

    arguments = DenoiserArguments(model, None, None, "auto", "auto", None)
    sent = tuple(job.absolute() for job in jobs(shoot, "out"))
    batch = Batch("run", "run-1", sent, arguments, Settings(), False, "0.1.0")
    first = client.submit(restore_batch, batch, pure=False).result()
    left = Path("out/day 0/.vdn-run-1-0123.png")
    left.write_text("half")
    second = client.submit(restore_batch, batch, pure=False).result()
    assert [done.digest for done in first] == [done.digest for done in second]
    assert not left.exists()
    other = Batch("run", "run-2", sent, arguments, Settings(), False, "0.1.0")
    assert {done.status for done in client.submit(restore_batch, other).result()} == {"failed"}
    strange = Batch("run", "run-3", sent, arguments, Settings(), False, "0.0.1")
    with pytest.raises(ClusterError, match=r"vdn 0\.1\.0, and this is 0\.0\.1"):
        client.submit(restore_batch, strange).result()


def test_a_full_disk_is_told_and_leaves_nothing(shoot, denoise, client):
    _, there = denoise
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    client.run(resource.setrlimit, resource.RLIMIT_FSIZE, (100, unlimited[1]))
    try:
        done = there(shoot, "-o", "out", "--manifest", "manifest")
    finally:
        client.run(resource.setrlimit, resource.RLIMIT_FSIZE, unlimited)
    assert done.exit_code == 1
    assert counted(done) == "vdn: 12 failed"
    assert done.stderr.count("File too large") == 12
    assert contents("out") == {}
    assert {row["status"] for row in rows("manifest").values()} == {"failed"}
    assert there(shoot, "-o", "out", "--skip-existing").exit_code == 0
    assert len(contents("out")) == 12


def test_a_scheduler_that_does_not_answer_or_is_lost(shoot, model, monkeypatch):
    monkeypatch.setattr("vdn.cluster.connection._PATIENCE", 0.3)
    with pytest.raises(ClusterError, match="no Dask scheduler answers"):
        next(map_files(jobs(shoot, "out"), "tcp://127.0.0.1:9", model=model))
    with pytest.raises(InputError, match="has its own"), connect("tcp://127.0.0.1:9", workers=2):
        pass
    cluster = distributed.LocalCluster(n_workers=0, dashboard_address=":0", processes=False)
    with distributed.Client(cluster, set_as_default=False) as client:
        threading.Timer(0.3, cluster.close).start()
        with pytest.raises(ClusterError, match="the scheduler is lost"):
            list(map_files(jobs(shoot, "out"), client, model=model))


def test_jobs_are_taken_as_they_are_needed(shoot, client, model):
    taken = count()
    endless = (
        Job(shoot / "day 0" / "0.png", f"out/{next(taken)}.png", size=2000) for _ in iter(int, 1)
    )
    found = map_files(endless, client, model=model)
    for _ in range(10):
        assert next(found).status == "done"
    found.close()
    read_ahead = under_way = 2 * 2 * 256
    assert next(taken) < 10 + read_ahead + under_way + 256
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".")]


def test_the_jobs_of_slurm(monkeypatch):
    jobqueue = pytest.importorskip("dask_jobqueue")
    import dask

    from vdn.cluster.connection import slurm_cluster

    scaled = {}
    monkeypatch.setattr(jobqueue.SLURMCluster, "adapt", lambda self, **given: scaled.update(given))
    with pytest.raises(InputError, match="--workers"):
        slurm_cluster(None, None)
    given = {
        "jobqueue.slurm.queue": "short",
        "jobqueue.slurm.memory": "6 GB",
        "jobqueue.slurm.scheduler-options": {"dashboard_address": ":0"},
    }
    with dask.config.set(given), slurm_cluster(workers=3, threads=8) as cluster:
        script = cluster.job_script()
    assert scaled == {"minimum": 3, "maximum": 3}
    for line in ("#SBATCH -p short", "#SBATCH --cpus-per-task=8", "#SBATCH -n 1"):
        assert line in script
    assert script.rindex("--nthreads 1") > script.index("--nthreads 8")


def test_a_manifest_that_is_none_and_names_that_are_no_text(tmp_path):
    with Manifest(tmp_path / "manifest") as manifest:
        manifest.add(Done(Job(os.fsdecode(b"\xff.png"), "a.png"), "failed", error=ValueError("no")))
    (row,) = read_manifest(tmp_path / "manifest").to_pylist()
    assert (row["input"], row["error"]) == ("\\xff.png", "no")
    (tmp_path / "manifest" / "z.parquet").write_text("no")
    with pytest.raises(OSError, match=r"z\.parquet: is no part of a manifest"):
        Manifest(tmp_path / "manifest")


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("seconds", [0.02, 0.5, 4.0])
def test_the_last_jobs_are_shared_out_among_the_processes(workers, seconds):
    run = _Run(None, None, None, False)
    run._rate = seconds / 1000
    coming = iter([Job(f"{index}.png", f"out/{index}.png", size=1000) for index in range(400)])
    room = 2 * workers
    batches = []
    while taken := run._take(coming, room):
        batches.append(len(taken))
    assert sum(batches) == 400
    assert max(batches) <= max(1, math.ceil(3 / seconds))
    left = 400
    for batch in batches:
        assert batch <= math.ceil(left / room)
        left -= batch
