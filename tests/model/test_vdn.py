"""The joined model: both forms, any size, nothing modified."""

import math

import pytest
import torch

from vdn.model import VDN
from vdn.model.bounds import bounded
from vdn.networks.light import LightDNet, LightSNet
from vdn.networks.paper import DNet, SNet


def light(channels: int = 3) -> VDN:
    torch.manual_seed(0)
    dnet = LightDNet(channels, widths=(8, 16), blocks=(1, 1), error_width=8)
    return VDN(dnet, LightSNet(channels, width=8, depth=3), conditioned=True)


def paper(channels: int = 3) -> VDN:
    torch.manual_seed(0)
    return VDN(DNet(channels, width=4), SNet(channels, width=4), conditioned=False)


@pytest.mark.parametrize("model", [light(), paper(), light(1), paper(1)])
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (16, 16), (17, 31)])
def test_any_image_size_gives_maps_of_that_size(model, size):
    y = torch.rand(2, model.dnet.channels, *size)
    before = y.clone()
    posterior = model(y)
    assert torch.equal(y, before)
    for output in (posterior.mean, posterior.sigma, posterior.z.variance):
        assert output.shape == y.shape
        assert output.isfinite().all()


def test_sigma_and_strength_reach_the_conditioned_network():
    model, y = light(), torch.rand(1, 3, 16, 16)
    own = model(y)
    torch.testing.assert_close(model(y, sigma=own.sigma.detach()).mean, own.mean)
    doubled = model(y, sigma=2 * own.sigma.detach()).mean
    torch.testing.assert_close(model(y, strength=2.0).mean, doubled)
    assert (doubled - own.mean).abs().max() > 0


def test_the_paper_form_refuses_a_map():
    with pytest.raises(ValueError, match="conditioned form"):
        paper()(torch.rand(1, 3, 8, 8), sigma=torch.ones(1))
    with pytest.raises(ValueError, match="conditioned form"):
        paper()(torch.rand(1, 3, 8, 8), strength=0.5)


def test_the_error_head_cannot_move_the_mean():
    model, y, x = light(), torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    posterior = model(y)
    (-posterior.error.log_prob((x - posterior.mean).detach()).mean()).backward()
    for name, parameter in model.named_parameters():
        moved = parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
        assert moved == name.startswith("dnet.error"), name


def test_the_light_network_is_homogeneous_in_image_and_sigma():
    model, y = light(), torch.rand(1, 3, 24, 16)
    sigma = torch.rand(1, 3, 24, 16)
    residual = model.dnet(y, sigma)[0]
    torch.testing.assert_close(model.dnet(7 * y, 7 * sigma)[0], 7 * residual, rtol=1e-4, atol=1e-6)


def test_posterior_intervals_hold_what_they_promise():
    posterior = light()(torch.rand(1, 3, 8, 8))
    z, sigma2 = posterior.sample((4000,))
    for samples, (low, high) in (
        (z, posterior.interval(0.8)),
        (sigma2.sqrt(), posterior.sigma_interval(0.8)),
    ):
        inside = ((samples > low) & (samples < high)).float().mean().item()
        assert inside == pytest.approx(0.8, abs=0.01)
    with pytest.raises(ValueError, match=r"level is 1\.5"):
        posterior.interval(1.5)
    with pytest.raises(ValueError, match="level is 0"):
        posterior.sigma_interval(0)


def test_bounded_values_find_their_way_back():
    value = torch.tensor([-30.0, 0.0, 30.0], requires_grad=True)
    low, high = math.log(1e-8), math.log(1e4)
    for _ in range(200):
        (gradient,) = torch.autograd.grad(bounded(value, low, high).square().sum(), value)
        value = (value - 0.5 * gradient).detach().requires_grad_()
    assert value.abs().max() < 1e-3
    outward = torch.tensor([30.0], requires_grad=True)
    (-bounded(outward, low, high)).sum().backward()
    assert outward.grad.item() == 0
