"""What is trained on, and what is kept apart from it."""

import dataclasses

import numpy as np
import pytest
import torch

from vdn.errors import ConfigError
from vdn.image import write
from vdn.training import Config
from vdn.training.config import Network
from vdn.training.samples import made_ahead, training_data

CPU = torch.device("cpu")


def config(**data):
    data = {"patch": 8, "workers": 0, "noise": {"clean": 1.0}} | data
    return Config.from_dict({"name": "x", "data": data, "schedule": {"images": 8, "batch": 32}})


def levels(plane):
    return {round(float(level) * 255) for level in plane.flatten()}


def flat(path, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, np.full((12, 12, 3), level, np.uint8))


def test_pictures_held_out_are_not_trained_on(tmp_path):
    for number in range(9):
        flat(tmp_path / "images" / f"{number}.png", 20 * number)
    settings = config(folders=[str(tmp_path / "images")], holdout_every=3)
    batches, held, _ = training_data(settings, CPU)
    trained = set().union(*(levels(batches(index)["clean"]) for index in range(10)))
    kept = set().union(*(set(picture.ravel().tolist()) for picture in held))
    assert kept == {0, 60, 120}
    assert trained == {20, 40, 80, 100, 140, 160}


@pytest.mark.parametrize(("channels", "suffix"), [(3, "png"), (1, "png"), (3, "tif")])
def test_pictures_are_there_again_reduced(tmp_path, channels, suffix):
    """Stripes of one pixel, which half the size cannot hold: it is gray there."""
    stripes = np.tile(np.array([0, 255], np.uint8), (40, 20))
    depth = (np.uint16, 257) if suffix == "tif" else (np.uint8, 1)
    picture = np.dstack([stripes] * 3).astype(depth[0]) * depth[1]
    (tmp_path / "images").mkdir()
    write(tmp_path / "images" / f"stripes.{suffix}", picture)
    data = {"folders": [str(tmp_path / "images")], "holdout_every": 0, "reduced": [0.25, 0.4]}
    settings = config(**data)
    settings = dataclasses.replace(settings, network=Network(channels=channels))
    batches, *_ = training_data(settings, CPU)
    contrasts = batches(0)["clean"].std(dim=(1, 2, 3))
    assert 4 < int((contrasts < 0.1).sum()) < 28
    assert int((contrasts > 0.45).sum()) == 32 - int((contrasts < 0.1).sum())


def test_reduced_pictures_stay_as_large_as_a_patch(tmp_path):
    flat(tmp_path / "images" / "a.png", 100)
    settings = config(folders=[str(tmp_path / "images")], holdout_every=0, reduced=[0.01, 0.02])
    batches, *_ = training_data(settings, CPU)
    assert levels(batches(0)["clean"]) == {100}


def test_pairs_held_out_are_not_trained_on_whatever_their_names(tmp_path):
    for number, name in enumerate(["a.bmp", "a.png", "a.tif", "b.bmp", "b.png", "c.png"]):
        for side in ("noisy", "clean"):
            flat(tmp_path / side / name, 30 * number)
    batches, _, held = training_data(config(pairs=[str(tmp_path)], holdout_every=2), CPU)
    trained = set().union(*(levels(batches(index)["clean"]) for index in range(10)))
    kept = set().union(*(set(pair.clean.ravel().tolist()) for pair in held))
    assert kept == {0, 60, 120}
    assert trained == {30, 90, 150}


def test_pairs_without_a_share_are_refused_beside_pictures(tmp_path):
    for side in ("noisy", "clean", "more"):
        flat(tmp_path / side / "a.png", 9)
    both = {"folders": [str(tmp_path / "more")], "pairs": [str(tmp_path)], "holdout_every": 0}
    with pytest.raises(ConfigError, match=r"data\.pair_share is 0"):
        training_data(config(**both), CPU)
    batches, *_ = training_data(config(**both, pair_share=0.5), CPU)
    assert batches(0)["noisy"].shape == (32, 3, 8, 8)


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_batches_made_ahead_come_in_their_order(threads):
    assert list(made_ahead(lambda number: number**2, range(20), threads)) == [
        number**2 for number in range(20)
    ]


def test_what_fails_in_a_thread_fails_where_the_batch_is_wanted():
    def fail(number):
        if number == 3:
            raise ValueError("three")
        return number

    made = made_ahead(fail, range(9), 2)
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(made)


@pytest.mark.parametrize("kind", ["pages", "spots"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_rendered_among_the_others_and_some_held_out(tmp_path, channels, kind):
    flat(tmp_path / "images" / "flat.png", 128)
    settings = config(folders=[str(tmp_path / "images")], holdout_every=0, **{kind: 20})
    settings = dataclasses.replace(settings, network=Network(channels=channels))
    batches, held, _ = training_data(settings, CPU)
    clean = batches(0)["clean"]
    assert clean.shape[1] == channels
    assert (clean.amax((1, 2, 3)) > clean.amin((1, 2, 3))).float().mean() > 0.2  # not the flat one
    assert any(float(picture.std()) > 5 for picture in held)
