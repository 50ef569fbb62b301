import io
import json
import os
import re
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import vdn.runtime.cards
from vdn.cli import app
from vdn.image import read, write


@pytest.fixture(autouse=True)
def shipped(weights, monkeypatch):
    monkeypatch.setattr(vdn.runtime.cards, "_folder", lambda folder: folder or weights)


def run(*words, **more):
    return CliRunner().invoke(app, [str(word) for word in words], **more)


def picture(path, shape=(16, 16, 3), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, np.random.default_rng(seed).integers(0, 256, shape, np.uint8))
    return path


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def shoot(tmp_path):
    folder = tmp_path / "shoot"
    for name in ("a.png", "day 1/b.jpg", "day 1/деревня/c.png"):
        picture(folder / name)
    (folder / "notes.txt").write_text("nice light")
    return folder


def test_a_folder_is_mirrored(shoot, tmp_path):
    done = run("denoise", shoot, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert files(tmp_path / "out") == ["a.png", "day 1/b.jpg", "day 1/деревня/c.png"]
    assert done.stdout.count("\n") == 3
    assert "vdn: 3 denoised, 1 passed over" in done.stderr


def test_without_an_output_results_are_beside_and_not_taken_again(shoot):
    for _ in range(2):
        done = run("denoise", shoot, "--noise-map", "--uncertainty", "--skip-existing")
        assert done.exit_code == 0, done.output
        made = files(shoot)
        assert len(made) == 4 + 3 * 3
        assert "day 1/b.denoised.jpg" in made
    assert "3 skipped" in done.stderr


def test_an_output_folder_inside_is_not_taken(shoot):
    for _ in range(2):
        done = run("denoise", shoot, "-o", shoot / "out", "--overwrite")
        assert done.exit_code == 0, done.output
        assert len(files(shoot / "out")) == 3
    assert run("denoise", shoot, "-o", shoot).exit_code == 2


def test_hidden_files_and_pipes_are_passed_over(shoot, tmp_path):
    picture(shoot / ".hidden.png")
    picture(shoot / ".cache" / "d.png")
    os.mkfifo(shoot / "pipe.png")
    assert run("denoise", shoot, "-o", tmp_path / "out").exit_code == 0
    assert len(files(tmp_path / "out")) == 3


def test_bad_files_in_a_folder_are_told_and_stop_nothing(shoot, tmp_path):
    (shoot / "empty.png").touch()
    (shoot / "page.jpg").write_text("<html>")
    (shoot / "gone.png").symlink_to(tmp_path / "nowhere")
    (shoot / "round.png").symlink_to(shoot / "round.png")
    done = run("denoise", shoot, "-o", tmp_path / "out", "--json")
    assert done.exit_code == 1
    assert len(files(tmp_path / "out")) == 3
    records = [json.loads(line) for line in done.stdout.splitlines()]
    failed = {os.path.basename(r["input"]): r["error"] for r in records if "error" in r}
    assert set(failed) == {"empty.png", "page.jpg", "gone.png", "round.png"}
    assert "is empty" in failed["empty.png"]
    assert "not a picture" in failed["page.jpg"]
    assert "cannot be opened" in failed["gone.png"]
    assert "links" in failed["round.png"]
    assert done.stderr.count("\n") == 4


def test_a_picture_without_an_extension_is_found_by_its_content(shoot, tmp_path):
    picture(tmp_path / "d.png").rename(shoot / "scan")
    assert run("denoise", shoot, "-o", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "scan").read_bytes().startswith(b"\x89PNG")


def test_links_that_lead_round_end(shoot, tmp_path):
    (shoot / "day 1" / "up").symlink_to(shoot)
    (shoot / "again").symlink_to(shoot / "day 1")
    done = run("denoise", shoot, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert len(files(tmp_path / "out")) == 3


def test_patterns_are_ours_to_expand(shoot, tmp_path):
    done = run("denoise", shoot / "**" / "*.png", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert files(tmp_path / "out") == ["a.png", "day 1/деревня/c.png"]
    done = run("denoise", shoot / "*.bmp", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "matches no file" in done.stderr


def test_a_name_with_brackets_is_a_name_first(tmp_path):
    path = picture(tmp_path / "a[1].png")
    assert run("denoise", path).exit_code == 0
    assert (tmp_path / "a[1].denoised.png").exists()


@pytest.mark.parametrize("null", [False, True])
def test_a_list_of_names(shoot, tmp_path, monkeypatch, null):
    monkeypatch.chdir(shoot)
    picture(shoot / "with\nbreak.png")
    names = ["day 1/b.jpg", "a.png", *(["with\nbreak.png"] if null else [])]
    end = "\0" if null else "\n"
    (tmp_path / "list").write_text("".join(name + end for name in names))
    words = ["denoise", "--files-from", tmp_path / "list", "-o", tmp_path / "out"]
    done = run(*words, *(["-0"] if null else []))
    assert done.exit_code == 0, done.output
    assert files(tmp_path / "out") == sorted(names)


def test_a_list_on_standard_input(shoot, tmp_path):
    names = f"{shoot}/a.png\n\n{shoot}/day 1\n"
    done = run("denoise", "--files-from", "-", "-o", tmp_path / "out", input=names)
    assert done.exit_code == 0, done.output
    assert files(tmp_path / "out") == ["a.png", "day 1/b.jpg", "day 1/деревня/c.png"]


def test_strange_names_stay_one_line_and_valid_json(tmp_path):
    strange = tmp_path / "shoot" / "a\nb\u202e.png"
    picture(strange)
    raw = os.fsencode(tmp_path / "shoot") + b"/\xff.png"
    with open(raw, "wb") as file:
        file.write(strange.read_bytes())
    (tmp_path / "shoot" / "bad\n.png").touch()
    done = run("denoise", tmp_path / "shoot", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert done.stdout.count("\n") == 2
    assert "a\\nb\\u202e.png" in done.stdout
    assert "\\xff.png" in done.stdout
    assert done.stderr.count("\n") == 2  # the failure and the summary
    assert (tmp_path / "out" / strange.name).exists()
    assert os.path.exists(os.fsencode(tmp_path / "out") + b"/\xff.png")
    done = run("denoise", tmp_path / "shoot", "-o", tmp_path / "json", "--json")
    records = [json.loads(line) for line in done.stdout_bytes.decode("utf-8").splitlines()]
    assert {os.fsencode(r["input"]) for r in records} >= {os.fsencode(strange), raw}


def test_two_inputs_that_become_one_file(tmp_path):
    for name in ("a.png", "a.jpg", "b.png"):
        picture(tmp_path / "shoot" / name)
    words = ["denoise", tmp_path / "shoot", "-o", tmp_path / "out", "--format", "tiff"]
    for more in ([], ["--skip-existing"], ["--overwrite"]):
        done = run(*words, *more)
        assert done.exit_code == 1
        assert "would both become" in done.stderr
        assert files(tmp_path / "out") == ["a.tiff", "b.tiff"]


def test_an_input_is_never_replaced_by_whatever_name(tmp_path):
    path = picture(tmp_path / "shoot" / "a.png")
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "shoot")
    (tmp_path / "other.png").hardlink_to(path)
    for out in (tmp_path / "link" / "a.png", tmp_path / "other.png"):
        done = run("denoise", path, "-o", out, "--overwrite")
        assert done.exit_code == 1
        assert "is the input" in done.stderr
    both = picture(tmp_path / "shoot" / "a.denoised.png", seed=1)
    kept = both.read_bytes()
    done = run("denoise", path, both, "--overwrite")
    assert done.exit_code == 1
    assert (path.read_bytes(), both.read_bytes()) == (before, kept)
    assert run("denoise", tmp_path / "shoot", "-o", tmp_path / "link").exit_code == 2


def test_what_is_missing_is_made_and_nothing_else(shoot, tmp_path):
    assert run("denoise", shoot, "-o", tmp_path / "out", "--noise-map").exit_code == 0
    kept = tmp_path / "out" / "a.png"
    (tmp_path / "out" / "a.noise.tiff").unlink()
    (tmp_path / "out" / "day 1" / "b.jpg").unlink()
    kept.write_text("edited")
    done = run("denoise", shoot, "-o", tmp_path / "out", "--noise-map", "--skip-existing")
    assert done.exit_code == 0, done.output
    assert kept.read_text() == "edited"
    assert len(files(tmp_path / "out")) == 6
    assert "2 denoised, 1 skipped" in done.stderr


def test_a_format_for_all(shoot, tmp_path):
    done = run("denoise", shoot, "-o", tmp_path / "out", "--format", "jpeg", "--quality", "50")
    assert done.exit_code == 0, done.output
    assert [name[-4:] for name in files(tmp_path / "out")] == [".jpg"] * 3
    assert run("denoise", shoot, "--format", "gift").exit_code == 2


def test_a_name_and_a_format_that_disagree_are_refused(tmp_path):
    source = picture(tmp_path / "a.png")
    done = run("denoise", source, "-o", tmp_path / "b.png", "--format", "tiff")
    assert done.exit_code == 2
    assert "goes against the name" in done.stderr
    assert not (tmp_path / "b.png").exists()
    for name in ("b.tif", "b.pixels"):
        run("denoise", source, "-o", tmp_path / name, "--format", "tiff")
        assert read(tmp_path / name).format == "tiff"


def test_an_unreadable_file_is_one_line(shoot, tmp_path, monkeypatch):
    from pathlib import Path

    opened = Path.open

    def refusing(self, *arguments, **options):
        if self.name == "b.jpg":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)
    done = run("denoise", shoot, "-o", tmp_path / "out")
    assert done.exit_code == 1
    first, summary = done.stderr.splitlines()
    assert re.search(r"b\.jpg: cannot be opened \(Permission denied\)", first)
    assert "2 denoised, 1 failed" in summary


def test_a_target_that_cannot_be_written_is_one_line_each(shoot, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "day 1").touch()  # where a folder has to be
    done = run("denoise", shoot, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert files(tmp_path / "out") == ["a.png", "day 1"]
    assert done.stderr.count("\n") == 3


def test_a_full_disk_leaves_nothing_half_made(shoot, tmp_path, monkeypatch):
    replace = os.replace

    def full(source, target):
        if str(target).endswith("b.jpg"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    done = run("denoise", shoot, "-o", tmp_path / "out", "--noise-map")
    assert done.exit_code == 1
    assert "No space left on device" in done.stderr
    made = files(tmp_path / "out")
    assert [name for name in made if "b." in name or ".vdn" in name] == []
    assert len(made) == 4


def test_an_empty_folder_is_no_failure(tmp_path):
    (tmp_path / "empty").mkdir()
    done = run("denoise", tmp_path / "empty")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "vdn: no pictures found\n"


def test_standard_input_to_standard_output(tmp_path):
    data = picture(tmp_path / "a.png").read_bytes()
    for words in (["-"], ["-", "-o", "-"], ["-", "-o", "-", "--format", "tiff"]):
        done = run("denoise", *words, input=data)
        assert done.exit_code == 0, done.stderr
        (tmp_path / "made").write_bytes(done.stdout_bytes)
        made = read(tmp_path / "made")
        assert made.format == ("tiff" if "tiff" in words else "png")
        assert made.pixels.shape == (16, 16, 3)
        assert done.stderr == ""
    done = run("denoise", "-", "--strength", "0", input=data)
    assert done.stdout_bytes == data


def test_standard_input_to_a_file(tmp_path):
    data = picture(tmp_path / "a.png").read_bytes()
    done = run("denoise", "-", "-o", tmp_path / "b.png", "--noise-map", "--json", input=data)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["input"] == "-"
    assert files(tmp_path) == ["a.png", "b.noise.tiff", "b.png"]


def test_a_bad_picture_on_standard_input_gives_no_output():
    done = run("denoise", "-", input=b"no picture")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("-: is not a picture")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("-", "b.png"), "only input"),
        (("-", "--files-from", "x"), "only input"),
        (("a.png", "b.png", "-o", "-"), "standard output"),
        (("-", "--noise-map"), "standard output"),
        (("-", "--json"), "--json"),
        (("--files-from", "absent"), "absent"),
        (("a.png", "-0"), "--files-from"),
        (("a.png", "--skip-existing", "--overwrite"), "--overwrite"),
        (("a.png", "--quality", "0"), "--quality"),
    ],
)
def test_wrong_usage_is_status_2(words, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("denoise", *words)
    assert done.exit_code == 2, done.output
    assert named in done.stderr
    assert done.stdout == ""


def test_noise_takes_folders_too(shoot, tmp_path):
    done = run("noise", shoot, "--json")
    assert done.exit_code == 0, done.output
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [os.path.basename(record["input"]) for record in records] == ["a.png", "b.jpg", "c.png"]
    assert all(len(record["noise_sigma"]) == 3 for record in records)
    done = run("noise", "--files-from", "-", input=f"{shoot}/a.png")
    assert done.exit_code == 0, done.output
    assert "1 measured" in done.stderr


def test_the_noise_of_every_image_of_a_file(tmp_path):
    import tifffile

    path = tmp_path / "stack.tiff"
    with tifffile.TiffWriter(path) as writer:
        for seed in range(3):
            page = np.random.default_rng(seed).integers(0, 4000, (16, 20), np.uint16)
            writer.write(page, photometric="minisblack")
    done = run("noise", path, "--json")
    assert done.exit_code == 0, done.output
    *records, together = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(record["frame"], record["frames"]) for record in records] == [(0, 3), (1, 3), (2, 3)]
    assert together["frames"] == 3
    assert run("noise", path).stdout.count("  page ") == 3
    pytest.importorskip("matplotlib")
    assert run("noise", path, "--plot", tmp_path / "p.png").exit_code == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True


def bar_over_half_of_the_first(shoot, monkeypatch, patience):
    from vdn.cli.inputs import find_inputs
    from vdn.cli.progress import Progress

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("vdn.cli.progress._PATIENCE", patience)
    inputs = find_inputs([str(shoot)])
    with Progress(hidden=False) as progress:
        progress.expect(inputs)
        progress.begin(inputs[0], 4_000_000)
        progress.advance(0.5)
        progress.finish(inputs[0])
    assert progress.megapixels == 2
    return screen.getvalue()


def test_the_bar_shows_rate_and_time_left(shoot, monkeypatch):
    shown = bar_over_half_of_the_first(shoot, monkeypatch, patience=0)
    assert "Mpx/s" in shown
    assert "1/4" in shown


def test_quick_work_shows_no_bar(shoot, monkeypatch):
    assert bar_over_half_of_the_first(shoot, monkeypatch, patience=60) == ""
