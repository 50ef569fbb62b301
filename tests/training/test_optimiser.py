"""Learning rates, and what an optimiser leaves alone."""

import numpy as np
import pytest
import torch

from vdn.data.pool import Crops
from vdn.training.config import Optimiser, Schedule
from vdn.training.optimiser import (
    ConvolutionMuon,
    MovingAverage,
    NetworkClipper,
    learning_rate_factor,
    make_optimisers,
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


def test_the_moving_average_copies_counters_and_forgets_its_start():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.BatchNorm2d(1))
    average = MovingAverage(model, decay=0.999)
    start = model[0].weight.detach().clone()
    with torch.no_grad():
        model[0].weight += 1
    model[1].num_batches_tracked.fill_(8)
    for _ in range(30):
        average.update(model)
    assert average.module[1].num_batches_tracked == 8
    # A constant decay of 0.999 would still hold 97 % of the start.
    assert (model[0].weight - average.module[0].weight).item() < 1e-3
    assert (average.module[0].weight - start).item() > 0.999


def test_the_moving_average_keeps_its_decay_once_warm():
    model = torch.nn.Linear(1, 1)
    average = MovingAverage(model, decay=0.9)
    average.n_averaged.fill_(10**6)
    with torch.no_grad():
        model.weight += 1
    average.update(model)
    assert (model.weight - average.module.weight).item() == pytest.approx(0.9, abs=1e-5)


@pytest.mark.parametrize(("progress", "factor"), [(0.39, 1), (0.4, 0.1), (0.8, 0.01)])
def test_a_milestone_is_past_when_it_is_reached(progress, factor):
    schedule = Schedule(
        images=1, warmup=0, decay="milestones", milestones=(0.4, 0.8), milestone_factor=0.1
    )
    assert learning_rate_factor(10, progress, schedule) == pytest.approx(factor)


def test_warm_up_ends_with_a_tenth_of_a_run_by_minutes():
    for schedule in (Schedule(minutes=1, warmup=10**6), Schedule(images=1, warmup=10**6)):
        assert (learning_rate_factor(3, 0.1, schedule) > 0.9) == bool(schedule.minutes)


@pytest.mark.parametrize("name", ["muon", "adamw", "adam"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_skipped_step_leaves_weights_and_state(name, value):
    model = torch.nn.Sequential(*(torch.nn.Conv2d(32, 32, 3) for _ in range(2)))
    optimisers = make_optimisers(model, Optimiser(name=name, weight_decay=0.1))

    def step(gradient: float, skip: bool) -> None:
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        for optimiser in optimisers:
            optimiser.found_inf = torch.tensor(float(skip))
            optimiser.step()

    def everything() -> list[torch.Tensor]:
        states = [state for o in optimisers for state in o.state.values()]
        return [*model.parameters(), *(value for state in states for value in state.values())]

    step(0.1, False)
    before = [tensor.detach().clone() for tensor in everything()]
    step(value, True)
    assert all(torch.equal(a, b) for a, b in zip(before, everything(), strict=True))
    step(0.1, False)
    assert not torch.equal(before[0], next(model.parameters()))


def test_networks_are_clipped_apart_by_bounds_that_an_epoch_lowers():
    """Bounds 4 and 100, epochs of two steps: norms 3 and 5, then 1 and 1."""
    first, second = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    clip = NetworkClipper([first, second], [4.0, 100.0], steps=2)
    kept = []
    for size in (3.0, 5.0, 6.0):
        for layer in (first, second):
            layer.weight.grad = torch.full((1, 1), size)
        norm = clip([])
        assert float(norm) == pytest.approx(size * 2**0.5)
        kept.append((float(first.weight.grad), float(second.weight.grad)))
    assert kept == [(3, 3), (4, 5), (4, 4)]
    first.weight.grad = torch.full((1, 1), torch.inf)
    before = clip.running.clone()
    clip([])
    torch.testing.assert_close(clip.running, before)


def test_a_share_of_the_patches_is_neither_turned_nor_mirrored():
    generator = np.random.default_rng(0)
    drawn = Crops(np.zeros(40_000, int), generator, 0.5).symmetries
    shares = np.bincount(drawn, minlength=8) / len(drawn)
    np.testing.assert_allclose(shares, [0.5, *(7 * [0.5 / 7])], atol=0.01)
