import hashlib
import types

import numpy as np
import pytest
import torch

import vdn.evaluation.methods as methods_module
import vdn.runtime.cards
from tiny_model import write_tiny_model
from vdn.errors import FileError, InputError
from vdn.evaluation.methods import Ready, parse_method
from vdn.networks import DnCNN


@pytest.fixture(autouse=True)
def shipped(weights, monkeypatch):
    monkeypatch.setattr(vdn.runtime.cards, "_folder", lambda folder: folder or weights)


@pytest.fixture
def image():
    return np.random.default_rng(0).random((24, 32, 3), dtype=np.float32)


def test_the_input_itself(image):
    noisy = Ready(parse_method("noisy"))
    np.testing.assert_array_equal(noisy.denoise(image, 0.1), image)
    with pytest.raises(InputError, match="estimates no noise"):
        noisy.estimate_noise(image)


def test_a_model_file_is_known_by_its_digest(tmp_path, image):
    path = write_tiny_model(tmp_path / "mine.onnx")
    method = parse_method(str(path))
    assert method.name == "mine.onnx"
    assert method.version == hashlib.sha256(path.read_bytes()).hexdigest()[:16] + " fp32"
    ready = Ready(method)
    result = ready.denoise(image, 0.1)
    assert result.image.shape == result.noise_sigma.shape == image.shape
    np.testing.assert_allclose(ready.estimate_noise(image), result.noise_sigma, rtol=1e-4)


def test_a_shipped_model_with_and_without_the_truth(image):
    blind, told = Ready(parse_method("photo")), Ready(parse_method("photo@true"))
    changed = told.denoise(image, 0.3).image
    assert np.abs(changed - told.denoise(image, 0.05).image).max() > 1e-4
    np.testing.assert_array_equal(blind.denoise(image, 0.3).image, blind.denoise(image, 0.05).image)
    with pytest.raises(InputError, match="not known"):
        told.denoise(image, None)


def test_one_method_told_what_another_infers(image):
    blind, fed = Ready(parse_method("photo")), Ready(parse_method("photo@photo"))
    expected = blind.denoise(image, None).image
    np.testing.assert_allclose(fed.denoise(image, None).image, expected, atol=1e-4)
    assert "@" in fed.method.version


def test_a_function_of_ones_own(tmp_path, image):
    path = tmp_path / "mine.py"
    path.write_text(
        "def half(image, sigma=None):\n    return image / 2 if sigma is None else sigma\n"
    )
    method = parse_method(f"{path}:half")
    assert method.version == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    np.testing.assert_array_equal(Ready(method).denoise(image, 0.1), image / 2)
    told = parse_method(f"{path}:half@true")
    assert (method.name, told.name) == ("mine.py:half", "mine.py:half@true")
    assert Ready(told).denoise(image, 0.1) == 0.1
    with pytest.raises(FileError, match="no function 'other'"):
        parse_method(f"{path}:other")
    for source in ("1 +", "import no_such_module", "raise RuntimeError"):
        (tmp_path / "broken.py").write_text(source)
        with pytest.raises(FileError, match=r"broken\.py: cannot be imported"):
            parse_method(f"{tmp_path}/broken.py:half")
    with pytest.raises(FileError, match="cannot be read"):
        parse_method(f"{tmp_path}/none.py:half")


def test_methods_of_others_come_from_their_package(monkeypatch, tmp_path, image):
    (tmp_path / "a.py").write_text("1")
    package = types.ModuleType("vdn.external")
    package.__path__ = [str(tmp_path)]
    package.METHODS, package.NETWORK_FILES = ("blur",), (".pth",)
    package.NOISE_ESTIMATES = {"guess": lambda image: 0.25}
    package.load_method = lambda name: (
        lambda image, sigma=None: image * 0 if sigma is None else sigma
    )
    monkeypatch.setattr(methods_module, "external", package)
    assert Ready(parse_method("blur")).denoise(image, 0.1).max() == 0
    assert Ready(parse_method("guess")).estimate_noise(image) == 0.25
    assert Ready(parse_method("blur@guess")).denoise(image, 0.1) == 0.25
    before = parse_method("blur").version
    (tmp_path / "a.py").write_text("2")
    assert parse_method("blur").version != before
    with pytest.raises(InputError, match="estimates no noise"):
        Ready(parse_method("blur")).estimate_noise(image)
    (tmp_path / "net.pth").write_bytes(b"x")
    assert Ready(parse_method(str(tmp_path / "net.pth"))).denoise(image, 0.1).max() == 0
    with pytest.raises(InputError, match=r"blur.*guess"):
        parse_method("unknown")


def test_networks_come_from_files_and_runs(tmp_path, image):
    torch.manual_seed(0)
    names = [f"model.{2 * index}" for index in range(3)]
    network = DnCNN(channels=image.shape[2], depth=3, width=4)
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    state = {
        f"{name}.{key}": value
        for name, layer in zip(names, layers, strict=True)
        for key, value in layer.state_dict().items()
    }
    torch.save(state, tmp_path / "dncnn.pth")
    method = parse_method(str(tmp_path / "dncnn.pth"))
    assert method.name == "dncnn.pth"
    with torch.inference_mode():
        batch = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
        expected = network.eval()(batch).mean[0].numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(Ready(method).denoise(image, 0.1), expected, atol=1e-6)
    run = tmp_path / "mine"
    run.mkdir()
    (run / "checkpoint.pt").write_bytes((tmp_path / "dncnn.pth").read_bytes())
    assert parse_method(str(run)).name == parse_method(str(run / "checkpoint.pt")).name == "mine"
    with pytest.raises(FileError, match=r"none\.mat: cannot be read"):
        parse_method(str(tmp_path / "none.mat"))


def test_an_unknown_method_names_those_there_are():
    with pytest.raises(InputError, match=r"there are noisy, the models .*photo.*wnnm.*chen"):
        parse_method("bm4d")
