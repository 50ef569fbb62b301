"""A configuration says what it means or is refused."""

import dataclasses
from pathlib import Path

import pytest

from vdn.errors import ConfigError
from vdn.training.build import build_model
from vdn.training.config import Config, Objective, Schedule, load_config
from vdn.training.objectives import choose_objective
from vdn.training.task import find_task

ROOT = Path(__file__).parents[2] / "configs"
CONFIGS = sorted(ROOT.rglob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_shipped_configurations_are_valid_and_survive_the_round_trip(path):
    config = load_config(path)
    assert Config.from_dict(config.as_dict()) == config
    if config.task == "restore":
        assert find_task(config).model
    else:
        assert build_model(config.network)
        assert choose_objective(config.objective)


def test_the_twins_differ_in_their_objective_alone():
    twins = [load_config(path) for path in sorted((ROOT / "twins").glob("*.toml"))]
    assert {twin.objective.kind for twin in twins} == {"elbo", "mse", "known_map", "cbdnet"}
    plain = Objective()
    same = {dataclasses.replace(twin, name="", objective=plain).__repr__() for twin in twins}
    assert len(same) == 1
    assert len({twin.objective.eps0_squared for twin in twins}) == 1


def test_the_published_recipes_are_there():
    paper = {path.stem: load_config(path) for path in ROOT.glob("paper_*.toml")}
    simulation, real = paper["paper_simulation"], paper["paper_real"]
    assert simulation.schedule.images == real.schedule.images == 64 * 5000 * 50
    assert simulation.objective.eps0_squared == 5e-5
    assert real.objective.eps0_squared == 1e-6
    assert (simulation.objective.xi, real.objective.xi) == ("true", "residual")
    for recipe in paper.values():
        assert recipe.optimiser.clip_bounds == (1e4, 1e3)
        assert recipe.data.upright == 0.5
    assert simulation.network.family == real.network.family == "paper"


def test_overrides_reach_their_section(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('name = "a"\n[schedule]\nminutes = 1\n')
    config = load_config(path, ["schedule.minutes=2.5", "optimiser.name=adam", "seed=7"])
    assert (config.schedule.minutes, config.optimiser.name, config.seed) == (2.5, "adam", 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "a"\nsped = 1', "unknown key sped"),
        ('name = "a"\n[schedule]\nminute = 1', r"unknown key schedule\.minute"),
        ('name = "a"\n[schedule]\nminutes = "long"', r"schedule\.minutes is 'long'"),
        ('name = "a"\n[network]\nfamily = "big"', r"network\.family is 'big'"),
        ('name = "a"\n[schedule]\nminutes = 1\nimages = 5', "exactly one"),
        ("[schedule]\nminutes = 1", "missing key name"),
        ('name = "a"\n[schedule]\nbatch = true\nminutes = 1', r"schedule\.batch is True"),
        ('name = "a"\n[network]\nbatch_norm = 1', r"network\.batch_norm is 1"),
        ("name = ", "Invalid value"),
        ('name = "a"\nschedule = 3', "must be a table"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_missing_file_and_a_malformed_override_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_config(tmp_path / "none.toml")
    path = tmp_path / "a.toml"
    path.write_text('name = "a"\n[schedule]\nminutes = 1\n')
    with pytest.raises(ConfigError, match="no '='"):
        load_config(path, ["seed"])
    with pytest.raises(ConfigError, match="name is not a section"):
        load_config(path, ["name.x=1"])


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": {"kind": "mse"}},
        {"network": {"family": "paper"}},
        {"task": "restore", "network": {"knet_width": 8}},
    ],
)
def test_only_the_bound_of_a_light_denoiser_tells_d_net_the_noise(settings):
    settings = {"name": "x", "schedule": {"minutes": 1}} | settings
    Config.from_dict(settings)
    with pytest.raises(ConfigError, match=r"data\.told_share is 0\.25"):
        Config.from_dict(settings | {"data": {"told_share": 0.25}})


def test_a_run_needs_a_length():
    with pytest.raises(ConfigError, match="exactly one"):
        Config(name="x", schedule=Schedule())
