"""Learning rates, and what an optimiser leaves alone."""

import pytest
import torch

from vdn.training.config import Optimiser, Schedule
from vdn.training.optimiser import (
    ConvolutionMuon,
    learning_rate_factor,
    make_optimisers,
    moving_average,
)
from vdn.training.precision import choose_precision


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


@pytest.mark.parametrize("shape", [(32, 40, 3, 3), (400, 32, 3, 3)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_convolutions_take_the_steps_of_torchs_muon(shape, dtype):
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(shape).to(memory_format=torch.channels_last))
    matrix = torch.nn.Parameter(weight.detach().flatten(1).clone())
    start = matrix.detach().clone()
    ours = ConvolutionMuon([weight], lr=0.1, weight_decay=0.1, dtype=dtype)
    torchs = torch.optim.Muon([matrix], lr=0.1, weight_decay=0.1)
    for _ in range(3):
        weight.grad = torch.randn(shape)
        matrix.grad = weight.grad.flatten(1)
        ours.step()
        torchs.step()
    moved = (matrix - start).norm()
    assert (weight.flatten(1) - matrix).norm() < 0.02 * moved


def test_precision_is_what_was_asked_or_what_the_machine_has(monkeypatch):
    assert choose_precision("bf16") == torch.bfloat16
    assert choose_precision("fp32") == torch.float32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for able, dtype in [({"avx512_bf16": True}, torch.bfloat16), ({"avx2": True}, torch.float32)]:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert choose_precision("auto") == dtype


def test_the_moving_average_copies_counters():
    average, current = [torch.tensor(3)], [torch.tensor(8)]
    moving_average(0.9)(average, current, torch.tensor(5))
    assert average[0] == 8
