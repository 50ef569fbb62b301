import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import invgamma

from tiny_model import tiny_card, write_tiny_model
from vdn.denoiser import Denoiser, denoise, estimate_noise
from vdn.errors import FileError, InputError
from vdn.predictions import Request
from vdn.runtime.cards import find_model
from vdn.runtime.engine import NoisePosterior

SCORES = {
    "sigma": [0.01, 0.3],
    "probability": [0.05, 0.5, 0.95],
    "score": [[-9, -3, 1], [-1, 0, 1]],
}
CALIBRATED = tiny_card(channels=1, sigma_scores=SCORES)


def noisy(shape, dtype=np.uint8, seed=0):
    values = np.random.default_rng(seed).random(shape)
    if np.issubdtype(dtype, np.integer):
        return (values * np.iinfo(dtype).max).astype(dtype)
    return values.astype(dtype)


@pytest.fixture(scope="module")
def denoiser(weights):
    return Denoiser(threads=1, precision="fp32", weights=weights)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (9, 14), (9, 14, 3)])
def test_shape_and_dtype_are_kept(denoiser, dtype, shape):
    image = noisy(shape, dtype)
    result = denoiser(image)
    assert result.image.shape == shape
    assert result.image.dtype == dtype
    for map_ in (result.noise_sigma, result.uncertainty):
        assert map_.shape == shape
        assert map_.dtype == np.float32
        assert np.isfinite(map_).all()
        assert (map_ > 0).all()


def test_maps_are_in_the_units_of_the_image(denoiser):
    image = noisy((16, 16, 3), np.float32).round(2)
    unit, byte = denoiser(image), denoiser((image * 255).astype(np.uint8))
    np.testing.assert_allclose(byte.noise_sigma, 255 * unit.noise_sigma, rtol=0.05)
    np.testing.assert_allclose(byte.uncertainty, 255 * unit.uncertainty, rtol=0.05)


def test_strength_0_returns_a_copy_with_its_noise(denoiser):
    for dtype in (np.uint8, np.uint16, np.float64):
        image = noisy((9, 14, 4), dtype)
        result = denoiser(image, strength=0)
        assert result.image is not image
        assert result.image.tobytes() == image.tobytes()
        np.testing.assert_array_equal(result.noise_sigma, denoiser(image).noise_sigma)
        np.testing.assert_array_equal(result.uncertainty, result.noise_sigma)


def test_alpha_is_untouched(denoiser):
    image = noisy((9, 14, 4))
    result = denoiser(image)
    np.testing.assert_array_equal(result.image[..., 3], image[..., 3])
    np.testing.assert_array_equal(
        result.image[..., :3], denoiser(np.ascontiguousarray(image[..., :3])).image
    )


def test_auto_says_what_it_chose(weights, denoiser):
    assert denoiser(noisy((8, 8, 3))).model == "photo"
    assert denoiser(noisy((8, 8, 3), np.float32)).model == "photo"  # gaussian does not ship here
    assert denoiser(noisy((8, 8), np.uint16)).model == "gray"
    assert estimate_noise(noisy((8, 8)), threads=1, weights=weights).model == "gray"


def test_one_channel_through_colour_is_repeated_and_averaged(weights):
    colour = Denoiser("photo", threads=1, weights=weights)
    image = noisy((16, 24), np.float32)
    three = colour(np.repeat(image[..., None], 3, axis=2))
    one = colour(image)
    np.testing.assert_allclose(one.image, three.image.mean(axis=2), atol=1e-5)


def test_colour_through_one_channel_goes_channel_by_channel(weights):
    gray = Denoiser("gray", threads=1, weights=weights)
    image = noisy((16, 24, 3), np.float32)
    for c in range(3):
        np.testing.assert_allclose(gray(image).image[..., c], gray(image[..., c]).image, atol=1e-6)


def test_known_noise_replaces_the_estimate(denoiser):
    image = noisy((16, 24, 3))
    own = denoiser(image)
    known = denoiser(image, noise_sigma=own.noise_sigma)
    assert np.abs(known.image.astype(int) - own.image).max() <= 1
    number = denoiser(image, noise_sigma=20)
    flat = denoiser(image, noise_sigma=np.full((16, 24), 20))
    np.testing.assert_array_equal(number.image, flat.image)
    assert (number.image != own.image).any()
    np.testing.assert_array_equal(number.noise_sigma, own.noise_sigma)


@pytest.mark.parametrize("strength", [-0.1, 4.1, float("nan")])
def test_wrong_strengths_are_named(denoiser, strength):
    with pytest.raises(InputError, match="strength"):
        denoiser(noisy((8, 8)), strength=strength)


@pytest.mark.parametrize(
    "sigma", [-1, float("nan"), np.ones((3, 3)), np.ones((8, 8, 4)), "much", [1.0, -1.0]]
)
def test_wrong_noise_maps_are_named(denoiser, sigma):
    with pytest.raises(InputError, match="noise_sigma"):
        denoiser(noisy((8, 8, 3)), noise_sigma=sigma)


@pytest.mark.parametrize("shape", [(24, 24), (24, 24, 3)])
@pytest.mark.parametrize(("dtype", "sigma"), [("f4", 25), ("f4", 1.5), ("u1", 300), ("u2", 7e4)])
@pytest.mark.parametrize("as_map", [False, True])
def test_noise_in_other_units_is_refused(denoiser, shape, dtype, sigma, as_map):
    given = np.full(shape[:2], sigma) if as_map else sigma
    with pytest.raises(InputError, match="units of the image"):
        denoiser(noisy(shape, np.dtype(dtype).type), noise_sigma=given)


def test_noise_beyond_the_range_at_some_pixels_counts_as_the_range(denoiser):
    image = noisy((24, 24, 3), np.float32)
    at_most, beyond = np.full((2, 24, 24), 0.1)
    at_most[3:5, 6:9], beyond[3:5, 6:9] = 1, 1e9
    results = [denoiser(image, noise_sigma=each, range=(0, 1)).image for each in (at_most, beyond)]
    np.testing.assert_array_equal(*results)


def test_a_page_with_nothing_on_it_has_no_units(denoiser):
    for value in (0, 7):
        blank = np.full((24, 24), value, np.float32)
        result = denoiser(blank, noise_sigma=20.0)
        np.testing.assert_allclose(result.image, blank, atol=0.1 * max(value, 1))


@pytest.mark.parametrize(
    "argument",
    [
        {"threads": 0},
        {"max_memory": 0},
        {"max_memory": float("nan")},
        {"precision": "fp8"},
        {"device": "abacus"},
        {"model": "phto"},
    ],
)
def test_wrong_arguments_are_named(weights, argument):
    with pytest.raises(InputError, match=next(iter(argument))):
        Denoiser(**argument, weights=weights)


def test_a_missing_model_file_is_a_file_error():
    with pytest.raises(FileError, match="absent"):
        Denoiser("absent.onnx")


def test_interval_is_that_of_the_inverse_gamma(denoiser):
    result = denoiser(noisy((16, 24), np.float32))
    alpha, beta = (np.exp(p[0].astype(np.float64)) for p in result._noise)
    for bound, probability in zip(result.noise_sigma_interval(0.8), (0.1, 0.9), strict=True):
        expected = np.sqrt(invgamma.ppf(probability, alpha, scale=beta))
        np.testing.assert_allclose(bound, expected, rtol=1e-4)
    with pytest.raises(InputError, match="level"):
        result.noise_sigma_interval(1.0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scores", [{}, SCORES])
@pytest.mark.parametrize("log_alpha", [np.log(1e-8), -3.0, np.log(1e4)])
@pytest.mark.parametrize("log_beta", [np.log(1e-8), np.log(1e4)])
def test_intervals_are_finite_whatever_a_network_answers(denoiser, scores, log_alpha, log_beta):
    result = denoiser(noisy((9, 8), np.float32))
    posterior = [np.full_like(result._noise.log_alpha, each) for each in (log_alpha, log_beta)]
    card = replace(result._card, sigma_scores=scores)
    result = replace(result, _noise=NoisePosterior(*posterior), _card=card)
    inner = None
    for level in (0.5, 0.9, 0.95, 0.9999):
        low, high = result.noise_sigma_interval(level)
        assert np.isfinite(low).all()
        assert np.isfinite(high).all()
        assert (low <= high).all()
        assert inner is None or ((low <= inner[0]).all() and (high >= inner[1]).all())
        inner = low, high


def test_map_and_report_have_one_interval(tmp_path):
    path = write_tiny_model(tmp_path / "tiny.onnx", channels=1, card=CALIBRATED)
    denoiser, image = Denoiser(path), noisy((64, 64), np.float32)
    result, summary = denoiser(image), denoiser.estimate_noise(image)._summary
    (sigma,) = summary.statistics.root_mean_square
    bounds = zip(result.noise_sigma_interval(0.9), summary.sigma_intervals[0], strict=True)
    for map_, end in bounds:
        assert np.median(map_ / result.noise_sigma) == pytest.approx(end / sigma, rel=0.02)
    assert SCORES["score"][0][0] < 0 < summary.sigma_intervals[0][0] < sigma


def test_bounded_memory_changes_nothing(weights, denoiser):
    image = noisy((150, 130, 3), np.float32)
    bounded = Denoiser("photo", threads=1, precision="fp32", max_memory=2, weights=weights)
    whole, tiled = denoiser(image), bounded(image)
    np.testing.assert_allclose(tiled.image, whole.image, rtol=0, atol=1e-5)
    np.testing.assert_allclose(tiled.noise_sigma, whole.noise_sigma, rtol=0, atol=1e-5)


def test_noise_estimate(weights, denoiser):
    image = noisy((32, 40, 3))
    estimate = denoiser.estimate_noise(image)
    np.testing.assert_allclose(estimate.map, denoiser(image).noise_sigma, rtol=1e-4)
    expected = np.sqrt(np.square(estimate.map).mean(axis=(0, 1)))
    np.testing.assert_allclose(estimate.sigma, expected, rtol=1e-5)
    assert len(estimate.profile.channels) == 3


def test_the_function_is_the_class(weights, denoiser):
    image = noisy((16, 24, 3))
    result = denoise(image, "photo", strength=0.5, threads=1, precision="fp32", weights=weights)
    np.testing.assert_array_equal(result.image, denoiser(image, strength=0.5).image)


def test_the_uncertainty_is_scaled_as_the_card_says(tmp_path):
    image, found = noisy((20, 24, 3)), []
    for scale in (1.0, 1.7):
        path = tmp_path / f"{scale}.onnx"
        write_tiny_model(path, card=tiny_card(error_scale=scale))
        found.append(Denoiser(path, threads=1)(image))
    np.testing.assert_allclose(found[1].uncertainty, 1.7 * found[0].uncertainty, rtol=1e-4)
    np.testing.assert_array_equal(found[1].image, found[0].image)


def test_the_noise_part_takes_its_own_smaller_halo(tmp_path):
    path = write_tiny_model(tmp_path / "a.onnx", card=tiny_card(halo=64, noise_halo=8))
    card, _ = find_model(path)
    assert (Request(noise_only=True).halo(card), Request().halo(card)) == (8, 64)
    image = noisy((200, 180, 3))
    whole, tiled = (
        Denoiser(path, threads=1, precision="fp32", max_memory=memory).estimate_noise(image).map
        for memory in (4000, 1)
    )
    np.testing.assert_allclose(whole, tiled, rtol=1e-3)


def test_importing_loads_neither_openvino_nor_torch():
    program = "import sys, vdn.denoiser; print({'openvino', 'torch', 'scipy'} & set(sys.modules))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


FIRST_CALLS = """
import sys, threading
import numpy as np
import vdn

image = np.random.default_rng(0).integers(0, 255, (24, 24, 3), dtype=np.uint8)
denoiser = vdn.Denoiser(sys.argv[1], threads=1)
barrier, results, failures = threading.Barrier(16), [], []

def call(number):
    barrier.wait()
    try:
        result = denoiser(image) if number % 2 else vdn.denoise(image, sys.argv[1], threads=1)
        results.append(result.image.tobytes())
    except BaseException as error:
        failures.append(error)

threads = [threading.Thread(target=call, args=(n,)) for n in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert not failures, failures
assert len(results) == 16 and len(set(results)) == 1
"""


@pytest.mark.parametrize("attempt", range(3))
def test_the_first_calls_may_come_from_many_threads_at_once(weights, attempt):
    command = [sys.executable, "-c", FIRST_CALLS, str(weights / "photo.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
