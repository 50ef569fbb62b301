import json
import re
import subprocess
import sys
import types
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import vdn.runtime.cards
from vdn.cli import app
from vdn.errors import ConfigError
from vdn.image import read, write


@pytest.fixture(autouse=True)
def shipped(weights, monkeypatch):
    monkeypatch.setattr(vdn.runtime.cards, "_folder", lambda folder: folder or weights)


class Page(HTMLParser):
    """The tags, the texts and the addresses of pictures of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.sources = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [
            value
            for name, value in attrs
            if name in ("src", "srcset", "href") and not value.startswith("#")
        ]

    def handle_data(self, data):
        self.texts.append(data.strip())


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def gradient(tmp_path):
    pixels = np.repeat(np.linspace(0, 255, 40)[None, :, None], 24, axis=0)
    path = tmp_path / "a.png"
    write(path, np.repeat(pixels, 3, axis=2).astype(np.uint8))
    return path


def test_noise_tells_how_much_where_and_of_what_kind(gradient):
    done = run("noise", gradient)
    assert done.exit_code == 0, done.output
    for word in ("sigma", "quietest", "noisiest", "rows", "kind", "standard deviation"):
        assert word in done.stdout


def test_noise_reads_the_law_of_white_noise_off_the_pixels(tmp_path):
    rows, columns = np.mgrid[:256, :256] / 256
    clean = np.stack([rows, columns, 0.5 * rows + 0.5 * columns], -1)
    noisy = 0.01 * np.random.default_rng(0).poisson(clean / 0.01)
    noisy += 0.05 * np.random.default_rng(1).standard_normal(clean.shape)
    write(tmp_path / "a.tif", noisy.astype(np.float32))
    done = run("noise", tmp_path / "a.tif")
    assert len(re.findall("  law          (red|green|blue): variance 0.0", done.stdout)) == 3
    assert re.search(r"variance 0\.\d+ \(0\.\d+ to 0\.\d+\) x brightness \+ 0\.00", done.stdout)
    record = json.loads(run("noise", tmp_path / "a.tif", "--json").stdout)
    for law in record["laws"]:
        assert law["a_interval"][0] < law["a"] < law["a_interval"][1]
        assert law["a"] == pytest.approx(0.01, rel=0.15)
        assert law["b"] == pytest.approx(0.0025, rel=0.2)
        assert law["b_known"]


def test_noise_tells_what_the_pixels_went_through(tmp_path):
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:160, :160] / 160
    clean = 120 + 60 * np.sin(9 * rows) * np.cos(7 * columns) + 10 * rng.normal(size=(160, 160))
    pixels = np.repeat(np.clip(clean, 0, 254)[..., None], 3, axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=50)
    with Image.open(tmp_path / "a.jpg") as first:
        first.save(tmp_path / "b.jpg", quality=92)
    pixels[:8, :, 1] = 255
    pixels[100, 50] = 255
    Image.fromarray(pixels).save(tmp_path / "c.png")
    once, again, never = (
        run("noise", tmp_path / name).stdout for name in ("a.jpg", "b.jpg", "c.png")
    )
    assert "JPEG         quality 50 by the tables of the file\n" in once
    assert "quality 92 by the tables of the file; but the pixels bear the blocks" in again
    assert "JPEG" not in never
    assert "5 % of green at white (255)" in never
    assert re.search(r"hot pixels   [3-9] hot, 0 cold", never)
    record = json.loads(run("noise", tmp_path / "b.jpg", "--json").stdout)
    assert record["jpeg"] == {"quality": 92, "standard": True}
    assert record["jpeg_traces"]["contradict_tables"]
    assert len(record["correlation"]["across"]) == 10
    assert record["fits"]["model"] == record["model"]
    for sigma, (low, high) in zip(
        record["noise_sigma"], record["noise_sigma_interval"], strict=True
    ):
        assert low < sigma < high


def test_noise_as_json(gradient, tmp_path):
    done = run("noise", gradient, tmp_path / "absent.png", "--json")
    assert done.exit_code == 1
    record, failed = (json.loads(line) for line in done.stdout.splitlines())
    assert (record["width"], record["height"], record["model"]) == (40, 24, "photo")
    assert len(record["noise_sigma"]) == len(record["variance_slope"]) == 3
    assert record["quietest"]["sigma"] <= np.mean(record["noise_sigma"])
    assert record["noisiest"]["sigma"] >= record["quietest"]["sigma"]
    cell = record["noisiest"]
    assert cell["row"] + cell["height"] <= 24
    assert cell["column"] + cell["width"] <= 40
    assert set(failed) == {"input", "error"}


def test_noise_of_a_picture_smaller_than_the_grid(tmp_path):
    write(tmp_path / "a.png", np.array([[3]], np.uint8))
    assert run("noise", tmp_path / "a.png").exit_code == 0


def test_the_plot(gradient, tmp_path):
    pytest.importorskip("matplotlib")
    plot = tmp_path / "plot.png"
    done = run("noise", gradient, "--plot", plot, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["plot"] == str(plot)
    assert read(plot).pixels.shape[2] == 4
    assert run("noise", gradient, "--plot", plot).exit_code == 1
    assert run("noise", gradient, gradient, "--plot", tmp_path / "b.png").exit_code == 2


def test_the_page_holds_everything_and_needs_nothing_else(tmp_path):
    pytest.importorskip("matplotlib")
    noisy = np.random.default_rng(0).normal(120, 20, (96, 96, 3))
    source, page = tmp_path / "a<b>&.png", tmp_path / "page.html"
    write(source, np.clip(noisy, 0, 255).astype(np.uint8))
    done = run("noise", source, "--html", page)
    assert done.exit_code == 0, done.output
    assert f"  html         {page}" in done.stdout
    text = page.read_text()
    parsed = Page()
    parsed.feed(text)
    assert all(address.startswith("data:image/webp;base64,") for address in parsed.sources)
    assert len(parsed.sources) == 3
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    assert "svg" in parsed.tags
    assert "url(http" not in text
    for line in done.stdout.splitlines()[1:-1]:
        value = line[15:].strip()
        assert value in " ".join(parsed.texts) or "<" in value
    assert "a<b>&.png" in parsed.texts
    assert len(text) < 300_000
    assert run("noise", source, "--html", page).exit_code == 1
    assert run("noise", source, "--html", page, "--overwrite").exit_code == 0
    assert run("noise", source, "--html", tmp_path / "a.txt").exit_code == 1
    assert run("noise", source, source, "--html", tmp_path / "b.html").exit_code == 2


def test_the_plot_without_matplotlib(gradient, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = run("noise", gradient, "--plot", tmp_path / "plot.png")
    assert done.exit_code == 1
    assert "pip install matplotlib" in done.stderr


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("my photo.jpg", "vdn denoise 'my photo.jpg'"),
        ("denoize", "did you mean: vdn denoise"),
        ("zzz", "did you mean: vdn --help"),
    ],
)
def test_what_was_meant_is_said(word, hint):
    done = run(word)
    assert done.exit_code == 2
    assert f"No such command '{word}'; " in done.stderr
    assert hint in done.stderr


@pytest.mark.parametrize("module", ["vdn", "vdn.cli"])
def test_the_command_is_a_module_too(module):
    command = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("vdn ")


def test_models_as_text_and_json():
    done = run("models")
    assert done.exit_code == 0
    assert "photo" in done.stdout
    cards = [json.loads(line) for line in run("models", "--json").stdout.splitlines()]
    assert [card["name"] for card in cards] == ["photo", "gray"]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_simulate_adds_noise_of_a_known_map(tmp_path, dtype):
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    clean = np.full((64, 64), white / 2).astype(dtype)
    write(tmp_path / "clean.tiff", clean)
    for name, seed in (("a", 1), ("same", 1), ("other", 2)):
        done = run(
            *("simulate", tmp_path / "clean.tiff", tmp_path / f"{name}.tiff"),
            *("--noise", "gaussian:25", "--seed", seed),
            *("--sigma-map", tmp_path / f"{name}.sigma.tiff"),
        )
        assert done.exit_code == 0, done.output
    noisy = {name: read(tmp_path / f"{name}.tiff").pixels for name in ("a", "same", "other")}
    sigma = read(tmp_path / "a.sigma.tiff").pixels
    assert noisy["a"].dtype == dtype
    np.testing.assert_array_equal(noisy["a"], noisy["same"])
    assert (noisy["a"] != noisy["other"]).any()
    np.testing.assert_allclose(sigma, 25 / 255 * white, rtol=1e-5)
    level = f"{25 / 255 * white:.3g}"
    assert done.stdout == f"{tmp_path / 'other.tiff'}: gaussian:25, seed 2: noise of {level}\n"
    assert noisy["a"].std() == pytest.approx(25 / 255 * white, rel=0.1)


def test_simulate_says_the_range_of_a_map_and_takes_a_function(gradient, tmp_path):
    done = run("simulate", gradient, tmp_path / "b.png", "--noise", "case2")
    assert re.search(r": case2, seed 0: noise of [\d.]+, from 10(\.\d)? to 75\n", done.stdout)
    (tmp_path / "own.py").write_text("def add(clean, generator):\n    return 1 - clean, 0.1\n")
    noise = f"{tmp_path / 'own.py'}:add"
    done = run("simulate", gradient, tmp_path / "c.png", "--noise", noise, "-q")
    assert (done.exit_code, done.stdout) == (0, "")
    inverted = read(tmp_path / "c.png").pixels
    np.testing.assert_array_equal(inverted, 255 - read(gradient).pixels)


def test_the_help_of_simulate_names_every_noise():
    from vdn.noise.registry import NOISE

    text = run("simulate", "--help").stdout
    assert [name for name in NOISE if name not in text] == []


def test_simulate_refuses_in_one_line(gradient, tmp_path):
    done = run("simulate", gradient, tmp_path / "b.png", "--noise", "case9")
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "case9" in done.stderr
    assert run("simulate", gradient, tmp_path / "b.png").exit_code == 2
    assert run("simulate", gradient, gradient, "--noise", "case1", "--overwrite").exit_code == 1


def test_train_passes_its_arguments_on(monkeypatch, tmp_path):
    seen = []
    module = types.ModuleType("vdn.training")
    module.run = lambda *arguments: seen.append(arguments) or tmp_path
    monkeypatch.setitem(sys.modules, "vdn.training", module)
    done = run("train", "c.toml", "--set", "a=1", "--set", "b=2", "--resume", "-o", tmp_path)
    assert done.exit_code == 0, done.output
    ((config, overrides, folder, resume),) = seen
    assert (str(config), folder, resume) == ("c.toml", tmp_path, True)
    assert list(overrides) == ["a=1", "b=2"]
    assert done.stdout.strip() == str(tmp_path)


def test_a_wrong_configuration_is_one_line(monkeypatch):
    def fail(*_):
        raise ConfigError("c.toml: unknown key 'lr'")

    module = types.ModuleType("vdn.training")
    module.run = fail
    monkeypatch.setitem(sys.modules, "vdn.training", module)
    done = run("train", "c.toml")
    assert (done.exit_code, done.stderr) == (1, "vdn: c.toml: unknown key 'lr'\n")


@pytest.mark.parametrize(
    ("words", "module", "extra"),
    [
        (("train", "c.toml"), "vdn.training", "train"),
        (("export", "run", "a.onnx"), "vdn.export", "export"),
    ],
)
def test_a_missing_extra_is_named(monkeypatch, words, module, extra):
    for name in [name for name in sys.modules if name.startswith(module)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    done = run(*words)
    assert done.exit_code == 1
    assert f"vdn[{extra}]" in done.stderr


def test_export_passes_its_arguments_on(monkeypatch, tmp_path):
    seen = []
    module = types.ModuleType("vdn.export")
    module.export_run = lambda run, out, *, overwrite: seen.append((run, out, overwrite))
    monkeypatch.setitem(sys.modules, "vdn.export", module)
    done = run("export", tmp_path / "run", tmp_path / "a.onnx", "--overwrite")
    assert done.exit_code == 0, done.output
    assert seen == [(tmp_path / "run", tmp_path / "a.onnx", True)]


def test_a_reader_who_has_enough_is_no_failure():
    command = f"{sys.executable} -m vdn models --json | head -c 10"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert len(done.stdout) == 10
    assert done.stderr == ""
