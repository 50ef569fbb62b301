"""A run becomes one file: it computes what the model does, and training can go on from it."""

import copy
import hashlib
import warnings

import numpy as np
import pytest
import torch

import vdn
from vdn.errors import ConfigError, FileError, InputError
from vdn.export import export_model, export_run, load_module, write_cards
from vdn.export.onnx_file import OUTPUTS, Exported
from vdn.model import VDN
from vdn.networks.paper import DNet, SNet
from vdn.runtime.cards import find_model, list_models
from vdn.runtime.openvino_engine import OpenVinoEngine
from vdn.training import Config, train
from vdn.training.build import build_model
from vdn.training.calibration import error_scale
from vdn.training.weights import averaged_weights, load_weights

NETWORK = {
    "family": "light", "widths": [32, 32], "blocks": [1, 1], "snet_width": 8, "snet_depth": 3,
    "error_width": 8,
}  # fmt: skip


def config(**changes) -> Config:
    values = {"name": "tiny", "precision": "fp32", "network": NETWORK, "schedule": {"images": 8}}
    return Config.from_dict(values | changes)


@pytest.fixture(scope="module")
def model() -> VDN:
    torch.manual_seed(0)
    model = build_model(config().network)
    with torch.no_grad():  # away from the start, where most outputs are constant
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    card = {"name": "tiny", "network": {**NETWORK}, "error_scale": 1.25}
    return export_model(model, folder / "tiny.onnx", card)


def test_the_file_computes_what_the_model_in_it_computes(exported):
    image = np.random.default_rng(0).random((3, 32, 48), dtype=np.float32)
    with torch.inference_mode():
        expected = Exported(load_module(exported).eval())(torch.from_numpy(image)[None])
    actual = OpenVinoEngine(exported, precision="fp32").run(image)
    assert actual.kernel is None  # a denoiser infers none
    for name, reference in zip(OUTPUTS, expected, strict=False):
        if name in actual._fields:
            np.testing.assert_allclose(getattr(actual, name), reference[0], atol=1e-4)


def test_what_is_taken_off_the_noise_is_in_the_file_too(tmp_path):
    network = NETWORK | {"snet": "unet", "snet_widths": [8, 16], "snet_blocks": [1, 1]}
    network |= {"snet_offset": 20 / 255}
    torch.manual_seed(1)
    model = build_model(config(network=network).network)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    path = export_model(model, tmp_path / "less.onnx", {"name": "less", "network": network})
    image = np.random.default_rng(0).random((3, 32, 48), dtype=np.float32)
    with torch.inference_mode():
        expected = load_module(path)(torch.from_numpy(image)[None]).sigma2
        whole = model.snet(torch.from_numpy(image)[None])
    actual = OpenVinoEngine(path, precision="fp32").run_noise(image)
    np.testing.assert_allclose(actual.log_beta, expected.log_beta[0], atol=1e-3)
    assert np.mean(np.abs(actual.log_beta - whole[1][0].numpy()) < 0.02) > 0.9  # half precision


def test_weights_beyond_half_precision_stay_as_they_are(model, tmp_path):
    model = copy.deepcopy(model)
    with torch.no_grad():
        model.dnet.head.weight[0, 0, 0, 0] = 1e6
    path = export_model(model, tmp_path / "a.onnx", {"name": "a", "network": {**NETWORK}})
    assert torch.equal(load_module(path).dnet.head.weight, model.dnet.head.weight)


def test_weights_come_back_whole_up_to_half_precision(exported, model):
    before, after = model.state_dict(), load_module(exported).state_dict()
    assert before.keys() == after.keys()
    for name in before:
        assert torch.equal(before[name].half().float(), after[name]), name


def test_the_card_inside_is_measured(exported, model):
    card, path = find_model(exported)
    assert path == exported
    assert (card.channels, card.multiple, card.error_scale) == (3, 4, 1.25)
    assert card.parameters == sum(p.numel() for p in model.parameters())
    assert card.halo % 4 == 0 < card.halo


def test_everybody_may_read_the_file_who_may_read_a_new_one(exported, tmp_path):
    (tmp_path / "ordinary").touch()
    assert exported.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_the_file_denoises_the_same_in_tiles(exported):
    image = np.random.default_rng(0).random((90, 77, 3), dtype=np.float32)
    whole = vdn.denoise(image, exported, max_memory=4000)
    tiled = vdn.denoise(image, exported, max_memory=6)
    assert np.abs(whole.image - tiled.image).max() <= 1e-5


def test_the_torch_engine_gives_what_openvino_gives(exported):
    image = np.random.default_rng(1).random((40, 41, 3), dtype=np.float32)
    ours = vdn.denoise(image, exported, precision="fp32", strength=0.7)
    torchs = vdn.denoise(image, exported, device="torch", precision="fp32", strength=0.7)
    assert np.abs(ours.image - torchs.image).max() < 1e-4
    assert np.allclose(ours.noise_sigma, torchs.noise_sigma, rtol=1e-3)
    assert np.allclose(ours.uncertainty, torchs.uncertainty, rtol=1e-3)


def test_training_goes_on_from_an_exported_file(exported, model):
    fresh = build_model(config().network)
    load_weights(fresh, exported)
    assert torch.equal(fresh.snet.layers[0].weight, model.snet.layers[0].weight.half().float())


def test_every_shipped_model_can_be_trained_further():
    for card in list_models():
        assert load_module(card.name).dnet.channels == card.channels


def test_another_network_is_refused_by_the_name_of_a_weight(exported):
    wider = build_model(config(network=NETWORK | {"widths": [32, 48]}).network)
    with pytest.raises(ConfigError, match="shape"):
        load_weights(wider, exported)


def test_a_run_is_exported_with_its_averaged_weights(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    from PIL import Image

    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(images / "a.png")
    data = {"folders": [str(images)], "patch": 16, "holdout_every": 0, "workers": 0}
    schedule = {"images": 8, "batch": 4}
    train(config(data=data, schedule=schedule), tmp_path / "run")
    path = export_run(tmp_path / "run", tmp_path / "mine.onnx", {"summary": "mine"})
    card, _ = find_model(path)
    assert (card.name, card.summary, card.network["family"]) == ("tiny", "mine", "light")
    kept = averaged_weights(tmp_path / "run" / "checkpoint.pt")
    loaded = load_module(path).state_dict()
    assert torch.equal(loaded["dnet.log_m2.bias"], kept["dnet.log_m2.bias"].half().float())


def test_an_existing_file_stays_unless_asked(exported, model):
    before = exported.read_bytes()
    with pytest.raises(InputError, match="exists"):
        export_model(model, exported, {"name": "tiny"})
    assert exported.read_bytes() == before


def test_the_form_of_the_paper_is_refused(tmp_path):
    paper = VDN(DNet(1, width=4), SNet(1, width=4), conditioned=False)
    with pytest.raises(InputError, match="conditioned"):
        export_model(paper, tmp_path / "paper.onnx", {"name": "paper"})
    assert not list(tmp_path.iterdir())


def test_a_folder_of_files_gets_its_list_of_cards(exported, tmp_path):
    (tmp_path / "tiny.onnx").write_bytes(exported.read_bytes())
    write_cards(tmp_path)
    (card,) = list_models(tmp_path)
    assert card.sha256 == hashlib.sha256(exported.read_bytes()).hexdigest()
    assert dict(card.network) == NETWORK
    found, _ = find_model("tiny", tmp_path)
    assert found == card
    with (tmp_path / "tiny.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(FileError, match="sha256"):
        find_model("tiny", tmp_path)


def test_the_error_scale_makes_ninety_percent_intervals(model):
    generator = torch.Generator().manual_seed(0)
    noisy = torch.rand(1, 3, 64, 64, generator=generator)
    with torch.inference_mode():
        posterior = model(noisy)
    deviation = posterior.error.stddev * 3  # the head is too sure by a factor of three
    clean = posterior.mean + deviation * torch.randn(noisy.shape, generator=generator)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scale = error_scale(model, [("case", noisy, clean, noisy)])
    assert scale == pytest.approx(3, rel=0.05)
