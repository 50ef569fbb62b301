"""Maps as pictures: any viewer opens them, and their description gives the values back."""

import re

import numpy as np
import pytest
from PIL import Image

import vdn
from vdn.errors import FileError
from vdn.image import read, write

NOISY = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)


def shown(path):
    """The values of a map, by what its description says of a step."""
    with Image.open(path) as image:
        assert image.mode == "I;16"
        text = image.getexif()[270]
        unit = float(re.fullmatch(r"standard deviation, .*: ([\d.e+-]+) times the value", text)[1])
        return np.asarray(image) * unit


@pytest.fixture
def model(weights):
    return weights / "photo.onnx"


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_picture_of_a_map_is_the_map(tmp_path, model, dtype):
    image = NOISY.astype(dtype) * (257 if dtype == "uint16" else 1)
    write(tmp_path / "a.tif", image)
    for end in ("tiff", "png"):
        maps = {"noise_map": tmp_path / f"n.{end}", "uncertainty": tmp_path / f"u.{end}"}
        vdn.denoise_file(tmp_path / "a.tif", tmp_path / f"{end}.tif", model=model, **maps)
    for name in "nu":
        values = np.sqrt(np.mean(np.square(read(tmp_path / f"{name}.tiff").pixels), axis=2))
        top = np.percentile(values, 99) / 0.9
        expected = np.minimum(values, top)
        np.testing.assert_allclose(shown(tmp_path / f"{name}.png"), expected, atol=top / 60_000)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"a.tif", "tiff.tif", "png.tif", "n.tiff", "n.png", "u.tiff", "u.png"}


def test_one_picture_holds_one_map(tmp_path, model):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", np.stack([NOISY, NOISY]), photometric="rgb")
    with pytest.raises(FileError, match=r"n\.png: a PNG holds one map"):
        vdn.denoise_file(
            tmp_path / "a.tif", tmp_path / "b.tif", model=model, noise_map=tmp_path / "n.png"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_the_command_names_them_and_does_not_take_them_again(run, tmp_path, model):
    write(tmp_path / "a.png", NOISY)
    words = ("--noise-map", "--uncertainty", "--map-format", "png", "--model", model)
    assert run("denoise", tmp_path / "a.png", *words).exit_code == 0
    made = {"a.png", "a.denoised.png", "a.noise.png", "a.uncertainty.png"}
    assert {path.name for path in tmp_path.iterdir()} == made
    assert run("denoise", tmp_path, *words, "--skip-existing").exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == made
    assert run("denoise", tmp_path, "-o", tmp_path / "out", "--model", model).exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_a_flat_map_is_black_or_gray(tmp_path, model):
    write(tmp_path / "a.png", np.zeros((9, 9, 3), np.uint8))
    vdn.denoise_file(
        tmp_path / "a.png", tmp_path / "b.png", model=model, noise_map=tmp_path / "n.png"
    )
    assert np.isfinite(shown(tmp_path / "n.png")).all()
