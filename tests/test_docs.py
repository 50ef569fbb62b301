"""The documents keep up with the code."""

import dataclasses
import re
from pathlib import Path

import pytest

from vdn.noise.registry import NOISE, parse_noise

DOCS = Path(__file__).parents[1] / "docs"


def test_every_noise_is_in_its_table_with_its_values():
    text = (DOCS / "noise.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for name, make in NOISE.items():
        (row,) = (row for row in rows if f"`{name}`" in row.split("|")[1])
        if dataclasses.is_dataclass(make):
            for parameter in dataclasses.fields(make):
                assert re.search(rf"`{parameter.name}[`=]", row), (name, parameter.name)


def test_the_noise_in_the_documents_is_known():
    text = (DOCS / "noise.md").read_text()
    for name in re.findall(r"--noise ([\w:.,]+)", text):
        if name != "and":
            parse_noise(name)


def test_every_key_of_a_training_configuration_is_explained():
    pytest.importorskip("torch")
    from vdn.training import Config

    text = (DOCS / "training.md").read_text()
    for section in dataclasses.fields(Config):
        kind = section.default_factory
        if kind is dataclasses.MISSING or section.name == "objective":
            assert f"`{section.name}" in text
            continue
        for key in dataclasses.fields(kind):
            named = rf"`(data|network|optimiser|schedule)?\.?{key.name}`"
            assert re.search(named, text), f"{section.name}.{key.name}"
