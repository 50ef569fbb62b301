"""A stack comes out as its planes do."""

from functools import cache

import numpy as np
import pytest

import vdn
from napari_lazy import Lazy
from vdn.errors import InputError
from vdn.napari import stack as stack_module
from vdn.napari.planes import Planes
from vdn.napari.stack import denoise_stack
from vdn.result_plot import luminance


@pytest.fixture(scope="module")
def denoiser_of(weights):
    """Denoisers of tiny models."""
    return cache(lambda name: vdn.Denoiser(name, threads=1, weights=weights))


def noisy(shape, dtype=np.uint8, sigma=12.0, level=100.0, seed=0):
    rng = np.random.default_rng(seed)
    return np.clip(np.rint(rng.normal(level, sigma, shape)), 0, 255).astype(dtype)


@pytest.mark.parametrize(
    ("shape", "axes", "rgb"),
    [
        ((40, 48), (0, 1), False),
        ((2, 3, 40, 48), (2, 3), False),
        ((40, 48, 2), (0, 1), False),
        ((2, 40, 48, 3), (1, 2), True),
        ((40, 48, 4), (0, 1), True),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_every_plane_is_as_if_it_were_alone(denoiser_of, shape, axes, rgb, dtype):
    planes = Planes(noisy(shape, dtype), axes, rgb)
    before = planes.data.copy()
    found = denoise_stack(planes, denoiser_of, "photo" if rgb else "gray", 0.7)
    np.testing.assert_array_equal(planes.data, before)
    assert (found.image.shape, found.image.dtype) == (shape, dtype)
    assert found.noise_sigma.shape == found.uncertainty.shape == planes.map_shape
    squares = []
    for index in planes:
        alone = denoiser_of(found.model)(planes.read(index), 0.7)
        place = planes.place(index)
        np.testing.assert_array_equal(found.image[place], alone.image)
        np.testing.assert_array_equal(found.noise_sigma[place], luminance(alone.noise_sigma))
        np.testing.assert_array_equal(found.uncertainty[place], luminance(alone.uncertainty))
        squares.append(np.square(alone.sigma))
    np.testing.assert_allclose(found.sigma, np.sqrt(np.mean(squares, axis=0)), rtol=1e-6)


def test_the_noise_is_found_in_the_units_of_the_stack():
    data = np.random.default_rng(0).normal(5000, 130, (2, 128, 128)).astype(np.uint16)
    found = denoise_stack(Planes(data, (1, 2)), vdn.Denoiser, "gray", 1.0)
    assert np.median(found.noise_sigma) == pytest.approx(130, rel=0.05)
    assert found.sigma == pytest.approx((130,), rel=0.05)
    assert found.image.std() < 30
    error = found.image.astype(float) - 5000
    assert 0.3 < np.sqrt(np.mean(error**2)) / np.sqrt(np.mean(found.uncertainty**2)) < 3


def test_a_lazy_stack_is_read_plane_by_plane(denoiser_of):
    data = Lazy((3, 2, 40, 48))
    found = denoise_stack(Planes(data, (2, 3)), denoiser_of, "gray")
    assert max(data.asked) == 40 * 48
    whole = denoise_stack(Planes(Lazy(data.shape)[:], (2, 3)), denoiser_of, "gray")
    np.testing.assert_array_equal(found.image, whole.image)


def test_auto_looks_at_the_first_plane_and_says_why(denoiser_of):
    found = denoise_stack(Planes(noisy((2, 64, 64)), (1, 2)), denoiser_of)
    assert (found.model, found.reason) == ("gray", "noise independent from pixel to pixel")


def test_maps_that_are_not_wanted_are_not_there(denoiser_of):
    planes = Planes(noisy((40, 48)), (0, 1))
    found = denoise_stack(planes, denoiser_of, noise_map=False, uncertainty=False)
    assert found.noise_sigma is None
    assert found.uncertainty is None


def test_strength_zero_returns_the_input(denoiser_of):
    data = noisy((2, 40, 48), np.uint16)
    found = denoise_stack(Planes(data, (1, 2)), denoiser_of, strength=0)
    np.testing.assert_array_equal(found.image, data)


def test_progress_runs_to_the_end_and_can_stop_the_work(denoiser_of):
    planes, shares = Planes(noisy((4, 40, 48)), (1, 2)), []
    denoise_stack(planes, denoiser_of, "gray", progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1

    class Stop(Exception):
        pass

    def stop(share):
        if share > 0.3:
            raise Stop

    data = Lazy((4, 40, 48))
    with pytest.raises(Stop):
        denoise_stack(Planes(data, (1, 2)), denoiser_of, "gray", progress=stop)
    assert len(data.asked) < 4


def test_an_error_says_in_which_plane(denoiser_of):
    data = noisy((2, 3, 40, 48), np.float32)
    data[1, 0, 7, 9] = np.nan
    with pytest.raises(InputError, match=r"plane 1, 0: image has 1 values .* row 7, column 9"):
        denoise_stack(Planes(data, (2, 3)), denoiser_of, "gray")
    with pytest.raises(InputError, match=r"^image has 1 values"):
        denoise_stack(Planes(data[1, 0], (0, 1)), denoiser_of, "gray")


def test_an_empty_stack_is_refused(denoiser_of):
    with pytest.raises(InputError, match=r"shape \(0, 40, 48\): no planes"):
        denoise_stack(Planes(np.empty((0, 40, 48), np.uint8), (1, 2)), denoiser_of)


def test_results_larger_than_the_memory_are_refused(denoiser_of, monkeypatch):
    monkeypatch.setattr(stack_module, "memory_share", lambda: 250.0)  # of a GB
    data = Lazy((1000, 1000, 200))
    with pytest.raises(InputError, match=r"take 2\.0 GB, the computer has 1\.0; denoise a part"):
        denoise_stack(Planes(data, (1, 2)), denoiser_of)
    assert not data.asked
