"""Every method: one call, the image's shape and range back, and less noise than before."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from vdn.errors import FileError, InputError, MissingExtraError
from vdn.external import METHODS, classical, load_method
from vdn.external.method import as_planes, require, scalar_sigma

INSTALLED = sorted(set(METHODS) - {"bm3d"})


def scene(channels: int = 0, size: int = 40) -> np.ndarray:
    """Slopes, an edge and stripes."""
    y, x = np.mgrid[:size, :size] / size
    image = 0.3 + 0.3 * x + 0.2 * (y > 0.5) + 0.1 * np.sin(24 * x)
    if channels:
        image = np.stack([image, image[::-1], image.T][:channels], axis=-1)
    return image.astype(np.float32)


def noisy_scene(sigma: float, channels: int = 0) -> np.ndarray:
    clean = scene(channels)
    noise = np.random.default_rng(0).normal(0, sigma, clean.shape)
    return (clean + noise).astype(np.float32)


def rms(values) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.parametrize("name", INSTALLED)
def test_noise_gets_less_and_the_shape_stays(name):
    side = 24 if name in ("wnnm", "mog") else 40  # the two slow ones
    clean, noisy = scene()[:side, :side], noisy_scene(0.1)[:side, :side]
    restored = load_method(name)(noisy, 0.1)
    assert restored.shape == noisy.shape
    assert restored.dtype == np.float32
    assert rms(restored - clean) < 0.65 * rms(noisy - clean)


@pytest.mark.parametrize("name", ["nlm", "nlm_opencv", "tv", "wavelet"])
def test_colour_and_single_channels(name):
    denoise = load_method(name)
    for channels in (1, 3):
        noisy = noisy_scene(0.1, channels)
        restored = denoise(noisy, 0.1)
        assert restored.shape == noisy.shape
        assert rms(restored - scene(channels)) < 0.65 * rms(noisy - scene(channels))


@pytest.mark.parametrize("name", ["nlm", "nlm_opencv", "tv", "wavelet"])
def test_blind_is_the_same_as_its_estimate_given(name):
    noisy = noisy_scene(0.1)
    denoise = load_method(name)
    assert np.array_equal(denoise(noisy, estimate=lambda image: 0.08), denoise(noisy, 0.08))


@pytest.mark.parametrize("name", sorted(set(INSTALLED) - {"mog"}))
@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (5, 5, 3)])
def test_images_smaller_than_a_patch_work(name, shape):
    noisy = np.random.default_rng(0).normal(0.5, 0.1, shape).astype(np.float32)
    restored = load_method(name)(noisy, 0.1)
    assert restored.shape == shape
    assert np.isfinite(restored).all()


@pytest.mark.parametrize("name", INSTALLED)
def test_no_noise_returns_the_image(name):
    image = scene(3)
    assert np.array_equal(load_method(name)(image, 0.0), image)


@pytest.mark.parametrize("name", ["nlm", "nlm_opencv", "tv", "wavelet"])
def test_values_beyond_black_and_white_are_not_clipped(name):
    noisy = noisy_scene(0.1) * 2 - 0.9
    restored = load_method(name)(noisy, 0.2)
    assert restored.min() < -0.05
    assert restored.mean() == pytest.approx(noisy.mean(), abs=0.02)


def test_a_map_counts_as_its_root_mean_square():
    planes = as_planes(scene())
    sigma = np.zeros((40, 40))
    sigma[:20] = 0.2
    assert scalar_sigma(planes, sigma) == pytest.approx(0.2 / np.sqrt(2))
    assert scalar_sigma(planes, sigma[..., None]) == pytest.approx(0.2 / np.sqrt(2))


@pytest.mark.parametrize("sigma", [-0.1, np.nan, np.ones((3, 3))])
def test_impossible_sigmas_are_refused(sigma):
    with pytest.raises(InputError, match="sigma"):
        scalar_sigma(as_planes(scene()), sigma)


@pytest.mark.parametrize("image", [np.zeros(5), np.zeros((4, 4, 2)), np.full((4, 4), np.nan)])
def test_impossible_images_are_refused(image):
    with pytest.raises(InputError, match="image"):
        as_planes(image)


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingExtraError, match=r"skimage.*vdn\[bench\]"):
        load_method("nlm")
    with pytest.raises(MissingExtraError, match=r"bm3d.*vdn\[bm3d\]"):
        require("bm3d_that_nobody_has", "bm3d")


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(InputError, match=r"'bm4d'.*wnnm"):
        load_method("bm4d")


def test_bm3d_is_called_as_its_package_wants_and_says_its_licence_once(monkeypatch, caplog):
    calls = []
    package = SimpleNamespace(
        bm3d=lambda image, sigma: calls.append(("gray", image.shape, sigma)) or image,
        bm3d_rgb=lambda image, sigma: calls.append(("colour", image.shape, sigma)) or image,
    )
    monkeypatch.setitem(sys.modules, "bm3d", package)
    classical._bm3d.cache_clear()
    denoise = load_method("bm3d")
    assert denoise(scene(), 0.1).shape == (40, 40)
    assert denoise(scene(1), 0.1).shape == (40, 40, 1)
    assert denoise(scene(3), 0.1).shape == (40, 40, 3)
    with pytest.raises(InputError, match="block of 8"):
        denoise(scene(size=7), 0.1)
    classical._bm3d.cache_clear()
    assert [call[:2] for call in calls] == [
        ("gray", (40, 40)), ("gray", (40, 40)), ("colour", (40, 40, 3)),
    ]  # fmt: skip
    assert caplog.text.count("non-commercial") == 1


class StandInModel:
    """Behaves as spandrel's descriptor of a network from image to image."""

    scale = 1
    purpose = "Restoration"
    architecture = SimpleNamespace(name="StandIn")

    def __init__(self, channels=3):
        self.input_channels = self.output_channels = channels
        self.seen = []

    def eval(self):
        return self

    def __call__(self, image):
        self.seen.append(image)
        return image * 0.5


@pytest.fixture
def spandrel(monkeypatch, tmp_path):
    """Stands in for spandrel, whose dependencies are too large for the tests."""
    pytest.importorskip("torch")
    path = tmp_path / "net.pth"
    path.write_bytes(b"weights")
    module = SimpleNamespace(ImageModelDescriptor=StandInModel, model=StandInModel())
    module.ModelLoader = lambda device: SimpleNamespace(load_from_file=lambda name: module.model)
    monkeypatch.setitem(sys.modules, "spandrel", module)
    return module, str(path)


def test_a_network_file_sees_a_clipped_batch_and_gives_an_image(spandrel):
    module, path = spandrel
    image = noisy_scene(0.5, 3)
    restored = load_method(path)(image)
    (batch,) = module.model.seen
    assert tuple(batch.shape) == (1, 3, 40, 40)
    assert batch.min() >= 0 and batch.max() <= 1  # noqa: PT018
    np.testing.assert_array_equal(restored, np.clip(image, 0, 1) * np.float32(0.5))


def test_gray_images_and_networks_of_other_channels(spandrel):
    module, path = spandrel
    image = scene()
    np.testing.assert_allclose(load_method(path)(image), image / 2, rtol=1e-6)
    module.model = StandInModel(channels=1)
    restored = load_method(path)(scene(3))
    assert [tuple(batch.shape) for batch in module.model.seen] == [(1, 1, 40, 40)] * 3
    np.testing.assert_allclose(restored, scene(3) / 2, rtol=1e-6)


def test_files_that_are_no_denoisers_are_refused(spandrel):
    module, path = spandrel
    module.model.scale = 4
    with pytest.raises(InputError, match="same size"):
        load_method(path)
    module.ModelLoader = lambda device: SimpleNamespace(load_from_file=lambda name: 1 / 0)
    with pytest.raises(FileError, match=r"net\.pth"):
        load_method(path)
    with pytest.raises(FileError, match=r"nowhere\.pth"):
        load_method("nowhere.pth")


def test_the_mixture_model_withstands_outliers_that_mislead_the_gaussian_one():
    clean = scene(size=32)
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 0.03, clean.shape)
    noise += (generator.random(clean.shape) < 0.08) * generator.normal(0, 0.4, clean.shape)
    noisy, sigma = (clean + noise).astype(np.float32), rms(noise)
    robust = load_method("mog")(noisy, sigma)
    gaussian = load_method("wnnm")(noisy, sigma)
    assert rms(robust - clean) < 0.7 * rms(gaussian - clean)


@pytest.mark.parametrize("name", ["chen", "mad", "signal_dependent"])
def test_an_estimate_of_the_noise_is_not_a_method_and_says_how_to_be_called(name):
    with pytest.raises(InputError, match=rf"{name}.*NOISE_ESTIMATES"):
        load_method(name)
