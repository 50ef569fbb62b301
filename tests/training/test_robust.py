"""What must not happen to a run: a step of no number, another configuration, half a folder."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from several_processes import run_on
from vdn.errors import ConfigError, FileError
from vdn.training import Config, train
from vdn.training.build import build_model
from vdn.training.loop import Run, _Log
from vdn.training.objectives import choose_objective
from vdn.training.objectives.terms import error_nll
from vdn.training.optimiser import NormClipper
from vdn.training.samples import training_data
from vdn.training.weights import averaged_weights

TINY = {"widths": [32, 32], "blocks": [1, 1], "snet_width": 8, "snet_depth": 3, "error_width": 8}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for index in range(4):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{index}.png")
    return tmp_path / "images"


def config(folder, **changes):
    values = {
        "name": "tiny",
        "precision": "fp32",
        "network": TINY,
        "data": {"folders": [str(folder)], "patch": 16, "holdout_every": 0, "workers": 0},
        "schedule": {"images": 8, "batch": 4, "warmup": 1},
    }
    return Config.from_dict(values | changes)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_step_that_is_not_finite_moves_nothing(folder, value):
    settings = config(folder)
    run = Run.begin(settings, build_model(settings.network), torch.float32)
    for gradient in (0.1, value):
        for parameter in run.model.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        before = [p.detach().clone() for p in (*run.model.parameters(), *run.average.parameters())]
        run.update(1.0)
    after = [*run.model.parameters(), *run.average.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert run.step == 2


def test_the_norm_is_clipped_at_a_multiple_of_its_running_mean():
    parameter = torch.nn.Parameter(torch.zeros(4))
    clipper = NormClipper(2.0)
    for norm in (1.0, 10.0):
        parameter.grad = torch.full((4,), norm / 2)
        assert float(clipper([parameter])) == pytest.approx(norm)
    assert float(parameter.grad.norm()) == pytest.approx(2.0, rel=1e-4)


def test_another_configuration_is_not_resumed(folder, tmp_path):
    train(config(folder), tmp_path / "run")
    changed = config(folder, seed=9, optimiser={"learning_rate": 0.5})
    with pytest.raises(ConfigError, match=r"optimiser\.learning_rate, seed"):
        train(changed, tmp_path / "run", resume=True)
    longer = config(folder, schedule={"images": 16, "batch": 4, "warmup": 1})
    train(longer, tmp_path / "run", resume=True)


def test_an_error_before_the_first_step_leaves_nothing(folder, tmp_path):
    with pytest.raises(ConfigError, match="rain"):
        train(
            config(folder, data={"folders": [str(folder)], "noise": {"rain": 1.0}, "workers": 0}),
            tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()


def test_a_foreign_checkpoint_is_named(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(FileError, match=r"other\.pt: is not the checkpoint"):
        averaged_weights(tmp_path / "other.pt")


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("schedule.batch", {"schedule": {"images": 8, "batch": 0}}),
        ("network.widths", {"network": {"widths": [32], "blocks": [1, 1]}}),
        ("data.noise.gaussian", {"data": {"noise": {"gaussian": -1.0}}}),
        ("data.gray_share", {"data": {"gray_share": 2.0}}),
    ],
)
def test_values_out_of_range_are_named(folder, key, changes):
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        config(folder, **changes)


def test_the_clipper_goes_on_where_it_was(folder):
    settings = config(folder)
    first, second = (
        Run.begin(settings, build_model(settings.network), torch.float32) for _ in range(2)
    )
    for parameter in first.model.parameters():
        parameter.grad = torch.full_like(parameter, 0.1)
    first.update(1.0)
    second.load(first.state())
    assert float(second.clipper.running) == float(first.clipper.running) > 0


def test_a_step_reads_nothing_back_from_the_device(folder, monkeypatch):
    # A tensor on the device "meta" has no values: reading one, or mixing devices, raises.
    class Plain(torch.optim.Optimizer):  # the fused optimisers of torch do not know "meta"
        def __init__(self, parameters, lr, **_):
            super().__init__(parameters, {"lr": lr})

        def step(self):
            pass

    monkeypatch.setattr(torch.optim, "AdamW", Plain)
    settings = config(folder, optimiser={"name": "muon"})
    run = Run.begin(settings, build_model(settings.network).to("meta"), torch.float32)
    batches, *_ = training_data(settings, torch.device("meta"))
    batch = batches(0)
    terms = choose_objective(settings.objective)(run.model, batch)
    terms.loss.backward()
    norm, finite = run.update(1.0)
    log = _Log(run, folder / "none", writes=True)
    log.add({"loss": terms.loss.detach(), **terms.named, "gradient_norm": norm}, finite)
    assert {plane.device.type for plane in (norm, finite)} == {"meta"}


def test_the_error_head_does_not_move_the_mean(folder):
    model = build_model(config(folder).network)
    noisy = torch.rand(1, 3, 16, 16)
    estimate = model(noisy)
    estimate.mean.retain_grad()
    sum(error_nll(estimate, torch.rand(1, 3, 16, 16)).values()).backward()
    assert estimate.mean.grad is None or not estimate.mean.grad.any()


UNEVEN = """
import json, os, sys, time
from pathlib import Path
import torch
from vdn.data.batches import Batches
from vdn.training import Config, loop, train

rank, out = int(os.environ["RANK"]), Path(sys.argv[2])
make, begin, runs = Batches.__call__, loop.Run.begin, []

def slow(*arguments):
    time.sleep(0.06 * rank)
    return make(*arguments)

def begun(*arguments):
    runs.append(begin(*arguments))
    return runs[0]

Batches.__call__, loop.Run.begin = slow, begun
train(Config.from_dict(json.loads(sys.argv[1])), out / "run")
torch.save([runs[0].step, *runs[0].model.state_dict().values()], out / f"{rank}.pt")
"""


def test_a_slower_process_follows_the_clock_of_the_first(folder, tmp_path):
    schedule = {"minutes": 0.03, "batch": 2, "warmup": 1}
    settings = config(folder, schedule=schedule).as_dict()
    (tmp_path / "uneven.py").write_text(UNEVEN)
    run_on(2, tmp_path / "uneven.py", json.dumps(settings), str(tmp_path), seconds=120)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert first[0] == second[0] > 3
    assert all(torch.equal(a, b) for a, b in zip(first[1:], second[1:], strict=True))
