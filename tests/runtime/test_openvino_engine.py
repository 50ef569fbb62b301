import os
from pathlib import Path

import numpy as np
import pytest

from vdn.errors import FileError, InputError
from vdn.runtime import Card, find_model
from vdn.runtime.engine import Posterior
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
    kept = [array.copy() for array in first[:4]]
    engine.run(noisy(3, 32, 24, seed=1))
    for array, copy in zip(first[:4], kept, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_results_are_written_where_room_is_given(colour, strength):
    _, engine = colour
    planes = noisy(3, 32, 24)
    expected = engine.run(planes, strength=strength)
    room = Posterior.empty(planes.shape)
    given = engine.run(planes, strength=strength, out=room)
    for array, place, value in zip(given[:4], room[:4], expected[:4], strict=True):
        assert array is place
        np.testing.assert_array_equal(array, value)


def test_the_parts_joined_by_hand_are_the_whole(colour):
    _, engine = colour
    planes = noisy(3, 32, 24)
    whole = engine.run(planes)
    joined = engine.run(planes, sigma=sigma_of(whole))
    for a, b in zip(whole[:4], joined[:4], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    np.testing.assert_allclose(engine.run_noise(planes).log_beta, whole.log_beta, atol=1e-6)


def test_strength_scales_the_noise_map(colour):
    _, engine = colour
    planes = noisy(3, 32, 24)
    half = engine.run(planes, strength=0.5)
    given = engine.run(planes, sigma=0.5 * sigma_of(half))
    np.testing.assert_allclose(half.mean, given.mean, atol=1e-5)
    assert np.abs(half.mean - engine.run(planes).mean).max() > 1e-3


@pytest.mark.parametrize("given_sigma", [False, True])
def test_the_graph_of_an_open_size_gives_what_a_compiled_one_gives(
    weights, monkeypatch, given_sigma
):
    _, path = find_model("photo", weights)
    planes = noisy(3, 64, 40)
    sigma = noisy(3, 64, 40, seed=1) * 0.2 if given_sigma else None
    answers = []
    for small in (0, 10_000):
        monkeypatch.setattr("vdn.runtime.openvino_engine._SMALL", small)
        answers.append(OpenVinoEngine(path, "fp32", threads=1).run(planes, sigma))
    for a, b in zip(*(answer[:4] for answer in answers), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


def test_small_windows_of_any_size_share_a_graph(weights):
    card, path = find_model("gray", weights)
    engine = OpenVinoEngine(path, threads=1)
    for side in (8, 32, 64, 96, 8):
        assert predict(engine, card, noisy(1, side, side)).mean.shape == (1, side, side)
    assert len(engine._requests) == 1


def test_compiled_graphs_are_kept_within_the_memory(weights, monkeypatch):
    monkeypatch.setattr("vdn.runtime.openvino_engine._SMALL", 0)
    card, path = find_model("gray", weights)
    engine = OpenVinoEngine(path, threads=1, max_memory=1.0)
    for side in (8, 32, 64, 96, 8):
        assert predict(engine, card, noisy(1, side, side)).mean.shape == (1, side, side)
    kept = sum(height * width for _, height, width in engine._requests)
    assert len(engine._requests) == 1 or kept * engine.bytes_per_pixel <= 1e6


def test_channels_are_fitted_to_the_network(colour, weights):
    card, engine = colour
    planes = noisy(3, 16, 24)
    gray_card, path = find_model("gray", weights)
    gray = OpenVinoEngine(path, "fp32", threads=1)
    each = predict(gray, gray_card, planes)
    for c in range(3):
        one = predict(gray, gray_card, planes[c : c + 1])
        np.testing.assert_allclose(each.mean[c : c + 1], one.mean, atol=1e-6)
    repeated = predict(engine, card, np.repeat(planes[:1], 3, axis=0))
    averaged = predict_noise(engine, card, planes[:1])
    np.testing.assert_allclose(averaged.log_beta[0], repeated.log_beta.mean(axis=0), atol=1e-5)


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


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are told by Linux alone")
@pytest.mark.parametrize("threads", [1, None])
def test_threads_are_not_bound_to_cores_that_other_processes_want_too(weights, threads):
    _, path = find_model("photo", weights)
    OpenVinoEngine(path, "fp32", threads=threads).run(noisy(3, 32, 24))
    free = os.sched_getaffinity(0)
    assert all(
        os.sched_getaffinity(int(task.name)) == free for task in Path("/proc/self/task").iterdir()
    )
