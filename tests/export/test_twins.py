"""What was trained by any objective can be exported and run like every model."""

import numpy as np
import pytest
from PIL import Image

import vdn
from vdn.errors import ConfigError
from vdn.export import export_run
from vdn.external import load_network
from vdn.runtime.cards import find_model
from vdn.training import Config, train


def trained(tmp_path, network, kind):
    images = tmp_path / "images"
    images.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    for index in range(2):
        Image.fromarray(pixels).save(images / f"{index}.png")
    values = {
        "name": kind,
        "precision": "fp32",
        "network": network,
        "data": {"folders": [str(images)], "patch": 16, "holdout_every": 2, "workers": 0},
        "objective": {"kind": kind},
        "schedule": {"images": 4, "batch": 2},
    }
    train(Config.from_dict(values), tmp_path / "run")
    return tmp_path / "run"


LIGHT = {
    "family": "light", "widths": [8, 16], "blocks": [1, 1], "snet_width": 8, "snet_depth": 3,
    "error_width": 8,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["mse", "known_map", "cbdnet"])
def test_a_twin_runs_in_the_engine_with_its_own_and_with_a_given_map(tmp_path, kind):
    run = trained(tmp_path, LIGHT, kind)
    path = export_run(run, tmp_path / f"{kind}.onnx")
    denoiser, peer = vdn.Denoiser(str(path), precision="fp32"), load_network(run)
    image = np.random.default_rng(1).random((24, 19, 3), dtype=np.float32)
    level = np.linspace(0.05, 0.3, 19, dtype=np.float32)[None, :, None] * np.ones_like(image)
    given = denoiser(image, noise_sigma=level).image
    np.testing.assert_allclose(given, peer(image, level), atol=2e-3)
    assert peer.needs_sigma == (kind == "known_map")
    if kind == "known_map":
        assert "give it one" in find_model(str(path))[0].summary
    else:
        np.testing.assert_allclose(denoiser(image).image, peer(image), atol=2e-3)


def test_a_peer_runs_from_its_run_folder_and_is_not_exported(tmp_path):
    run = trained(tmp_path, {"family": "dncnn", "depth": 3, "width": 8, "batch_norm": True}, "mse")
    image = np.random.default_rng(1).random((9, 7), dtype=np.float32)
    assert load_network(run)(image).shape == image.shape
    np.testing.assert_array_equal(
        load_network(run / "checkpoint.pt")(image), load_network(run)(image)
    )
    with pytest.raises(ConfigError, match=r"network\.family is 'dncnn'"):
        export_run(run, tmp_path / "dncnn.onnx")
