"""The networks the paper compares with: published sizes, any image size, what they output."""

import pytest
import torch

from vdn.networks import CBDNet, CBDNetRelease, DnCNN, FFDNet, dependence_radius


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        (DnCNN(3), 668_227),
        (DnCNN(1), 665_921),
        # Inner layers trade 64 biases for 64 scales and 64 shifts.
        (DnCNN(3, batch_norm=True), 668_227 + 18 * 64),
        (FFDNet(3), 852_108),
        (FFDNet(1), 485_316),
        (CBDNet(3), 4_365_382),
        (CBDNetRelease(), 6_793_478),
    ],
)
def test_parameter_counts_are_the_published_ones(network, parameters):
    assert count(network) == parameters


TINY = [
    lambda: DnCNN(3, depth=4, width=8),
    lambda: DnCNN(1, depth=4, width=8, batch_norm=True),
    lambda: FFDNet(3, depth=4, width=8),
    lambda: FFDNet(1, depth=4, width=8),
    lambda: CBDNet(3, width=4, estimator_width=4),
    lambda: CBDNetRelease(width=8, estimator_width=4),
]


@pytest.mark.parametrize("make", TINY)
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (16, 16), (17, 31)])
def test_any_image_size_comes_back(make, size):
    network = make()
    y = torch.rand(2, network.channels, *size)
    told = {"sigma": torch.tensor(0.1)} if isinstance(network, FFDNet) else {}
    estimate = network(y, **told)
    assert estimate.mean.shape == y.shape
    assert estimate.mean.isfinite().all()
    if estimate.sigma is not None:
        assert estimate.sigma.shape == y.shape
        assert estimate.sigma.min() >= 0


def silence(layer: torch.nn.Module) -> None:
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)


def test_dncnn_and_cbdnet_predict_a_residual_and_ffdnet_the_image():
    y = torch.rand(1, 3, 8, 8)
    dncnn, ffdnet, cbdnet = TINY[0](), TINY[2](), TINY[4]()
    silence(dncnn.layers[-1])
    silence(ffdnet.layers[-1])
    silence(cbdnet.last)
    torch.testing.assert_close(dncnn(y).mean, y)
    torch.testing.assert_close(cbdnet(y).mean, y)
    assert ffdnet(y, torch.tensor(0.1)).mean.abs().max() == 0
    # DnCNN subtracts what it predicts, CBDNet adds it.
    torch.nn.init.constant_(dncnn.layers[-1].bias, 0.25)
    torch.nn.init.constant_(cbdnet.last.bias, 0.25)
    torch.testing.assert_close(dncnn(y).mean, y - 0.25)
    torch.testing.assert_close(cbdnet(y).mean, y + 0.25)


def test_ffdnet_is_told_the_noise_as_number_or_map_and_says_so_when_it_is_not():
    network, y = TINY[2](), torch.rand(1, 3, 10, 8)
    number = network(y, torch.tensor(0.2)).mean
    torch.testing.assert_close(network(y, torch.full_like(y, 0.2)).mean, number)
    torch.testing.assert_close(network(y, torch.full((1, 1, 10, 8), 0.2)).mean, number)
    assert (network(y, torch.tensor(0.4)).mean - number).abs().max() > 0
    with pytest.raises(ValueError, match="told sigma"):
        network(y)


def test_ffdnet_sees_the_noise_where_it_is():
    network, y = TINY[2](), torch.rand(1, 3, 64, 64)
    level = torch.full((1, 1, 64, 64), 0.1)
    changed = level.clone()
    changed[..., :8] = 0.5
    moved = (network(y, changed).mean - network(y, level).mean).abs().amax(dim=(0, 1, 2))
    assert moved[:8].min() > 0
    assert moved[40:].max() == 0


@pytest.mark.parametrize("make", TINY[4:])
def test_a_given_map_replaces_the_estimate_of_cbdnet(make):
    network, y = make(), torch.rand(1, 3, 12, 8)
    own = network(y)
    torch.testing.assert_close(network(y, own.sigma).mean, own.mean, rtol=1e-4, atol=1e-4)
    other = network(y, torch.full_like(y, 0.9))
    assert (other.mean - own.mean).abs().max() > 0
    torch.testing.assert_close(other.sigma, own.sigma)


def test_merging_the_normalisation_changes_nothing():
    torch.manual_seed(0)
    network = DnCNN(3, depth=5, width=8, batch_norm=True)
    for layer in network.layers:
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.weight, 0.5, 2)
            torch.nn.init.normal_(layer.bias)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    y = torch.rand(1, 3, 12, 9)
    merged = network.merged()
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in merged.modules())
    torch.testing.assert_close(merged(y).mean, network.eval()(y).mean)


def test_dncnn_looks_one_pixel_a_layer_and_ffdnet_two():
    dncnn, ffdnet = DnCNN(1, depth=4, width=4).double(), FFDNet(1, depth=4, width=4).double()
    assert dependence_radius(lambda y: [dncnn(y).mean], 1, 1) == 4
    sigma = torch.tensor(0.1)
    # Four convolutions on 2x2 blocks: 8 pixels, and one more inside the block.
    assert dependence_radius(lambda y: [ffdnet(y, sigma).mean], 1, 2) == 9
