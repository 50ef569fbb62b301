"""Pictures of few counted photons keep their light, however they are cut into windows."""

import numpy as np
import pytest

import vdn
from vdn.runtime.light import REACH, keep_light

dask = pytest.importorskip("dask.array")

from vdn.scale import denoise_array  # noqa: E402


def scene(mean, shape=(192, 256)):
    """Dark, with a bright ridge and a few bright spots."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    light = 0.4 + np.exp(-(((rows - columns / 2 - 20) / 25) ** 2))
    for row, column in [(40, 200), (150, 60), (100, 140)]:
        light += 3 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 60)
    return light / light.mean() * mean


def counts(mean, seed=0):
    return np.random.default_rng(seed).poisson(scene(mean))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("mean", [0.1, 0.3, 1, 3, 10])
@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4"])
def test_the_light_is_kept_and_the_picture_is_better_than_a_blurred_one(mean, seed, dtype):
    from scipy.ndimage import gaussian_filter

    noisy = counts(mean, seed).astype(dtype)
    result = vdn.denoise(noisy)
    assert result.model == "gray"
    assert result.image.mean() == pytest.approx(noisy.mean(), rel=0.03)
    rows, columns = np.s_[:96, 128:]
    assert result.image[rows, columns].mean() == pytest.approx(
        noisy[rows, columns].mean(), rel=0.05
    )
    clean = scene(mean)
    ours, noise, blurred = (
        np.mean((image - clean) ** 2)
        for image in (result.image, noisy, gaussian_filter(noisy.astype(float), 2))
    )
    assert ours < min(noise, 1.5 * blurred)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_windows_and_chunks_give_what_the_whole_gives(dtype):
    noisy = np.random.default_rng(0).poisson(np.tile(scene(1), (3, 2))).astype(dtype)
    whole = vdn.denoise(noisy, "gray", precision="fp32")
    small = vdn.denoise(noisy, "gray", precision="fp32", max_memory=60)
    lazy = denoise_array(
        dask.from_array(noisy, chunks=(200, 256)), "gray", precision="fp32", max_memory=60
    )
    step = 1 if dtype == np.uint16 else 1e-4  # on an edge between two whole numbers
    for other in (small.image, lazy.image.compute()):
        assert np.abs(other.astype(float) - whole.image.astype(float)).max() <= step


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_what_is_no_count_is_as_it_was(scale):
    image = scale * (scene(10) + np.random.default_rng(0).normal(0, 1, (192, 256)))
    model = vdn.Denoiser("gray", precision="fp32")
    offset = model(image.astype(np.float32)).image
    whole = model(np.rint(100 * image / scale).astype(np.int32)).image  # of many levels
    assert np.abs(offset / scale - whole / 100).max() < 0.05


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 50), (2, 40, 5)])
def test_what_is_kept_is_a_mean_around(shape):
    noisy = np.random.default_rng(0).random(shape, dtype=np.float32)
    np.testing.assert_array_equal(keep_light(noisy, noisy), noisy)
    flat = np.full(shape, 0.25, np.float32)
    np.testing.assert_allclose(keep_light(flat, flat + 1), flat + 1, rtol=1e-6)


def test_it_reaches_no_further_than_it_says():
    empty = np.zeros((1, 101, 101), np.float32)
    point = empty.copy()
    point[0, 50, 50] = 1
    changed = keep_light(empty, point)[0] > 1e-9
    assert np.abs(np.argwhere(changed) - 50).max() == REACH
    assert keep_light(empty, point).sum() == pytest.approx(1, rel=1e-5)
