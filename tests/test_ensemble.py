"""The mean over mirrored and turned versions of an image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vdn
from image.cases import pixels
from tiny_model import write_tiny_model
from vdn.image import read, write

VERSIONS = [(quarter, mirror) for quarter in range(4) for mirror in (False, True)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    return {count: write_tiny_model(folder / f"{count}.onnx", count) for count in (1, 3)}


def turned(image, quarter, mirror):
    image = np.rot90(image, quarter)
    return image[:, ::-1] if mirror else image


def turned_back(image, quarter, mirror):
    return np.rot90(image[:, ::-1] if mirror else image, -quarter)


def noisy(height, width, channels):
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(height + width).uniform(0.2, 0.8, shape).astype(np.float32)


@pytest.mark.parametrize("memory", [None, 2.0])
@pytest.mark.parametrize(("model", "channels"), [(1, 1), (3, 3), (3, 1), (1, 3), (1, 4)])
def test_it_is_the_mean_of_the_results_of_all_versions(models, model, channels, memory):
    image = noisy(64, 96, channels)
    denoiser = vdn.Denoiser(models[model], max_memory=memory)
    found = denoiser(image, range=(0, 1), ensemble=8)
    each = [denoiser(turned(image, *version), range=(0, 1)) for version in VERSIONS]

    def mean(name):
        parts = [
            turned_back(getattr(result, name), *version)
            for result, version in zip(each, VERSIONS, strict=True)
        ]
        return np.mean(parts, axis=0)

    np.testing.assert_allclose(found.image, mean("image"), atol=2e-6)
    for name in ("noise_sigma", "uncertainty"):  # of their logarithms, which lie close together
        np.testing.assert_allclose(getattr(found, name), mean(name), rtol=0.02)


@settings(max_examples=12)
@given(quarter=st.integers(0, 3), mirror=st.booleans(), strength=st.floats(0.1, 2))
def test_a_turned_image_gives_the_turned_result(models, quarter, mirror, strength):
    image = noisy(40, 56, 3)
    denoiser = vdn.Denoiser(models[3])
    straight = denoiser(image, strength, 0.1, range=(0, 1), ensemble=8)
    other = denoiser(turned(image, quarter, mirror), strength, 0.1, range=(0, 1), ensemble=8)
    np.testing.assert_allclose(turned_back(other.image, quarter, mirror), straight.image, atol=2e-6)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("ensemble", [2, 4, 8])
def test_files_are_done_as_arrays_are(models, tmp_path, dtype, ensemble, run):
    image = pixels(dtype, (3,))
    write(tmp_path / "a.tif", image)
    expected = vdn.denoise(image, models[3], ensemble=ensemble).image
    words = ["denoise", tmp_path / "a.tif", "--model", models[3], "--ensemble", ensemble]
    assert run(*words).exit_code == 0
    np.testing.assert_allclose(read(tmp_path / "a.denoised.tif").pixels, expected, rtol=1e-6)


def test_other_numbers_are_refused(models, run, tmp_path):
    with pytest.raises(vdn.InputError, match="ensemble=3; give one of 1, 2, 4, 8"):
        vdn.denoise(noisy(16, 16, 3), models[3], ensemble=3)
    write(tmp_path / "a.png", pixels("uint8", (3,)))
    assert run("denoise", tmp_path / "a.png", "--ensemble", "3").exit_code == 2
