"""Intervals of the noise that were calibrated hold the truth as often as they say."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from vdn.errors import ConfigError, FileError, InputError
from vdn.export import calibrate_model, load_module
from vdn.model.distributions import InverseGamma
from vdn.noise_quantiles import log_sigma_ratio
from vdn.runtime.cards import find_model
from vdn.training.calibration import noisy_crops, sigma_scores


class Mistaken(nn.Module):
    """Says a standard deviation, and a width that has little to do with its error."""

    def __init__(self, log_alpha):
        super().__init__()
        self.log_alpha = nn.Parameter(torch.tensor(float(log_alpha)))

    def forward(self, estimate, noise_only):
        log_alpha = self.log_alpha.expand_as(estimate)
        return InverseGamma(log_alpha, 2 * estimate.log() + torch.log1p(log_alpha.exp()))


def draws(generator, bias, spread, count):
    """Estimates from 1 to 50 of 255, and a truth that is off by more where they are low."""
    estimate = torch.exp(torch.empty(1, 1, 400, 400).uniform_(0, 4, generator=generator)) / 255
    for _ in range(count):
        error = torch.randn(estimate.shape, generator=generator) * spread
        yield estimate, estimate * torch.exp(bias * (estimate < 5 / 255) + error)


@pytest.mark.parametrize("log_alpha", [0.5, 2.0, 6.0])
@pytest.mark.parametrize(("bias", "spread"), [(0.0, 0.05), (-1.0, 0.3), (0.7, 0.1)])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_intervals_hold_what_they_promise_whatever_the_bias(log_alpha, bias, spread, level):
    generator = torch.Generator().manual_seed(0)
    scores = sigma_scores(Mistaken(log_alpha), draws(generator, bias, spread, 4))
    ((estimate, true),) = draws(generator, bias, spread, 1)
    log_sigma, log_alphas = estimate.log().numpy(), np.full(estimate.shape, log_alpha, np.float32)
    low, high = (
        log_sigma_ratio(log_alphas, log_sigma, (1 + side * level) / 2, scores) for side in (-1, 1)
    )
    error = (true / estimate).log().numpy()
    held = (low <= error) & (error <= high)
    assert held.mean() == pytest.approx(level, abs=0.05)
    assert held[log_sigma > np.log(12 / 255)].mean() == pytest.approx(level, abs=0.02)


def test_a_level_that_is_never_estimated_takes_its_neighbours_scores():
    estimate = torch.full((1, 1, 200, 200), 25 / 255)
    scores = sigma_scores(Mistaken(2.0), [(estimate, estimate)])
    assert scores["sigma"] == [round(25 / 255, 6)]
    assert sigma_scores(Mistaken(2.0), []) == {}


def test_crops_have_the_noise_that_is_said_of_them():
    image = np.full((60, 90, 3), 128, np.uint8)
    for noisy, sigma in noisy_crops([image], {"gaussian:20": 1.0}, count=9, size=40):
        assert noisy.shape == sigma.shape == (1, 3, 40, 40)
        assert float((noisy - 128 / 255).std() / sigma.mean()) == pytest.approx(1, abs=0.1)


def test_a_model_is_calibrated_on_ones_own_pictures_and_its_weights_stay(tmp_path):
    (tmp_path / "pictures").mkdir()
    generator = np.random.default_rng(0)
    for index in range(4):
        picture = np.kron(generator.integers(30, 220, (8, 8)), np.ones((24, 24))).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / "pictures" / f"{index}.png")
    given = [tmp_path / "pictures"], {"gaussian:0..30": 1.0}
    path = calibrate_model("gray", *given, tmp_path / "mine.onnx", crops=12)
    card, _ = find_model(path)
    assert card.sigma_scores != find_model("gray")[0].sigma_scores
    weights, before = load_module(path).state_dict(), load_module("gray").state_dict()
    assert all(torch.equal(weights[name], value) for name, value in before.items())
    with pytest.raises(InputError, match="exists"):
        calibrate_model("gray", *given, path)
    with pytest.raises(ConfigError, match="crops is 0"):
        calibrate_model("gray", *given, tmp_path / "other.onnx", crops=0)
    with pytest.raises(FileError, match="absent"):
        calibrate_model("gray", [tmp_path / "absent"], {"clean": 1.0}, tmp_path / "other.onnx")
