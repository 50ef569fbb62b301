"""What each objective minimises, and what of the network it teaches."""

import pytest
import torch

from vdn.errors import ConfigError
from vdn.model import InverseGamma
from vdn.training.build import build_model
from vdn.training.config import Config, Network, Objective
from vdn.training.objectives import choose_objective, end_to_end, freeze_unreached
from vdn.training.objectives.cbdnet import asymmetric_error, total_variation
from vdn.training.objectives.noise import noise_terms

LIGHT = Network(widths=(8, 16), blocks=(1, 1), snet_width=8, snet_depth=3, error_width=8)
KINDS = ["elbo", "noise", "mse", "known_map", "cbdnet"]


def light(kind: str, map_gradient: bool = False) -> torch.nn.Module:
    torch.manual_seed(0)
    settings = Objective(kind=kind, map_gradient=map_gradient)
    return build_model(LIGHT, end_to_end=end_to_end(settings))


def batch(channels: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    clean = torch.rand(2, channels, 16, 16, generator=generator)
    sigma = torch.full_like(clean, 0.1)
    noise = torch.randn(clean.shape, generator=generator)
    return {"clean": clean, "sigma": sigma, "noisy": clean + sigma * noise}


def gradients(kind: str, model: torch.nn.Module, **settings) -> dict[str, float]:
    objective = choose_objective(Objective(kind=kind, **settings))
    objective(model, batch()).loss.backward()
    return {
        name: 0.0 if p.grad is None else float(p.grad.abs().max())
        for name, p in model.named_parameters()
    }


IMAGE_KINDS = ["elbo", "mse", "known_map", "cbdnet"]


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_every_objective_teaches_what_it_says(kind):
    found = gradients(kind, light(kind))
    assert found["dnet.head.weight"] > 0
    assert found["dnet.error.0.weight"] > 0
    # Only the bound has a use for log m^2; who is told the map does not estimate it.
    assert (found["dnet.log_m2.weight"] > 0) == (kind == "elbo")
    assert (found["snet.layers.0.weight"] > 0) == (kind != "known_map")


def test_s_net_learns_by_its_own_terms_while_d_net_learns_by_the_bound():
    weights = {"likelihood": 0.0, "kl_noise": 0.0, "error": 1.0, "interval": 0.1}
    found = gradients("elbo", light("elbo"), weights=weights)
    alone = gradients("noise", light("noise"))
    image = gradients("elbo", light("elbo"), weights={"likelihood": 0.0, "kl_noise": 0.0})
    for name, slope in found.items():
        part = alone if name.startswith("snet.") else image
        assert slope == pytest.approx(part[name], rel=1e-5), name
    assert all(slope == 0 for name, slope in image.items() if name.startswith("snet."))


def test_the_image_teaches_s_net_too_where_it_is_asked_to():
    weights = {"likelihood": 0.0, "kl_noise": 0.0}
    through, alone = (
        gradients("elbo", light("elbo", asked), weights=weights) for asked in (True, False)
    )
    for name, slope in through.items():
        if name.startswith("dnet."):
            assert slope == pytest.approx(alone[name], rel=1e-5), name
    assert through["snet.layers.0.weight"] > 0


def test_where_d_net_is_told_the_noise_s_net_learns_from_no_image():
    model, samples = light("elbo", map_gradient=True), batch()
    told = torch.tensor([True, False]).view(2, 1, 1, 1)
    posterior = model(samples["noisy"], samples["sigma"], where=told)
    alone = model(samples["noisy"][:1], samples["sigma"][:1]), model(samples["noisy"][1:])
    expected = torch.cat([each.mean for each in alone])
    torch.testing.assert_close(posterior.mean, expected, rtol=1e-4, atol=1e-5)
    weights = {"likelihood": 0.0, "kl_noise": 0.0}
    objective = choose_objective(Objective(kind="elbo", map_gradient=True, weights=weights))
    for whom, learns in ((told, True), (told | True, False)):
        model.zero_grad()
        objective(model, samples | {"told": whom}).loss.backward()
        assert (model.snet.layers[0].weight.grad.abs().max() > 0) == learns


@pytest.mark.parametrize("kind", ["noise", "mse", "known_map", "cbdnet"])
def test_only_the_bound_may_let_the_image_teach_s_net(kind):
    with pytest.raises(ConfigError, match=f"map_gradient.*{kind}"):
        light(kind, map_gradient=True)


@pytest.mark.parametrize("kind", ["mse", "cbdnet"])
def test_the_squared_error_reaches_s_net_through_the_map(kind):
    weights = {"asymmetric": 0.0, "total_variation": 0.0} if kind == "cbdnet" else {}
    assert gradients(kind, light(kind), weights=weights)["snet.layers.0.weight"] > 0
    assert gradients(kind, light("elbo"), weights=weights)["snet.layers.0.weight"] == 0


def test_the_bound_with_a_small_eps0_follows_the_squared_error():
    settings = Objective(eps0_squared=1e-9)
    model = light("elbo")
    with torch.no_grad():  # m^2 where the bound would bring it
        model.dnet.log_m2.bias.fill_(torch.log(torch.tensor(1e-9)).item())
    parameter = model.dnet.head.weight
    slopes = []
    for kind in ("elbo", "mse"):
        loss = choose_objective(Objective(kind=kind, eps0_squared=settings.eps0_squared))
        slopes.append(torch.autograd.grad(loss(model, batch()).loss, parameter)[0].flatten())
    cosine = torch.nn.functional.cosine_similarity(*slopes, dim=0)
    assert cosine > 0.999
    torch.testing.assert_close(slopes[0].norm(), slopes[1].norm(), rtol=0.01, atol=0)


def test_the_known_map_is_what_the_network_is_told():
    model, samples = light("known_map"), batch()
    objective = choose_objective(Objective(kind="known_map"))
    square = objective(model, samples).named["squared_error"]
    expected = (model(samples["noisy"], sigma=samples["sigma"]).mean - samples["clean"]).square()
    torch.testing.assert_close(square, expected.mean())


def test_a_noise_map_that_is_too_low_costs_more():
    sigma = torch.full((1, 1, 2, 2), 0.5)
    low, high = (asymmetric_error(sigma + d, sigma, 0.3).item() for d in (-0.1, 0.1))
    assert low == pytest.approx(0.7 * 0.01, rel=1e-5)
    assert high == pytest.approx(0.3 * 0.01, rel=1e-5)


def test_total_variation_is_that_of_a_ramp():
    ramp = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 1, 3, 4)
    assert total_variation(ramp).item() == 1
    assert total_variation(torch.ones(1, 1, 3, 4)).item() == 0


def test_the_terms_are_logged_before_their_weights_and_make_the_loss():
    settings = Objective(kind="cbdnet", weights={"total_variation": 2.0})
    terms = choose_objective(settings)(light("cbdnet"), batch())
    named = terms.named
    assert set(named) == {"squared_error", "error_nll", "asymmetric", "total_variation"}
    squared = named["squared_error"] + 0.5 * named["asymmetric"] + 2 * named["total_variation"]
    expected = squared / (2 * settings.eps0_squared) + named["error_nll"]
    torch.testing.assert_close(terms.loss, expected)


@pytest.mark.parametrize("off", ["likelihood", "kl_image", "kl_noise"])
def test_each_term_of_the_bound_can_be_switched_off(off):
    model, samples = light("elbo"), batch()
    whole = choose_objective(Objective())(model, samples)
    without = choose_objective(Objective(weights={off: 0.0}))(model, samples)
    sign = -1 if off == "likelihood" else 1
    torch.testing.assert_close(whole.loss - without.loss, sign * whole.named[off])


def test_a_weight_for_no_term_is_named():
    with pytest.raises(ConfigError, match=r"kl_images; objective\.kind 'elbo' has weights"):
        choose_objective(Objective(weights={"kl_images": 1.0}))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_taught_is_frozen_and_nothing_else_changes(kind):
    model, objective = light(kind), choose_objective(Objective(kind=kind))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    frozen = freeze_unreached(model, objective, 3)
    modules = {".".join(name.split(".")[:2]) for name in frozen}
    dnet = {".".join(name.split(".")[:2]) for name in before if name.startswith("dnet")}
    expected = {"elbo": set(), "noise": dnet, "mse": {"dnet.log_m2"}, "cbdnet": {"dnet.log_m2"}}
    assert modules == expected.get(kind, {"dnet.log_m2", "snet.layers"})
    assert model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    # Every parameter that is left gets its gradient in every step, as distributed training needs.
    objective(model, batch()).loss.backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == (name in frozen)


@pytest.mark.parametrize(
    ("family", "kind"), [("dncnn", "known_map"), ("ffdnet", "mse"), ("cbdnet", "elbo")]
)
def test_an_objective_that_does_not_fit_the_network_is_refused(family, kind):
    values = {"name": "x", "schedule": {"images": 1}}
    with pytest.raises(
        ConfigError, match=f"'{kind}', which cannot train network.family '{family}'"
    ):
        Config.from_dict(values | {"network": {"family": family}, "objective": {"kind": kind}})


def posterior(alpha: torch.Tensor, mode: torch.Tensor) -> InverseGamma:
    return InverseGamma(alpha.log(), mode.log() + torch.log1p(alpha))


@pytest.mark.parametrize("shape", [2.0, 10.0, 100.0])
def test_the_interval_becomes_as_wide_as_the_estimate_is_wrong(shape):
    """After training alpha alone, the 90 % interval holds the truth nine times in ten."""
    torch.manual_seed(2)
    mode, alpha = torch.full((20000,), 0.01), torch.tensor(shape)
    truth = posterior(alpha, mode).rsample()
    log_alpha = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.Adam([log_alpha], 0.1)
    for _ in range(200):
        optimiser.zero_grad()
        noise_terms(posterior(log_alpha.exp(), mode), truth)["interval"].backward()
        optimiser.step()
    assert log_alpha.exp().item() == pytest.approx(shape, rel=0.15)
    share = posterior(log_alpha.detach().exp(), mode).cdf(truth)
    assert float(((share > 0.05) & (share < 0.95)).float().mean()) == pytest.approx(0.9, abs=0.02)


def test_the_interval_does_not_move_the_estimate():
    log_alpha, log_mode = (torch.full((1,), 0.3, requires_grad=True) for _ in range(2))
    q = InverseGamma(log_alpha, log_mode + torch.log1p(log_alpha.exp()))
    noise_terms(q, torch.tensor([9.0]))["interval"].backward()
    assert log_mode.grad is None
    assert float(log_alpha.grad.abs()) > 0.01


@pytest.mark.parametrize("error", [0.5, 3.0])
@pytest.mark.parametrize("sigma", [10 / 255, 25 / 255, 75 / 255])
def test_the_error_of_the_noise_is_relative_and_the_same_to_both_sides(sigma, error):
    truth = torch.tensor([sigma**2])
    alpha = torch.tensor([8.0])
    above, below = (
        float(noise_terms(posterior(alpha, truth * factor), truth)["error"])
        for factor in (1 + error, 1 / (1 + error))
    )
    assert above == pytest.approx(below, rel=0.35)
    assert above == pytest.approx(torch.log(torch.tensor(1 + error)).item(), rel=0.35)


def test_noise_that_cannot_be_seen_costs_nothing():
    q = posterior(torch.tensor([8.0]), torch.tensor([(0.05 / 255) ** 2]))
    assert float(noise_terms(q, torch.tensor([(0.2 / 255) ** 2]))["error"]) < 0.01
