import hashlib
import json
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tiny_model import tiny_card, write_tiny_model

# A loaded machine is no failure.
settings.register_profile("vdn", deadline=None)
settings.load_profile("vdn")


@pytest.fixture(autouse=True)
def same_numbers():
    """Let the random numbers of torch, where it is loaded, be the same in every run."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def run():
    """The command line, in this process."""
    from click.testing import CliRunner

    from vdn.cli import app

    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the package ships it, with two tiny models: `photo` and `gray`."""
    folder = tmp_path_factory.mktemp("weights")
    lines = []
    for seed, (name, channels) in enumerate((("photo", 3), ("gray", 1))):
        path = write_tiny_model(folder / f"{name}.onnx", channels, seed=seed)
        card = tiny_card(name, channels, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        lines.append(f"[{name}]")
        lines += [
            f"{key} = {json.dumps(value)}"
            for key, value in card.items()
            if key not in ("name", "training_data", "metrics")
        ]
    (folder / "cards.toml").write_text("\n".join(lines))
    return folder
