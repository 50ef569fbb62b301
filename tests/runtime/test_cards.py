import shutil

import pytest

from tiny_model import tiny_card, write_tiny_model
from vdn.errors import ConfigError, FileError, InputError
from vdn.runtime import Card, find_model, list_models


def test_shipped_models_are_listed_and_found(weights):
    assert [card.name for card in list_models(weights)] == ["photo", "gray"]
    card, path = find_model("gray", weights)
    assert card.channels == 1
    assert path == weights / "gray.onnx"


def test_an_unknown_name_lists_the_known(weights):
    with pytest.raises(InputError, match=r"'phto'.*photo, gray"):
        find_model("phto", weights)


def test_damaged_weights_are_refused(weights, tmp_path):
    folder = shutil.copytree(weights, tmp_path / "copy")
    with (folder / "gray.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(FileError, match=r"gray\.onnx.*damaged"):
        find_model("gray", folder)


def test_a_file_of_ones_own_carries_its_card(tmp_path):
    path = write_tiny_model(tmp_path / "mine.onnx", 1)
    card, found = find_model(path)
    assert found == path
    assert card == Card.from_mapping(tiny_card("mine", 1))
    assert find_model(str(path))[0] == card


@pytest.mark.parametrize("content", [None, b"not a model"])
def test_missing_and_unreadable_files_are_named(tmp_path, content):
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match=r"x\.onnx"):
        find_model(path)


def test_unknown_keys_and_wrong_values_are_errors():
    with pytest.raises(ConfigError, match="colour"):
        Card.from_mapping(tiny_card() | {"colour": 1})
    with pytest.raises(ConfigError, match="channels is 2"):
        Card.from_mapping(tiny_card(channels=2))
    with pytest.raises(ConfigError, match="halo"):
        Card.from_mapping({"name": "x", "channels": 1, "multiple": 8})


def test_cards_survive_the_way_through_plain_data():
    card = Card.from_mapping(tiny_card())
    assert Card.from_mapping(card.to_mapping()) == card


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("multiple", "8"),
        ("multiple", 0),
        ("halo", 40.5),
        ("halo", 0),
        ("noise_halo", -1),
        ("scale", 0),
        ("scale", True),
        ("scale", 2),
        ("channels", [3]),
        ("estimates_noise", 1),
        ("error_scale", "big"),
        ("error_scale", 0.0),
        ("error_scale", float("nan")),
        ("summary", 3),
        ("sigma_scores", {"sigma": [0.1]}),
        ("sigma_scores", {"sigma": [0.1], "probability": [0.1, 0.9], "score": [[1, -1]]}),
        ("sigma_scores", {"sigma": [0.2, 0.1], "probability": [0.5], "score": [[0], [0]]}),
        ("sigma_scores", {"sigma": [0.1], "probability": [0.5, 1.0], "score": [[0, 1]]}),
        ("sigma_scores", {"sigma": ["x"], "probability": [0.5], "score": [[0]]}),
        ("sigma_scores", {"sigma": [0.1], "probability": [0.5], "score": [[float("inf")]]}),
    ],
)
def test_a_value_of_another_kind_is_named(tmp_path, name, value):
    path = write_tiny_model(tmp_path / "x.onnx", card=tiny_card(**{name: value}))
    with pytest.raises(ConfigError, match=f"{name} is"):
        find_model(path)
