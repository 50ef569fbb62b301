"""The mixture model that follows a sequence of frames."""

import numpy as np
import pytest

from vdn.errors import InputError
from vdn.external.mixture import fit_low_rank
from vdn.external.mixture_online import OnlineLowRank


def sequence(frames=60, pixels=400, rank=2, seed=0):
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=(pixels, rank)) @ generator.normal(size=(rank, frames))
    noise = generator.normal(0, 0.1, truth.shape)
    noise += (generator.random(truth.shape) < 0.1) * generator.normal(0, 4, truth.shape)
    return truth, truth + noise


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def test_new_frames_are_nearly_as_good_as_in_the_batch():
    truth, data = sequence()
    model = OnlineLowRank(data[:, :20], rank=2, components=2)
    online = np.stack([model.update(data[:, t]) for t in range(20, 60)], axis=1)
    batch = fit_low_rank(data, rank=2, components=2).matrix[:, 20:]
    left, values, right = np.linalg.svd(data, full_matrices=False)
    plain = ((left[:, :2] * values[:2]) @ right[:2])[:, 20:]
    assert rms(online - truth[:, 20:]) < 1.5 * rms(batch - truth[:, 20:])
    assert rms(online - truth[:, 20:]) < 0.25 * rms(plain - truth[:, 20:])
    np.testing.assert_allclose(model.noise.sigmas, [0.1, 4], rtol=0.1)
    np.testing.assert_allclose(model.noise.shares, [0.9, 0.1], atol=0.02)


def test_noise_that_grows_is_followed():
    truth, data = sequence(frames=60)
    data[:, 30:] += 2 * (data - truth)[:, 30:]
    model = OnlineLowRank(data[:, :20], rank=2, components=2, memory=5)
    for t in range(20, 60):
        model.update(data[:, t])
    np.testing.assert_allclose(model.noise.sigmas, [0.3, 12], rtol=0.15)


def test_a_background_that_changes_is_followed():
    generator = np.random.default_rng(0)
    before, after = generator.normal(size=(2, 300))
    frames = np.stack([before] * 20 + [after] * 60, axis=1)
    frames += generator.normal(0, 0.05, frames.shape)
    model = OnlineLowRank(frames[:, :10], rank=1, components=1, memory=5)
    for t in range(10, 80):
        restored = model.update(frames[:, t])
    assert rms(restored - after) < 0.04


def test_impossible_input_is_refused():
    _, data = sequence(frames=10)
    with pytest.raises(InputError, match="memory"):
        OnlineLowRank(data, rank=2, memory=0.5)
    model = OnlineLowRank(data, rank=2)
    with pytest.raises(InputError, match="400 finite pixels"):
        model.update(np.zeros(399))
    with pytest.raises(InputError, match="400 finite pixels"):
        model.update(np.full(400, np.nan))
