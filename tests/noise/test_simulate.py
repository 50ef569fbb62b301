import numpy as np
import pytest

from vdn.errors import InputError
from vdn.noise.fields import TEST_MAPS
from vdn.noise.simulate import simulate

ALL = ["case1", "case2", "case3", "bump", "gaussian:25", "poisson:100", "poisson:50,2", "camera"]


@pytest.mark.parametrize("noise", ALL)
@pytest.mark.parametrize("shape", [(24, 31), (24, 31, 1), (24, 31, 3)])
def test_every_kind_of_noise_fits_every_kind_of_image(noise, shape):
    clean = np.full(shape, 128 / 255, dtype=np.float32)
    noisy, sigma = simulate(clean, noise, np.random.default_rng(0))
    assert noisy.shape == sigma.shape == shape
    assert noisy.dtype == sigma.dtype == np.float32
    assert (sigma >= 0).all()
    assert not np.array_equal(noisy, clean)
    np.testing.assert_array_equal(clean, np.float32(128 / 255))
    np.testing.assert_array_equal(noisy, simulate(clean, noise, np.random.default_rng(0))[0])


@pytest.mark.parametrize("noise", [name for name in ALL if name != "camera"])
def test_the_map_is_the_standard_deviation_of_the_noise(noise):
    clean = np.full((128, 128, 3), 0.5, dtype=np.float32)
    noisy, sigma = simulate(clean, noise, np.random.default_rng(1))
    assert ((noisy - clean) / sigma).std() == pytest.approx(1, abs=0.02)


def test_the_map_of_a_camera_is_measured_on_the_same_camera():
    clean = np.full((64, 64, 3), 128 / 255, dtype=np.float32)
    for seed in range(5):
        noisy, sigma = simulate(clean, "camera", np.random.default_rng(seed))
        root = np.sqrt(np.mean((noisy - clean) ** 2))
        assert root == pytest.approx(np.sqrt(np.mean(sigma**2)), rel=0.25, abs=0.3 / 255)


def test_numbers_are_255ths_and_photons():
    clean = np.full((8, 8), 0.25, dtype=np.float32)
    generator = np.random.default_rng(0)
    assert simulate(clean, "gaussian:25", generator)[1] == pytest.approx(25 / 255)
    assert simulate(clean, "poisson:100", generator)[1] == pytest.approx(0.05)
    expected = np.sqrt(0.0025 + (5 / 255) ** 2)
    assert simulate(clean, "poisson:100,5", generator)[1] == pytest.approx(expected)


def test_the_cases_are_the_same_maps_at_every_seed():
    clean = np.zeros((40, 50), dtype=np.float32)
    for case, test_map in TEST_MAPS.items():
        _, sigma = simulate(clean, case, np.random.default_rng(7))
        np.testing.assert_array_equal(sigma, test_map((40, 50)))


def test_gaussian_noise_is_not_clipped():
    noisy, _ = simulate(np.ones((32, 32)), "gaussian:50", np.random.default_rng(0))
    assert noisy.max() > 1


@pytest.mark.parametrize(
    "noise",
    [
        *("", "case4", "gauss", "gaussian", "gaussian:", "gaussian:x", "gaussian:-5"),
        *("gaussian:1,2", "gaussian:nan", "poisson", "poisson:0", "poisson:10,-1"),
        *("poisson:1,2,3", "case1:3", "bump:2", "camera:x", "camera:0"),
    ],
)
def test_a_specification_that_makes_no_sense_is_quoted(noise):
    with pytest.raises(InputError) as refused:
        simulate(np.zeros((8, 8)), noise, np.random.default_rng(0))
    assert repr(noise) in str(refused.value)


@pytest.mark.parametrize("shape", [(8,), (0, 8), (2, 8, 8, 3)])
def test_arrays_that_are_no_image_are_refused(shape):
    with pytest.raises(InputError, match="shape"):
        simulate(np.zeros(shape), "gaussian:5", np.random.default_rng(0))


def test_a_camera_refuses_four_channels():
    with pytest.raises(InputError, match="camera"):
        simulate(np.zeros((8, 8, 4), dtype=np.float32), "camera", np.random.default_rng(0))
