"""Published parameter counts, any size, and how far each network looks."""

import pytest
import torch

from vdn.networks import (
    DNet,
    LightDNet,
    LightSNet,
    SNet,
    UNetSNet,
    dependence_radius,
    gray_weights,
    grown_weights,
)


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("channels", "dnet", "snet"), [(3, 7_700_742, 116_038), (1, 7_697_282, 112_578)]
)
def test_parameter_counts_are_the_papers(channels, dnet, snet):
    assert count(DNet(channels)) == dnet
    assert count(SNet(channels)) == snet


def test_the_papers_dnet_gives_residual_and_log_variance_of_any_size():
    residual, log_m2 = DNet(3, width=4)(torch.rand(1, 3, 21, 9))
    assert residual.shape == log_m2.shape == (1, 3, 21, 9)


def test_padding_does_not_change_sizes_that_need_none():
    torch.manual_seed(0)
    network = DNet(1, width=4)
    image = torch.rand(1, 1, 24, 16)
    # The rows a larger image adds at the bottom stay out of reach of the top rows.
    taller = torch.cat([image, torch.rand(1, 1, 160, 16)], dim=2)
    torch.testing.assert_close(network(taller)[0][..., :1, :1].shape, torch.Size([1, 1, 1, 1]))
    assert network(image)[0].shape == image.shape


def test_snets_look_as_far_as_their_convolutions():
    assert dependence_radius(SNet(3, width=4).double(), 3, 1) == 5
    # Five convolutions on 2x2 blocks: 10 pixels, and one more inside the block.
    assert dependence_radius(LightSNet(width=4).double(), 3, 2) == 11
    assert dependence_radius(UNetSNet(widths=(4, 4, 4)).double(), 3, 8) > 64


@pytest.mark.parametrize("blocks", [(1, 1), (1, 2)])
def test_dependence_radius_is_that_of_brute_force(blocks):
    torch.manual_seed(0)
    network = LightDNet(1, widths=(4, 6), blocks=blocks, error_width=4).double()
    for parameter in network.parameters():
        parameter.data = parameter.data.abs() + 0.01  # nothing cancels and every ReLU is open

    def outputs(y):
        return torch.cat(network(y, torch.full_like(y, 0.1)), dim=1)

    radius = dependence_radius(lambda y: [outputs(y)], 1, network.multiple)
    size, centre = 2 * radius + 24, radius + 12
    image = torch.rand(1, 1, size, size, dtype=torch.float64)
    reached = 0
    for phase in range(network.multiple):
        changed = image.clone()
        changed[..., centre + phase, centre + phase] += 1e6
        moved = (outputs(changed) != outputs(image)).any(dim=1)[0].nonzero() - (centre + phase)
        reached = max(reached, int(moved.abs().max()))
    assert reached == radius


def test_mismatched_levels_are_refused():
    with pytest.raises(ValueError, match="one entry a level"):
        LightDNet(widths=(8, 16), blocks=(1,))


def test_gray_weights_do_to_a_channel_what_the_colour_network_does_to_it_repeated():
    torch.manual_seed(0)
    sizes = {"widths": (4, 6), "blocks": (1, 1), "error_width": 4}

    def networks(channels):
        return torch.nn.ModuleDict(
            {"dnet": LightDNet(channels, **sizes), "snet": LightSNet(channels, width=4, depth=6)}
        ).double()

    colour, gray = networks(3), networks(1)
    gray.load_state_dict(gray_weights(colour.state_dict()))
    y, sigma = torch.rand(2, 1, 1, 20, 12, dtype=torch.float64)
    repeated = [image.expand(1, 3, -1, -1) for image in (y, sigma)]
    of_colour = [*colour["dnet"](*repeated), *colour["snet"](repeated[0])]
    for one, three in zip([*gray["dnet"](y, sigma), *gray["snet"](y)], of_colour, strict=True):
        torch.testing.assert_close(one, three.mean(1, keepdim=True))


def test_a_grown_network_computes_what_the_smaller_one_does_and_can_learn():
    torch.manual_seed(0)
    sizes = {"channels": 1, "widths": (4, 6), "error_width": 4}
    small = LightDNet(blocks=(1, 2), **sizes).double()
    large = LightDNet(blocks=(2, 3), **sizes).double()
    large.load_state_dict(grown_weights(small.state_dict(), large.state_dict()))
    y, sigma = torch.rand(2, 1, 1, 20, 12, dtype=torch.float64)
    outputs = large(y, sigma)
    for ours, theirs in zip(outputs, small(y, sigma), strict=True):
        torch.testing.assert_close(ours, theirs)
    outputs[0].square().sum().backward()
    assert large.bottom[2].second.weight.grad.abs().max() > 0


@pytest.mark.parametrize("network", [LightSNet, UNetSNet])
def test_an_offset_is_taken_off_the_estimate_in_quadrature(network):
    def mode(snet):
        log_alpha, log_beta = snet(y)
        return (log_beta - torch.log1p(log_alpha.exp())).exp()

    torch.manual_seed(0)
    y, plain = torch.rand(1, 3, 24, 40), network()
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
        before = mode(plain)
        offset = float(before.median().sqrt())  # so that half of them would be below 0
        less = network(offset=offset)
        less.load_state_dict(plain.state_dict())
        after = mode(less)
    torch.testing.assert_close(after, (before - offset**2).clamp_min(1e-8), rtol=1e-3, atol=1e-7)
