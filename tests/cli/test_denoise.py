import json
import subprocess
import sys

import numpy as np
import pytest

import vdn.runtime.cards
from vdn.image import read, write


@pytest.fixture(autouse=True)
def shipped(weights, monkeypatch):
    """Let the tiny models of the tests stand for those that ship."""
    monkeypatch.setattr(vdn.runtime.cards, "_folder", lambda folder: folder or weights)


@pytest.fixture
def picture(tmp_path):
    def make(name="a.png", dtype="uint8", shape=(24, 32, 3)):
        values = np.random.default_rng(0).random(shape)
        largest = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
        write(tmp_path / name, (values * largest).astype(dtype))
        return tmp_path / name

    return make


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_result_is_beside_the_input(run, picture, tmp_path):
    done = run("denoise", picture())
    assert done.exit_code == 0, done.output
    assert names(tmp_path) == ["a.denoised.png", "a.png"]
    assert "photo" in done.stdout
    assert "a.denoised.png" in done.stdout
    before, after = (read(tmp_path / name).pixels for name in ("a.png", "a.denoised.png"))
    assert (after.dtype, after.shape) == (before.dtype, before.shape)
    assert (after != before).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_maps_are_float32_in_the_units_of_the_picture(run, picture, tmp_path, dtype):
    path = picture("a.tiff", dtype)
    done = run("denoise", path, "--noise-map", "--uncertainty", "--json")
    assert done.exit_code == 0, done.output
    assert names(tmp_path) == ["a.denoised.tiff", "a.noise.tiff", "a.tiff", "a.uncertainty.tiff"]
    record = json.loads(done.stdout)
    noise = read(record["noise_map"]).pixels
    assert noise.dtype == read(record["uncertainty"]).pixels.dtype == np.float32
    assert noise.shape == (24, 32, 3)
    sigma = np.sqrt(np.square(noise, dtype=np.float64).mean(axis=(0, 1)))
    np.testing.assert_allclose(record["noise_sigma"], sigma, rtol=1e-4)


def test_json_is_one_object_a_line(run, picture, tmp_path):
    gray, absent = picture("g.png", shape=(24, 32)), tmp_path / "absent.png"
    done = run("denoise", picture(), absent, gray, "--json")
    assert done.exit_code == 1
    first, failed, last = (json.loads(line) for line in done.stdout.splitlines())
    assert list(first) == [
        "input",
        "output",
        "model",
        "width",
        "height",
        "noise_sigma",
        "seconds",
    ]
    assert (first["width"], first["height"], first["model"]) == (32, 24, "photo")
    assert len(first["noise_sigma"]) == 3
    assert len(last["noise_sigma"]) == 1
    assert set(failed) == {"input", "error"}
    assert failed["input"] == str(absent)


def test_a_failure_is_one_line_and_stops_nothing(run, picture, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture().read_bytes()[:100])
    done = run("denoise", broken, tmp_path / "a.png")
    assert done.exit_code == 1
    failure, summary = done.stderr.splitlines()
    assert failure.startswith(f"{broken}: is damaged")
    assert summary.startswith("vdn: 1 denoised, 1 failed; 0.000768 Mpx in ")
    assert (tmp_path / "a.denoised.png").exists()


def test_a_bug_is_one_line_too_and_a_traceback_with_debug(run, picture, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("out of\nluck")

    monkeypatch.setattr("vdn.models.Models.load", fail)
    path = picture()
    done = run("denoise", path)
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "RuntimeError: out of luck" in done.stderr
    assert "Traceback" in run("denoise", path, "--debug").stderr


def test_values_that_are_not_finite_name_the_file(run, tmp_path):
    path = tmp_path / "a.tiff"
    write(path, np.full((4, 4), np.nan, np.float32))
    done = run("denoise", path)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"{path}: image has 16 values that are NaN")


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.jpg"])
def test_strength_0_returns_the_file(run, picture, tmp_path, name):
    path = picture(name)
    done = run("denoise", path, "--strength", "0", "-o", tmp_path / f"same-{name}")
    assert done.exit_code == 0, done.output
    assert (tmp_path / f"same-{name}").read_bytes() == path.read_bytes()


def test_strength_0_in_another_format_returns_the_pixels(run, picture, tmp_path):
    path = picture()
    assert run("denoise", path, "--strength", "0", "-o", tmp_path / "b.tiff").exit_code == 0
    np.testing.assert_array_equal(read(tmp_path / "b.tiff").pixels, read(path).pixels)


def test_known_noise_is_a_number_or_a_map(run, picture, tmp_path):
    path, sigma = picture(), tmp_path / "sigma.tiff"
    write(sigma, np.full((24, 32), 30, np.float32))
    for out, known in (("n.png", 30), ("f.png", sigma), ("more.png", 60)):
        done = run("denoise", path, "--noise-sigma", known, "-o", tmp_path / out)
        assert done.exit_code == 0, done.output
    number, file, more = (read(tmp_path / f"{name}.png").pixels for name in ("n", "f", "more"))
    np.testing.assert_array_equal(number, file)
    assert (number != more).any()


def test_a_map_to_look_at_may_be_given_back(run, picture, tmp_path):
    path = picture()
    for kind, suffix in (("png", "png"), ("tiff", "tiff")):
        words = "--noise-map", "--map-format", kind, "--overwrite"
        assert run("denoise", path, *words).exit_code == 0
        given = tmp_path / f"a.noise.{suffix}"
        done = run("denoise", path, "--noise-sigma", given, "-o", tmp_path / f"{kind}.png")
        assert done.exit_code == 0, done.output
    seen, exact = (read(tmp_path / name).pixels.astype(int) for name in ("png.png", "tiff.png"))
    assert np.abs(seen - exact).max() <= 6  # it holds the mean square of the channels
    pytest.importorskip("zarr")
    refused = run(
        "denoise", path, "--noise-sigma", tmp_path / "a.noise.png", "-o", tmp_path / "z.zarr"
    )
    assert refused.exit_code == 1
    assert "a map to look at" in refused.stderr


def test_outputs_are_replaced_only_when_asked(run, picture, tmp_path):
    path = picture()
    (tmp_path / "a.denoised.png").write_text("precious")
    done = run("denoise", path)
    assert done.exit_code == 1
    assert "exists" in done.stderr
    assert (tmp_path / "a.denoised.png").read_text() == "precious"
    assert run("denoise", path, "--overwrite").exit_code == 0
    assert run("denoise", path, "-o", path, "--overwrite").exit_code == 1


def test_an_existing_map_is_seen_before_the_work(run, picture, tmp_path):
    path = picture()
    (tmp_path / "a.noise.tiff").write_text("precious")
    assert run("denoise", path, "--noise-map").exit_code == 1
    assert names(tmp_path) == ["a.noise.tiff", "a.png"]


def test_several_inputs_go_to_a_folder(run, picture, tmp_path):
    inputs = [picture("a.png"), picture("b.jpg")]
    done = run("denoise", *inputs, "-o", tmp_path / "out" / "deep", "--noise-map")
    assert done.exit_code == 0, done.output
    assert names(tmp_path / "out" / "deep") == ["a.noise.tiff", "a.png", "b.jpg", "b.noise.tiff"]


def test_one_input_goes_to_a_folder_that_exists(run, picture, tmp_path):
    (tmp_path / "out").mkdir()
    assert run("denoise", picture(), "-o", tmp_path / "out").exit_code == 0
    assert names(tmp_path / "out") == ["a.png"]


def test_quiet_prints_nothing(run, picture):
    done = run("denoise", picture(), "--quiet")
    assert (done.exit_code, done.output) == (0, "")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((), "INPUT"),
        (("a.png", "--strength", "-1"), "--strength"),
        (("a.png", "--strength", "nan"), "--strength"),
        (("a.png", "--threads", "0"), "--threads"),
        (("a.png", "--max-memory", "0"), "--max-memory"),
        (("a.png", "--precision", "fp8"), "--precision"),
        (("a.png", "--model", "phto"), "phto"),
        (("a.png", "--model", "absent.onnx"), "absent.onnx"),
        (("a.png", "--noise-sigma", "-3"), "--noise-sigma"),
        (("a.png", "--noise-sigma", "absent.tiff"), "absent.tiff"),
        (("a.png", "b.png", "-o", "c.png"), "c.png is a file"),
        (("x/a.png", "y/a.png", "-o", "out"), "both become"),
        (("a.png", "a.jpg", "--noise-map"), "both become"),
        (("a.png", "--unknown"), "--unknown"),
    ],
)
def test_wrong_usage_is_status_2(run, words, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("denoise", *words)
    assert done.exit_code == 2, done.output
    assert named in done.stderr
    assert done.stdout == ""
    assert names(tmp_path) == []


def test_metadata_is_kept_and_maps_lie_over_the_picture(run, tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    path = tmp_path / "a.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    Image.fromarray(pixels).save(path, exif=exif, icc_profile=b"profile")
    assert run("denoise", path, "--noise-map", "--no-provenance").exit_code == 0
    made, noise = read(tmp_path / "a.denoised.jpg"), read(tmp_path / "a.noise.tiff")
    assert made.metadata.exif == read(path).metadata.exif
    assert made.metadata.icc == b"profile"
    assert made.pixels.shape == noise.pixels.shape == (24, 32, 3)
    assert noise.metadata.orientation == 6
    assert noise.metadata.icc == b""


def test_what_made_a_picture_is_noted_in_it(run, picture, tmp_path):
    path = picture("a.jpg")
    assert run("denoise", path, "--strength", "0.5").exit_code == 0
    tags = read(tmp_path / "a.denoised.jpg").metadata.exif_tags()
    software = tags[0x000B]  # ProcessingSoftware
    assert "vdn" in software
    assert "model photo, strength 0.5" in software


def test_the_program_runs_by_itself(tmp_path):
    command = [sys.executable, "-m", "vdn", "denoise", str(tmp_path / "absent.png"), "--json"]
    done = subprocess.run([*command, "--model", "absent"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "absent" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_small_picture_waits_for_no_module_it_does_not_need(picture, weights, tmp_path):
    model = next(weights.glob("*.onnx"))
    program = (
        "import sys, vdn.cli; "
        f"words = ['denoise', {str(picture())!r}, '--model', {str(model)!r}]; "
        "vdn.cli.app(words, standalone_mode=False); "
        "print({'rich', 'scipy', 'torch', 'openvino.tools.ovc', 'vdn.noise.camera'} & "
        "set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()", done.stderr
    assert (tmp_path / "a.denoised.png").exists()


def test_help_loads_nothing_heavy():
    program = (
        "import sys, vdn.cli; print({'numpy', 'PIL', 'scipy', 'openvino', 'torch'} & "
        "set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
