import csv
import json
import re
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import vdn.runtime.cards
from vdn.cli import app


@pytest.fixture(autouse=True)
def shipped(weights, monkeypatch):
    monkeypatch.setattr(vdn.runtime.cards, "_folder", lambda folder: folder or weights)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data" / "Set5"
    folder.mkdir(parents=True)
    rows, columns = np.mgrid[:48, :64]
    for name, phase in (("a", 0), ("b", 2)):
        gray = 128 + 100 * np.sin(rows / 7 + phase) * np.cos(columns / 9)
        pixels = np.stack([gray, gray[::-1], 255 - gray], -1).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder.parent


def run(*words):
    words = ["evaluate", *map(str, words)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["vdn", *words])  # what a run records of itself
        return CliRunner().invoke(app, words)


def test_one_command_makes_the_tables(data, tmp_path):
    out = tmp_path / "out"
    done = run(
        *("paper", "--data", data, "--method", "noisy", "--method", "photo", "--out", out),
        *("--threads", 1, "--limit", 1, "--json", tmp_path / "all.json"),
    )
    assert done.exit_code == 0, done.output
    assert "LIVE1 holds 29 colour pictures" in done.stderr
    assert "Set5 should hold 5 pictures, and holds 2" in done.stderr
    assert re.search(r"\| \*\*photo\*\* \|( [\d.]+ \([+−][\d.]+\) \|){6}", done.stdout)
    assert "| VDN, published | 34.34 | 32.24 | 29.47 | 30.39 | 29.80 | 29.74 |" in done.stdout
    table = (out / "tables.md").read_text()
    for fact in ("command: vdn evaluate paper --data ", "machine:", "date:", "photo"):
        assert fact in table
    assert r"\toprule" in (out / "tables.tex").read_text()
    with (out / "figures.csv").open() as file:
        assert {line["origin"] for line in csv.DictReader(file)} > {"measured"}
    everything = json.loads((tmp_path / "all.json").read_text())
    assert everything["wrong"] == everything["failures"] == []
    assert len([f for f in everything["figures"] if f["method"] == "photo"]) > 6


def test_other_noise_than_that_of_the_suite(data, tmp_path):
    own = tmp_path / "own.py"
    own.write_text("def add(clean, generator):\n    return clean + 0.1, 0.1\n")
    noises = ["gaussian:10", "correlated:20,0.8", f"{own}:add"]
    words = ("awgn", "--data", data, "--method", "noisy", "--out", tmp_path / "out")
    done = run(*words, *(word for noise in noises for word in ("--noise", noise)))
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert {row["case"] for row in rows} == set(noises)
    psnr = {row["case"]: row["psnr"] for row in rows}
    assert psnr["gaussian:10"] == pytest.approx(28.13, abs=0.3)
    assert psnr[noises[2]] == pytest.approx(20, abs=0.1)
    assert run(*words, "--noise", "rain").exit_code == 2


def test_the_second_run_measures_only_what_is_missing(data, tmp_path):
    words = ("paper", "--data", data, "--method", "noisy", "--out", tmp_path / "out", "-q")
    assert run(*words, "--limit", 1).exit_code == 0
    rows = tmp_path / "out" / "rows.jsonl"
    first = rows.read_text()
    assert run(*words).exit_code == 0
    assert rows.read_text().startswith(first)
    assert len(rows.read_text().splitlines()) == 12
    assert run(*words, "--fresh", "--limit", 1).exit_code == 0
    assert len(rows.read_text().splitlines()) == 6


def test_a_slow_method_does_fewer_pictures(data, tmp_path):
    words = ("paper", "--data", data, "--method", "noisy", "--method", "nlm", "--limit", "nlm=1")
    done = run(*words, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    pictures = {(row["method"], row["image"]) for row in rows}
    assert pictures == {("noisy", "a"), ("noisy", "b"), ("nlm", "a")}
    assert re.search(r"\| \*\*nlm\*\* \|( [\d.]+ [^|]*#1 \|){6}", done.stdout)


@pytest.mark.parametrize(
    ("limit", "answer"),
    [
        ("0", "neither a number"),
        ("nlm=", "neither a number"),
        ("bm3d=1", "'bm3d'; there are noisy"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(data, tmp_path, limit, answer):
    out = tmp_path / "out"
    done = run("paper", "--data", data, "--method", "noisy", "--limit", limit, "--out", out)
    assert done.exit_code == 2
    assert answer in " ".join(done.stderr.replace("│", " ").split())
    assert not out.exists()


def test_a_method_of_ones_own_that_does_nothing_right_is_caught(data, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def flat(image, sigma=None):\n    return image * 0 + 0.5\n")
    done = run("paper", "--data", data, "--method", f"{path}:flat", "--out", tmp_path / "o", "-q")
    assert done.exit_code == 1
    assert "does not change with sigma" in done.stderr


def test_a_report_of_a_method_that_fails(data, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "mine.py"
    path.write_text("def fail(image, sigma=None):\n    raise ValueError('too bad')\n")
    words = ("paper", "--data", data, "--method", f"{path}:fail", "--method", "noisy", "-q")
    report = tmp_path / "r.html"
    done = run(*words, "--limit", 1, "--out", tmp_path / "o", "--report", report)
    assert done.exit_code == 1
    assert "Not to be trusted as it stands" in report.read_text()


def test_a_method_that_fails_is_named_and_the_others_go_on(data, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def fail(image, sigma=None):\n    raise ValueError('too bad')\n")
    done = run(
        *("paper", "--data", data, "--method", f"{path}:fail", "--method", "noisy"),
        *("--limit", 1, "--out", tmp_path / "o"),
    )
    assert done.exit_code == 1
    assert "Set5, a, awgn15: ValueError: too bad" in done.stderr
    assert "**noisy**" in done.stdout


def test_the_report_is_one_file_with_everything_in_it(data, tmp_path):
    pytest.importorskip("matplotlib")
    report = tmp_path / "report.html"
    words = ("paper", "--data", data, "--method", "noisy", "--method", "photo", "--limit", 1)
    done = run(*words, "--threads", 1, "--out", tmp_path / "o", "--report", report, "-q")
    assert done.exit_code == 0, done.output
    text = report.read_text()
    assert text.count("data:image/png;base64,") == 3  # bars, strip, maps
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "Self-checks passed" in text
    plots = sorted(path.name for path in (tmp_path / "o" / "plots").iterdir())
    assert plots == ["bars-Set5.png", "noise-maps.png", "strip-Set5.png"]


@pytest.mark.parametrize(
    ("suite", "method", "plots"),
    [
        ("noise", "photo", ["noise-accuracy.png"]),
        ("calibration", "photo", ["reliability.png", "sparsification.png"]),
    ],
)
def test_other_suites_and_their_plots(data, tmp_path, suite, method, plots):
    pytest.importorskip("matplotlib")
    (data / "Set5").rename(data / "CBSD68")
    done = run(
        *(suite, "--data", data, "--method", method, "--limit", 1, "--threads", 1),
        *("--out", tmp_path / "o", "--report", tmp_path / "r.html"),
    )
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "o" / "plots").iterdir()) == plots


def test_a_missing_extra_is_named(data, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("vdn.evaluation")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    done = run("paper", "--data", data)
    assert done.exit_code == 1
    assert "vdn[bench]" in done.stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("unknown",), "there are paper"),
        (("paper", "--method", "bm4d"), "bm4d"),
        (("paper", "--set", "LIVE1", "--method", "noisy"), "29 colour pictures"),
    ],
)
def test_wrong_usage(data, tmp_path, words, problem):
    done = run(*words, "--data", data, "--out", tmp_path / "o")
    assert done.exit_code == 2
    assert problem in " ".join(done.stderr.split())


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_measured(data, tmp_path):
    words = ("paper", "--data", data, "--method", "noisy", "--out", tmp_path / "o")
    done = run(*words, "--report", tmp_path / "r.pdf")
    assert done.exit_code == 1
    assert "r.pdf" in done.stderr
    assert not (tmp_path / "o").exists()


def test_a_damaged_picture_is_named_and_the_report_is_written_without_it(data, tmp_path):
    picture = sorted((data / "Set5").iterdir())[0]
    picture.write_bytes(b"no picture")
    report = tmp_path / "r.html"
    words = ("paper", "--data", data, "--set", "Set5", "--method", "noisy")
    done = run(*words, "--limit", 1, "--out", tmp_path / "o", "--report", report)
    assert done.exit_code == 1
    assert picture.name in done.stderr
    assert "Traceback" not in done.stderr
    assert picture.name in report.read_text()
