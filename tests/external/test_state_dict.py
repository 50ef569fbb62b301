"""State dicts with the layer names of public repositories; nothing in them is run."""

import os

import numpy as np
import pytest
import torch
from torch import nn

from vdn.errors import FileError, InputError
from vdn.external import load_network
from vdn.external.recognise import CBDNET, CBDNET_RELEASE
from vdn.networks import CBDNet, CBDNetRelease, DnCNN, FFDNet


def convolutions(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]


def renamed(network: nn.Module, names) -> dict[str, torch.Tensor]:
    state = {}
    for name, layer in zip(names, convolutions(network), strict=True):
        state |= {f"{name}.{key}": value for key, value in layer.state_dict().items()}
    return state


def picture(channels: int) -> np.ndarray:
    return np.random.default_rng(0).random((9, 6, channels), dtype=np.float32)


def directly(network: nn.Module, image: np.ndarray, **told) -> np.ndarray:
    tensor = torch.from_numpy(image.transpose(2, 0, 1))[None]
    with torch.inference_mode():
        return network.eval()(tensor, **told).mean[0].numpy().transpose(1, 2, 0)


def test_kair_names_of_dncnn_and_ffdnet(tmp_path):
    torch.manual_seed(0)
    dncnn, ffdnet = DnCNN(3, depth=4, width=6), FFDNet(1, depth=4, width=6)
    names = [f"model.{2 * index}" for index in range(4)]
    torch.save(renamed(dncnn, names), tmp_path / "dncnn.pth")
    torch.save({"params": renamed(ffdnet, names)}, tmp_path / "ffdnet.pth")
    np.testing.assert_allclose(
        load_network(tmp_path / "dncnn.pth")(picture(3)), directly(dncnn, picture(3)), atol=1e-6
    )
    peer = load_network(tmp_path / "ffdnet.pth")
    told = directly(ffdnet, picture(1), sigma=torch.tensor(0.2))
    np.testing.assert_allclose(peer(picture(1), 0.2), told, atol=1e-6)
    level = np.full((9, 6), 0.2, np.float32)
    np.testing.assert_allclose(peer(picture(1)[..., 0], level), told[..., 0], atol=1e-6)
    with pytest.raises(InputError, match="FFDNet needs the noise: give sigma"):
        peer(picture(1))


def test_a_dncnn_saved_with_its_normalisation(tmp_path):
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 6, 3, padding=1), nn.ReLU()]
    for _ in range(2):
        norm = nn.BatchNorm2d(6, eps=1e-4)
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.01, 2)
        layers += [nn.Conv2d(6, 6, 3, padding=1), norm, nn.ReLU()]
    chain = nn.Sequential(*layers, nn.Conv2d(6, 1, 3, padding=1)).eval()
    torch.save({f"model.{k}": v for k, v in chain.state_dict().items()}, tmp_path / "bn.pth")
    tensor = torch.from_numpy(picture(1).transpose(2, 0, 1))[None]
    expected = picture(1) - chain(tensor).detach()[0].numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(load_network(tmp_path / "bn.pth")(picture(1)), expected, atol=1e-5)


def test_a_parallel_training_checkpoint_of_cbdnet(tmp_path):
    torch.manual_seed(0)
    network = CBDNet(3, width=4, estimator_width=3)
    state = {f"module.{name}": value for name, value in renamed(network, CBDNET).items()}
    torch.save({"epoch": 3, "state_dict": state, "optimizer": {}}, tmp_path / "c.pth.tar")
    peer = load_network(tmp_path / "c.pth.tar")
    np.testing.assert_allclose(peer(picture(3)), directly(network, picture(3)), atol=1e-6)
    told = directly(network, picture(3), sigma=torch.tensor(0.3))
    np.testing.assert_allclose(peer(picture(3), 0.3), told, atol=1e-6)


def test_the_conversion_of_the_authors_cbdnet(tmp_path):
    torch.manual_seed(0)
    network = CBDNetRelease(width=4, estimator_width=3)
    torch.save(renamed(network, CBDNET_RELEASE), tmp_path / "c.pth")
    np.testing.assert_allclose(
        load_network(tmp_path / "c.pth")(picture(3)), directly(network, picture(3)), atol=1e-6
    )


def test_the_published_layer_lists_are_those_of_the_published_networks():
    shapes = dict(zip(CBDNET_RELEASE, convolutions(CBDNetRelease()), strict=True))
    assert shapes["DS02"].weight.shape == (256, 64, 2, 2)
    assert shapes["DS03_layer00_cf"].weight.shape == (256, 512, 1, 1)
    assert shapes["UPS03_layer03"].weight.shape == (512, 256, 3, 3)
    assert shapes["USP02"].weight.shape == (512, 128, 2, 2)
    assert shapes["US01_layer02"].weight.shape == (3, 64, 3, 3)
    shapes = dict(zip(CBDNET, convolutions(CBDNet()), strict=True))
    assert shapes["fcn.fcn.8"].weight.shape == (3, 32, 3, 3)
    assert shapes["unet.conv2.0.conv.0"].weight.shape == (256, 128, 3, 3)
    assert shapes["unet.up2.up"].weight.shape == (128, 64, 2, 2)
    assert shapes["unet.outc.conv"].weight.shape == (3, 64, 1, 1)


def test_gray_goes_through_colour_networks_and_colour_through_gray_ones(tmp_path):
    torch.manual_seed(0)
    for channels in (1, 3):
        network = DnCNN(channels, depth=3, width=4)
        names = [f"model.{2 * index}" for index in range(3)]
        torch.save(renamed(network, names), tmp_path / f"{channels}.pth")
    gray, colour = picture(1), picture(3)
    each = load_network(tmp_path / "1.pth")(colour)
    alone = load_network(tmp_path / "1.pth")(colour[..., 1])
    np.testing.assert_allclose(each[..., 1], alone, atol=1e-6)
    equal = load_network(tmp_path / "3.pth")(np.repeat(gray, 3, axis=2))
    np.testing.assert_allclose(
        load_network(tmp_path / "3.pth")(gray)[..., 0], equal.mean(axis=2), atol=1e-6
    )
    with pytest.raises(InputError, match=r"shape \(2, 2, 2\)"):
        load_network(tmp_path / "3.pth")(np.zeros((2, 2, 2), np.float32))


def test_code_and_strangers_are_refused(tmp_path):
    torch.save({"state_dict": {"a.weight": torch.zeros(1)}, "f": os.system}, tmp_path / "code.pth")
    with pytest.raises(FileError, match="not a file of weights alone"):
        load_network(tmp_path / "code.pth")
    torch.save({"a.weight": torch.zeros(4, 3, 1, 1)}, tmp_path / "other.pth")
    with pytest.raises(FileError, match="no DnCNN, FFDNet or CBDNet"):
        load_network(tmp_path / "other.pth")
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(FileError, match=r"torn\.pth"):
        load_network(tmp_path / "torn.pth")
    with pytest.raises(FileError, match=r"none\.pth"):
        load_network(tmp_path / "none.pth")
    state = renamed(CBDNet(3, width=4, estimator_width=4), CBDNET)
    state["unet.outc.conv.weight"] = torch.zeros(3, 5, 1, 1)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(FileError, match=r"layer unet\.outc\.conv has shape \(3, 5, 1, 1\)"):
        load_network(tmp_path / "odd.pth")
