"""Networks that enlarge and that are told a blur: sizes, work, and how they begin."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from vdn.model import VDN
from vdn.networks import KNet, LightDNet, dependence_radius, enlarge
from vdn.training.build import build_vdn
from vdn.training.config import Network

CONFIGS = Path(__file__).parents[2] / "configs"


def tiny(scale=2, unshuffle=1, widths=(8,), channels=3) -> VDN:
    torch.manual_seed(0)
    return build_vdn(
        Network(
            channels=channels, widths=widths, blocks=(1,) * len(widths), snet_width=8,
            snet_depth=3, error_width=8, scale=scale, unshuffle=unshuffle, knet_width=8,
            knet_window=3,
        )
    )  # fmt: skip


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarging_is_pillows_away_from_the_border(scale):
    image = np.random.default_rng(0).random((12, 16), dtype=np.float32)
    ours = enlarge(torch.from_numpy(image)[None, None], scale)[0, 0].numpy()
    theirs = Image.fromarray(image).resize((16 * scale, 12 * scale), Image.Resampling.BICUBIC)
    inside = (slice(2 * scale, -2 * scale),) * 2
    np.testing.assert_allclose(ours[inside], np.asarray(theirs)[inside], atol=1e-6)
    flat = torch.full((1, 3, 1, 2), 0.7)
    torch.testing.assert_close(enlarge(flat, scale), torch.full((1, 3, scale, 2 * scale), 0.7))


@pytest.mark.parametrize(
    ("scale", "unshuffle", "widths"), [(2, 1, (8,)), (4, 1, (8,)), (1, 2, (8, 8)), (3, 1, (8, 8))]
)
@pytest.mark.parametrize("size", [(1, 1), (5, 8), (17, 23)])
def test_the_image_has_the_size_of_the_output_and_the_noise_that_of_the_input(
    scale, unshuffle, widths, size
):
    model, y = tiny(scale, unshuffle, widths), torch.rand(2, 3, *size)
    posterior = model(y)
    output = (2, 3, scale * size[0], scale * size[1])
    for tensor in (posterior.mean, posterior.z.variance, posterior.error.variance):
        assert tensor.shape == output
        assert tensor.isfinite().all()
    assert posterior.sigma.shape == y.shape
    assert posterior.kernel.pooled().mode.shape == (2, 3, 1, 1)
    assert (posterior.kernel.mode[:, :2] > 0).all()


def test_an_untrained_network_enlarges_by_about_cubic_convolution():
    y = torch.rand(1, 3, 32, 32)
    assert (tiny()(y).mean - enlarge(y, 2)).abs().mean() < 0.02


def test_extreme_answers_about_the_blur_stay_finite():
    model, y = tiny(), torch.rand(1, 3, 16, 16)
    for value in (-1e4, 1e4):
        nn.init.constant_(model.knet.last.bias, value)
        posterior = model(y)
        assert posterior.mean.isfinite().all()
        drawn = posterior.kernel.pooled().rsample()
        assert drawn.isfinite().all()
        assert (drawn[:, 2].abs() < 1).all()


def test_the_blur_reaches_the_image_without_spoiling_what_scales():
    model, y = tiny(), torch.rand(1, 3, 16, 16, dtype=torch.float64)
    model = model.double()
    nn.init.normal_(model.dnet.modulation.weight, generator=torch.Generator().manual_seed(0))
    sharp, soft = (torch.full((1, 3, 4, 4), width, dtype=torch.float64) for width in (-1.0, 0.5))
    sigma = torch.full_like(y, 0.1)
    residuals = [model.dnet(y, sigma, blur)[0] for blur in (sharp, soft)]
    assert (residuals[0] - residuals[1]).abs().max() > 1e-4
    torch.testing.assert_close(model.dnet(3 * y, 3 * sigma, soft)[0], 3 * residuals[1])


def test_what_is_said_of_the_blur_does_not_learn_from_the_image():
    model, y = tiny(), torch.rand(1, 3, 16, 16)
    model(y).mean.square().sum().backward()
    assert all(parameter.grad is None for parameter in model.knet.parameters())
    model.zero_grad()
    model(y).kernel.pooled().rsample().sum().backward()
    assert model.knet.head.weight.grad.abs().max() > 0


def test_dependence_counts_pixels_of_the_input_whatever_the_size_of_an_output():
    torch.manual_seed(0)
    plain = LightDNet(1, widths=(4,), blocks=(1,), error_width=0, scale=2, unshuffle=1).double()
    # One convolution at each end and two between.
    assert dependence_radius(lambda y: plain(y, torch.ones_like(y)), 1, 1) == 4
    knet = KNet(1, width=4, depth=1, window=3).double()
    # Four convolutions and a mean, each a cell of 4 to either side, and 3 more within a cell.
    assert dependence_radius(knet, 1, 4) == 4 * 5 + 3


def kmac_of_input_pixel(model: VDN, side: int = 64) -> float:
    """Count the multiply-adds of all convolutions, in thousands for a pixel of the input."""
    total = 0

    def count(layer, _, output):
        nonlocal total
        places = output.shape[2] * output.shape[3]
        if isinstance(layer, nn.ConvTranspose2d):  # each place of the input goes everywhere
            places //= layer.stride[0] * layer.stride[1]
        total += places * layer.weight.numel()

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        model(torch.rand(1, model.dnet.channels, side, side))
    return total / side**2 / 1000


@pytest.mark.parametrize(
    ("config", "most"),
    [("upscale_x2", 100), ("upscale_x4", 100), ("deblur", 200), ("deblock", 200)],
)
def test_the_work_for_an_output_pixel_is_bounded(config, most):
    values = tomllib.loads((CONFIGS / f"{config}.toml").read_text())["network"]
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    model = build_vdn(Network(**values))
    assert kmac_of_input_pixel(model) / model.scale**2 <= most
