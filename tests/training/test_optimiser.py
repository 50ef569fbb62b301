"""Learning rates, and what an optimiser leaves alone."""

import pytest
import torch

from vdn.training.config import Optimiser, Schedule
from vdn.training.optimiser import learning_rate_factor, make_optimisers, moving_average


def test_milestones_multiply_the_rate_by_their_factor():
    schedule = Schedule(
        images=1, warmup=0, decay="milestones", milestones=(0.4, 0.8), milestone_factor=0.1
    )
    factors = [learning_rate_factor(10, progress, schedule) for progress in (0.3, 0.5, 0.9)]
    assert factors == pytest.approx([1, 0.1, 0.01])


@pytest.mark.parametrize("name", ["muon", "adamw", "adam"])
def test_frozen_parameters_do_not_move(name):
    model = torch.nn.Sequential(*(torch.nn.Conv2d(32, 32, 3) for _ in range(2)))
    model[1].requires_grad_(False)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model(torch.rand(1, 32, 8, 8)).square().mean().backward()
    for optimiser in make_optimisers(model, Optimiser(name=name, weight_decay=0.1)):
        optimiser.step()
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]) == key.startswith("1."), key


def test_the_moving_average_copies_counters():
    average, current = [torch.tensor(3)], [torch.tensor(8)]
    moving_average(0.9)(average, current, torch.tensor(5))
    assert average[0] == 8
