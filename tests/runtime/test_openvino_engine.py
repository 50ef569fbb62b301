import numpy as np
import pytest

from vdn.errors import FileError, InputError
from vdn.runtime import Card, find_model
from vdn.runtime.openvino_engine import OpenVinoEngine, cpu_has_bf16
from vdn.runtime.predict import predict, predict_noise


@pytest.fixture(scope="module")
def colour(weights) -> tuple[Card, OpenVinoEngine]:
    card, path = find_model("photo", weights)
    return card, OpenVinoEngine(path, "fp32", threads=1)


def noisy(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def sigma_of(posterior) -> np.ndarray:
    return np.sqrt(np.exp(posterior.log_beta) / (np.exp(posterior.log_alpha) + 1))


def test_results_stay_when_the_engine_runs_again(colour):
    _, engine = colour
    first = engine.run(noisy(3, 32, 24))
    kept = [array.copy() for array in first]
    engine.run(noisy(3, 32, 24, seed=1))
    for array, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_the_parts_joined_by_hand_are_the_whole(colour):
    _, engine = colour
    planes = noisy(3, 32, 24)
    whole = engine.run(planes)
    joined = engine.run(planes, sigma=sigma_of(whole))
    for a, b in zip(whole, joined, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    np.testing.assert_allclose(engine.run_noise(planes).log_beta, whole.log_beta, atol=1e-6)


def test_strength_scales_the_noise_map(colour):
    _, engine = colour
    planes = noisy(3, 32, 24)
    half = engine.run(planes, strength=0.5)
    given = engine.run(planes, sigma=0.5 * sigma_of(half))
    np.testing.assert_allclose(half.mean, given.mean, atol=1e-5)
    assert np.abs(half.mean - engine.run(planes).mean).max() > 1e-3


@pytest.mark.parametrize("shape", [(200, 90), (61, 203), (129, 130)])
@pytest.mark.parametrize("given_sigma", [False, True])
def test_tiled_equals_whole(colour, shape, given_sigma):
    card, engine = colour
    planes = noisy(3, *shape)
    sigma = noisy(3, *shape, seed=1) * 0.2 if given_sigma else None
    memory = engine.bytes_per_pixel * 72 * 96 * (2 if given_sigma else 1) / 1e6
    whole = predict(engine, card, planes, sigma=sigma)
    tiled = predict(engine, card, planes, sigma=sigma, max_memory=memory)
    for a, b in zip(whole, tiled, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
    noise = predict_noise(engine, card, planes, max_memory=memory)
    np.testing.assert_allclose(noise.log_alpha, whole.log_alpha, rtol=0, atol=1e-5)


def test_compiled_graphs_are_kept_within_the_memory(weights):
    card, path = find_model("gray", weights)
    engine = OpenVinoEngine(path, threads=1, max_memory=1.0)
    for side in (8, 32, 64, 96, 8):
        assert predict(engine, card, noisy(1, side, side)).mean.shape == (1, side, side)
    kept = sum(shape[1] * shape[2] for _, shape in engine._requests)
    assert len(engine._requests) == 1 or kept * engine.bytes_per_pixel <= 1e6


def test_a_file_without_the_tensors_is_refused(tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(FileError, match=r"x\.onnx"):
        OpenVinoEngine(path)


def test_bf16_runs_or_is_refused_by_name(weights):
    _, path = find_model("gray", weights)
    if cpu_has_bf16():
        assert OpenVinoEngine(path, "bf16", threads=1).run(noisy(1, 8, 8)).mean.shape == (1, 8, 8)
    else:
        with pytest.raises(InputError, match="bf16"):
            OpenVinoEngine(path, "bf16")
