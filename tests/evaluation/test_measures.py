import types

import numpy as np
import pytest

from vdn.errors import InputError
from vdn.evaluation import measures
from vdn.evaluation.measures import Observation, calibration, noise, restoration, speed
from vdn.evaluation.methods import Method, Ready

SCALE = 0.04


@pytest.fixture(scope="module")
def observation():
    rng = np.random.default_rng(0)
    clean = np.tile(np.linspace(0.1, 0.9, 96, dtype="f4")[None, :, None], (80, 1, 3))
    sigma = np.tile(np.linspace(0.05, 0.25, 80, dtype="f4")[:, None], (1, 96))
    noisy = clean + sigma[..., None] * rng.standard_normal(clean.shape, dtype="f4")
    return Observation(clean, noisy, sigma)


def honest(observation):
    """A method whose error is normal, of exactly the standard deviation it says."""
    rng = np.random.default_rng(1)
    clean, sigma = observation.clean, observation.sigma[..., None]
    spread = (SCALE * (0.2 + 2 * clean)).astype("f4")
    result = types.SimpleNamespace(
        image=clean + spread * rng.standard_normal(clean.shape, dtype="f4"),
        uncertainty=spread,
        noise_sigma=np.broadcast_to(sigma, clean.shape) * np.float32(1.02),
        noise_sigma_interval=lambda level: (
            np.broadcast_to(sigma * (1 - 0.2 * level), clean.shape),
            np.broadcast_to(sigma * (1 + 0.2 * level), clean.shape),
        ),
    )
    return Ready(Method("honest", "1", lambda: lambda image, sigma=None: result))


def test_an_honest_method_is_found_calibrated(observation):
    row = calibration(honest(observation), observation)
    for level in (50, 80, 90, 95):
        assert 100 * row[f"coverage{level}"] == pytest.approx(level, abs=1)
        assert row[f"noise_coverage{level}"] == 1
    spread = SCALE * (0.2 + 2 * observation.clean)
    assert row["width90"] == pytest.approx(2 * 1.6449 * spread.mean() * 255, rel=1e-3)
    assert row["noise_width90"] == pytest.approx(0.36 * 0.15 * 255, rel=0.01)
    assert 0 < row["ause"] < 0.4


def test_every_value_is_in_one_bin_of_each_division(observation):
    bins = calibration(honest(observation), observation)["bins"]
    assert set(bins) == {"intensity", "edge", "uncertainty", "sigma"}
    for counts in bins.values():
        assert sum(total for total, _ in counts) == observation.clean.size
        for total, hits in counts:
            assert total < 500 or hits / total == pytest.approx(0.9, abs=0.05)
    # 0.05 to 0.25 is 12.75 to 63.75 of 255: nothing below 10, something in all other bins
    assert [total > 0 for total, _ in bins["sigma"]] == [False] + [True] * 6


def test_a_method_without_uncertainty_cannot_be_calibrated(observation):
    plain = Ready(Method("plain", "1", lambda: lambda image, sigma=None: image))
    with pytest.raises(InputError, match="plain says nothing"):
        calibration(plain, observation)


def test_the_figures_of_a_restoration(observation):
    row = restoration(honest(observation), observation)
    error = SCALE * (0.2 + 2 * observation.clean)
    assert row["psnr_float"] == pytest.approx(-10 * np.log10(np.mean(error**2)), abs=0.1)
    assert row["sigma_bias"] == pytest.approx(0.02, abs=1e-4)
    assert row["map_error"] == pytest.approx(0.02, abs=1e-4)
    assert row["whiteness"] < 0.02
    assert row["variance_ratio"] == pytest.approx(1, abs=0.1)
    plain = restoration(
        Ready(Method("plain", "1", lambda: lambda image, sigma=None: image)), observation
    )
    assert "map_error" not in plain
    assert plain["psnr"] < row["psnr"]


@pytest.mark.parametrize("found", [0.15, (0.15, 0.15, 0.15), np.full((80, 96), 0.15)])
def test_an_estimate_may_be_a_number_one_a_channel_or_a_map(observation, found):
    row = noise(Ready(Method("flat", "1", lambda: lambda image: found)), observation)
    assert row["sigma_error"] == pytest.approx(0, abs=1e-3)
    assert row["map_error"] == pytest.approx(0.36, abs=0.02)
    assert row["sigma"] == pytest.approx(0.15 * 255)


@pytest.mark.parametrize("found", [-0.1, np.nan])
def test_an_impossible_estimate_is_refused(observation, found):
    with pytest.raises(InputError, match="negative or not finite"):
        noise(Ready(Method("wrong", "1", lambda: lambda image: found)), observation)


def test_seconds_are_of_the_call(observation):
    def slow(image, sigma=None):
        values = image
        for _ in range(200):
            values = values * 1.0
        return values

    row = speed(Ready(Method("slow", "1", lambda: slow)), observation)
    assert 0 < row["seconds"] < 60
    assert 0 < row["cpu_seconds"] < 60
    assert set(row) == {"seconds", "cpu_seconds", "first_seconds", "psnr"}


@pytest.mark.parametrize(("long", "calls"), [(60.0, 6), (0.0, 1)])
def test_a_long_call_is_not_repeated(observation, monkeypatch, long, calls):
    monkeypatch.setattr(measures, "_LONG", long)
    seen = []
    row = speed(
        Ready(Method("any", "1", lambda: lambda y, sigma=None: seen.append(y) or y)), observation
    )
    assert len(seen) == calls
    assert (row["seconds"] == row["first_seconds"]) == (calls == 1)
