"""Runs learn, resume exactly, and give the same gradients on two processes as on one."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from several_processes import run_on
from vdn.data.shards import pack
from vdn.errors import ConfigError, FileError
from vdn.export import load_module
from vdn.training import Config, load_config, run, train
from vdn.training.build import build_model, build_vdn
from vdn.training.checkpoint import load_state
from vdn.training.objectives import choose_objective
from vdn.training.samples import training_data
from vdn.training.weights import averaged_weights, load_weights

CONFIGS = Path(__file__).parents[2] / "configs"
TINY = {
    "family": "light", "widths": [32, 32], "blocks": [1, 1], "snet_width": 8, "snet_depth": 3,
    "error_width": 8,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    rows, columns = np.mgrid[:48, :64]
    for index in range(4):
        ramp = 127 + 80 * np.sin(rows / (3 + index)) * np.cos(columns / 7)
        Image.fromarray(np.stack([ramp] * 3, -1).astype(np.uint8)).save(images / f"{index}.png")
    return images


def config(folder, images: int, **changes) -> Config:
    values = {
        "name": "tiny",
        "precision": "fp32",
        "network": TINY,
        "data": {"folders": [str(folder)], "patch": 16, "holdout_every": 4, "workers": 0},
        "optimiser": {"name": "muon", "muon_learning_rate": 0.01, "ema": 0.9},
        "schedule": {"images": images, "batch": 4, "warmup": 4, "tick_seconds": 0.001},
    }
    return Config.from_dict(values | changes)


def rows(run_folder, kind):
    lines = (run_folder / "log.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] == kind]


def test_s_net_learns_by_itself_beside_a_d_net_that_stays(folder, tmp_path):
    train(config(folder, 40), tmp_path / "whole")
    network = TINY | {"snet": "unet", "snet_widths": [32, 32], "snet_blocks": [1, 1]}
    changes = {"network": network, "objective": {"kind": "noise"}}
    changes |= {"start": str(tmp_path / "whole"), "start_snet": "new"}
    optimiser = {"name": "muon", "muon_learning_rate": 0.05, "learning_rate": 0.02, "ema": 0.9}
    train(config(folder, 600, **changes, optimiser=optimiser), tmp_path / "noise")
    before, after = (
        averaged_weights(tmp_path / name / "checkpoint.pt") for name in ("whole", "noise")
    )
    for name in (name for name in before if name.startswith("dnet.")):
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6)
    ticks = rows(tmp_path / "noise", "tick")
    early, late = (sum(row["error"] for row in part) for part in (ticks[:10], ticks[-10:]))
    assert late < 0.8 * early
    # And its S-Net goes on beside another D-Net.
    changes |= {"start_snet": str(tmp_path / "noise"), "objective": {"kind": "elbo"}}
    train(config(folder, 4, **changes), tmp_path / "both")


def test_a_run_learns_and_leaves_its_log(folder, tmp_path):
    train(config(folder, 240), tmp_path / "run")
    ticks = rows(tmp_path / "run", "tick")
    assert {"likelihood", "kl_image", "kl_noise", "error_nll", "gradient_norm"} <= set(ticks[0])
    first, last = (np.mean([t["loss"] for t in part]) for part in (ticks[:10], ticks[-10:]))
    assert last < 0.7 * first
    (validation,) = rows(tmp_path / "run", "validation")
    assert validation["psnr_awgn25"] > 15
    assert 0 < validation["sigma_error_case2"] < 1


NOISY_AT_50 = 14.8  # dB of the noisy images themselves, once clipped


@pytest.mark.parametrize("kind", ["mse", "known_map", "cbdnet"])
def test_the_rivals_of_the_bound_learn_too(folder, tmp_path, kind):
    train(config(folder, 200, objective={"kind": kind}), tmp_path / "run")
    assert {"loss", "squared_error", "error_nll"} <= set(rows(tmp_path / "run", "tick")[0])
    (validation,) = rows(tmp_path / "run", "validation")
    assert validation["psnr_awgn50"] > NOISY_AT_50 + 1
    # A model that is told the noise is not asked for it.
    assert ("sigma_error_case2" in validation) == (kind != "known_map")
    (calibration,) = rows(tmp_path / "run", "calibration")
    assert calibration["error_scale"] > 0


PEERS = {
    "dncnn": ({"depth": 4, "width": 8, "batch_norm": True}, "mse"),
    "ffdnet": ({"depth": 4, "width": 8}, "known_map"),
    "cbdnet": ({"width": 4}, "cbdnet"),
}


@pytest.mark.parametrize("family", PEERS)
def test_the_peers_learn_and_resume(folder, tmp_path, family):
    network, kind = PEERS[family]
    settings = {
        "network": {"family": family, **network},
        "objective": {"kind": kind},
        "optimiser": {"name": "adam", "learning_rate": 1e-2, "ema": 0.9},
    }
    train(config(folder, 120, **settings), tmp_path / "run")
    train(config(folder, 600, **settings), tmp_path / "run", resume=True)
    assert load_state(tmp_path / "run" / "checkpoint.pt")["images"] == 600
    _, validation = rows(tmp_path / "run", "validation")
    assert validation["psnr_awgn50"] > NOISY_AT_50 + 0.5
    assert ("sigma_error_awgn50" in validation) == (family == "cbdnet")


@pytest.mark.parametrize("optimiser", ["muon", "adamw", "adam"])
def test_an_interrupted_run_resumes_to_where_an_unbroken_one_ends(
    folder, tmp_path, optimiser, monkeypatch
):
    whole = config(folder, 48, optimiser={"name": optimiser, "ema": 0.9})
    train(whole, tmp_path / "whole")
    state, steps = tmp_path / "cut", iter(range(100))

    def interrupted(settings):
        objective = choose_objective(settings)

        def counted(model, batch):
            if next(steps) == 7:
                raise KeyboardInterrupt
            return objective(model, batch)

        return counted

    with monkeypatch.context() as patch:
        patch.setattr("vdn.training.task.choose_objective", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(whole, state)
    train(whole, state, resume=True)
    expected = averaged_weights(tmp_path / "whole" / "checkpoint.pt")
    for name, value in averaged_weights(state / "checkpoint.pt").items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=0)


def test_weights_start_another_run_and_must_fit(folder, tmp_path):
    train(config(folder, 8), tmp_path / "first")
    model = build_model(config(folder, 8).network)
    load_weights(model, tmp_path / "first")
    expected = averaged_weights(tmp_path / "first" / "checkpoint.pt")
    assert torch.equal(model.state_dict()["dnet.head.weight"], expected["dnet.head.weight"])
    wider = build_model(Config.from_dict(config(folder, 8).as_dict() | {
        "network": TINY | {"widths": [40, 32]}}).network)  # fmt: skip
    with pytest.raises(ConfigError, match=r"dnet\.head\.weight has shape"):
        load_weights(wider, tmp_path / "first")
    smaller = build_model(Config.from_dict(config(folder, 8).as_dict() | {
        "network": TINY | {"blocks": [1, 0]}}).network)  # fmt: skip
    with pytest.raises(ConfigError, match=r"holds dnet\.bottom\.0.* no place"):
        load_weights(smaller, tmp_path / "first")


@pytest.mark.parametrize("name", ["gaussian", "gray", "photo"])
def test_the_weights_that_ship_start_the_next_run_of_their_configuration(name):
    settings = load_config(CONFIGS / f"light_{name}.toml")
    load_weights(build_model(settings.network), settings.start)


def test_a_denoiser_starts_a_model_that_also_finds_the_blur_and_does_at_first_the_same():
    network = load_config(CONFIGS / "deblock.toml").network
    restorer, denoiser = build_vdn(network), build_vdn(replace(network, knet_width=0))
    load_weights(restorer, "photo")
    load_weights(denoiser, "photo")
    noisy = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(restorer(noisy).mean, denoiser(noisy).mean)


def test_weights_for_one_scale_start_those_for_another():
    model = build_vdn(load_config(CONFIGS / "upscale_x4.toml").network)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    load_weights(model, "upscale-x2")
    weights, taken = model.state_dict(), load_module("upscale-x2").state_dict()
    for name in ("dnet.head.weight", "dnet.bottom.3.first.weight", "snet.last.bias"):
        assert torch.equal(weights[name], taken[name])
    for name in ("dnet.residual.weight", "dnet.error.2.bias"):
        assert torch.equal(weights[name], before[name])


def test_a_run_that_makes_weights_worse_says_so(folder, tmp_path, caplog):
    train(config(folder, 400), tmp_path / "good")
    caplog.clear()
    spoilt = config(folder, 8).as_dict() | {"start": str(tmp_path / "good")}
    spoilt["optimiser"] = spoilt["optimiser"] | {"muon_learning_rate": 0.5, "ema": 0.0}
    train(Config.from_dict(spoilt), tmp_path / "spoilt")
    (warning,) = (r.getMessage() for r in caplog.records if r.levelname == "WARNING")
    assert "worse than the weights it began with: psnr_" in warning
    assert rows(tmp_path / "spoilt", "start")


def test_the_weights_of_a_colour_network_start_a_gray_one(folder, tmp_path):
    train(config(folder, 4), tmp_path / "colour")
    settings = config(folder, 8).as_dict()
    gray = settings | {"network": TINY | {"channels": 1}, "start": str(tmp_path / "colour")}
    train(Config.from_dict(gray), tmp_path / "gray")
    trained = averaged_weights(tmp_path / "gray" / "checkpoint.pt")
    assert trained["dnet.head.weight"].shape[1] == 8


def test_a_run_folder_is_not_overwritten_and_resume_needs_one(folder, tmp_path):
    train(config(folder, 4), tmp_path / "run")
    with pytest.raises(ConfigError, match="already holds a run"):
        train(config(folder, 4), tmp_path / "run")
    with pytest.raises(FileError, match="nothing to resume"):
        train(config(folder, 4), tmp_path / "other", resume=True)


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path):
    torch.save({"model": os.system}, tmp_path / "checkpoint.pt")
    with pytest.raises(FileError, match="not a training checkpoint"):
        load_state(tmp_path / "checkpoint.pt")


def test_run_reads_a_file_and_names_its_folder(folder, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('name = "a"\nprecision = "fp32"\n[schedule]\nimages = 4\nbatch = 2\n')
    overrides = [f'data.folders=["{folder}"]', "data.patch=16", "data.workers=0"]
    overrides += [f"network.{key}={json.dumps(value)}" for key, value in TINY.items()]
    assert run(path, overrides, tmp_path / "out") == tmp_path / "out"
    assert json.loads((tmp_path / "out" / "config.json").read_text())["data"]["patch"] == 16


ONE_OF_SEVERAL = """
import json, sys
from dataclasses import replace
from pathlib import Path
from vdn.training import Config, train
config, folder, resume = sys.argv[1:]
train(Config.from_dict(json.loads(config)), Path(folder), resume=bool(resume))
"""


def train_on(processes, config, folder, resume=False):
    """Train as `train` does, on several processes."""
    script = folder.parent / "train.py"
    script.write_text(ONE_OF_SEVERAL)
    run_on(processes, script, json.dumps(config), str(folder), "yes" if resume else "")


# Equal weights after plain gradient-following Adam mean equal gradients: N processes see in a step
# the batches that one accumulates. The known map leaves parts of the network without a gradient,
# which distributed training has to be told.
@pytest.mark.parametrize(("kind", "processes"), [("elbo", 4), ("known_map", 2)])
def test_several_processes_go_on_with_the_run_of_one(folder, tmp_path, kind, processes):
    changes = {"optimiser": {"name": "adam", "learning_rate": 1e-3, "clip": 0, "ema": 0.0}}
    changes |= {"objective": {"kind": kind}}
    shared = config(folder, 16, **changes).as_dict()
    shared["schedule"] |= {"batch": 2, "decay": "milestones"}
    if kind == "known_map":  # from shards, whose pictures are to come in the same order too
        pack(folder.iterdir(), tmp_path / "s", shard_bytes=2000)
        shared["data"] |= {"folders": [], "shards": [str(tmp_path)]}
    alone = shared | {"schedule": shared["schedule"] | {"accumulate": processes}}
    half = alone | {"schedule": alone["schedule"] | {"images": 8}}
    train(Config.from_dict(alone), tmp_path / "one")
    train(Config.from_dict(half), tmp_path / "several")
    train_on(processes, shared, tmp_path / "several", resume=True)
    one, several = (averaged_weights(tmp_path / n / "checkpoint.pt") for n in ("one", "several"))
    for name, value in one.items():
        torch.testing.assert_close(several[name], value, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("xi", ["true", "residual"])
def test_pairs_are_trained_on_in_their_shares(tmp_path, xi):
    generator = np.random.default_rng(0)
    for name, count in (("few", 1), ("many", 3)):
        for index in range(count):
            clean = generator.integers(60, 200, (24, 24, 3), dtype=np.uint8)
            for side, shift in (("clean", 0), ("noisy", 9)):
                (tmp_path / name / side).mkdir(parents=True, exist_ok=True)
                Image.fromarray(clean + np.uint8(shift)).save(
                    tmp_path / name / side / f"{index}.png"
                )
    data = {
        "pairs": [str(tmp_path / "few"), str(tmp_path / "many")], "pair_shares": [3, 1],
        "patch": 16, "holdout_every": 0, "workers": 0,
    }  # fmt: skip
    settings = config(tmp_path, 8, data=data, objective={"xi": xi})
    batches, *held = training_data(settings, torch.device("cpu"))
    assert held == [[], []]
    assert sorted(set(batches.pair_numbers)) == [0, 1, 2, 3]
    assert np.mean(np.array(batches.pair_numbers) == 0) == 0.75
    train(settings, tmp_path / "run")
    assert rows(tmp_path / "run", "tick")
