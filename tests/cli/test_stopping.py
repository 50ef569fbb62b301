"""Signals and pipes, which need a process of their own."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
import tifffile

from tiny_model import write_tiny_model
from vdn.cli.batch import reporting
from vdn.image import read, write

COMMAND = [sys.executable, "-m", "vdn", "denoise", "--threads", "1", "--precision", "fp32"]


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path / "tiny.onnx", channels=3)


@pytest.fixture
def shoot(tmp_path):
    folder = tmp_path / "shoot"
    folder.mkdir()
    for index in range(5):
        write(folder / f"{index}.png", np.full((64, 64, 3), index, np.uint8))
    return folder


@contextmanager
def started(words, **pipes):
    """A process that heeds signals, whoever runs the tests, and that never outlives its test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:  # those that are ignored here would be ignored there too
        signal.signal(number, signal.SIG_DFL)
    try:
        process = subprocess.Popen(words, **pipes)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition, process, seconds=60):
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        if process.poll() is not None:
            pytest.fail(f"ended with {process.returncode} before it could be stopped")
        time.sleep(0.02)
    pytest.fail("did not get so far")


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_whole_files_and_is_resumed(model, shoot, tmp_path, number):
    out, pipe = tmp_path / "out", tmp_path / "pipe.png"
    os.mkfifo(pipe)  # keeps the run waiting, so that it is stopped in the middle
    options = ["-o", str(out), "--model", str(model), "--noise-map"]
    words = [*COMMAND, str(shoot), str(pipe), str(shoot / "0.png"), *options]

    def images():
        return sorted(out.glob("[!.]*.png")) if out.exists() else []

    with started(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for(lambda: len(images()) == 5, process)
        process.send_signal(number)
        printed, failed = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert failed.decode().startswith("vdn: 5 denoised")
    assert failed.count(b"\n") == 1
    assert printed.count(b"\n") == 5
    assert len(list(out.iterdir())) == 10  # no file of the one that was being opened
    for path in images():
        assert read(path).pixels.shape == (64, 64, 3)
    kept = images()[0].stat().st_mtime_ns
    images()[1].unlink()
    again = [*COMMAND, str(shoot), *options, "--skip-existing"]
    done = subprocess.run(again, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "1 denoised, 4 skipped" in done.stderr
    assert len(images()) == 5
    assert images()[0].stat().st_mtime_ns == kept


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
def test_a_picture_that_is_being_made_leaves_nothing_when_stopped(model, tmp_path):
    path, out = tmp_path / "large.tiff", tmp_path / "out.tiff"
    tifffile.memmap(path, shape=(20_000, 2_000), dtype=np.uint8).flush()
    words = [*COMMAND, str(path), "-o", str(out), "--model", str(model), "--max-memory", "60"]
    with started(words, stderr=subprocess.PIPE) as process:
        wait_for(lambda: list(tmp_path.glob(".vdn*")), process)
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["large.tiff", "tiny.onnx"]


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
def test_a_pipe_that_never_ends_can_be_stopped(model):
    words = [*COMMAND, "-", "--model", str(model)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(words, **pipes) as process:
        process.stdin.write(bytes(1_000_000))  # more than a pipe holds: it is being read
        process.stdin.flush()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
        assert process.stdout.read() == b""


def test_a_reader_that_goes_away_ends_the_run_quietly(model, shoot, tmp_path):
    words = [*COMMAND, str(shoot), "-o", str(tmp_path / "out"), "--model", str(model), "--json"]
    with started(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(timeout=60) == 1
    assert len(list((tmp_path / "out").glob("*.png"))) < 5
    assert not list((tmp_path / "out").glob(".vdn*"))


def test_a_run_stopped_before_its_first_picture_does_not_say_there_are_none(capsys):
    options = {"as_json": False, "quiet": False, "warn": True, "debug": False}
    with pytest.raises(SystemExit), reporting(done="denoised", many=True, **options):
        raise SystemExit(143)
    told = capsys.readouterr().err
    assert "stopped before anything was done" in told
    assert "no pictures found" not in told
