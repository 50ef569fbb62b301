"""Batches for models that enlarge or sharpen: what is stated of a patch is what was done to it."""

import numpy as np
import pytest
import torch

from vdn.data.batches import Batches, degraded
from vdn.data.pool import ImagePool
from vdn.model import LinearDegradation, gaussian_kernel
from vdn.noise.degradation import parse_degradation
from vdn.noise.registry import parse_noise
from vdn.resampling import bicubic_taps

CPU = torch.device("cpu")


def batches(degradation, noise=("clean",), device=CPU, batch=8, **changes):
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (60, 70, 3), dtype=np.uint8) for _ in range(3)]
    return Batches(
        ImagePool(images, 48, device), None, (), {parse_noise(name): 1.0 for name in noise},
        pair_share=0.0, batch=batch, seed=5, device=device,
        degradation={parse_degradation(text): share for text, share in degradation.items()},
        **changes,
    )  # fmt: skip


@pytest.mark.parametrize("blur", ["gaussian_blur:0.8..2", "anisotropic_blur:0.8..2"])
def test_the_kernel_stated_makes_the_small_picture_from_the_clean_one(blur):
    batch = batches({f"{blur}+bicubic:2": 1.0})(0)
    assert batch["clean"].shape == (8, 3, 48, 48)
    assert batch["noisy"].shape == batch["sigma"].shape == (8, 3, 24, 24)
    kernel = gaussian_kernel(batch["kernel"], 21)
    again = LinearDegradation.of_blur(kernel, bicubic_taps(2), 2)(batch["clean"])
    torch.testing.assert_close(again, batch["noisy"], atol=2e-3, rtol=0)
    assert len({float(variance) for variance in batch["kernel"][:, 0]}) == 8


def test_noise_comes_after_and_has_the_size_of_the_small_picture():
    degradation = {"gaussian_blur:1+bicubic:2": 1.0}
    quiet, loud = (batches(degradation, [name])(1) for name in ("clean", "gaussian:20"))
    assert loud["sigma"].mean().item() == pytest.approx(20 / 255, rel=1e-4)
    noise = loud["noisy"] - degraded(
        loud["clean"], [parse_degradation("gaussian_blur:1+bicubic:2")] * 8,
        np.random.default_rng(0),
    )[0]  # fmt: skip
    assert noise.std().item() == pytest.approx(20 / 255, rel=0.05)
    assert quiet["clean"].shape == loud["clean"].shape


def test_blurs_come_in_their_shares_whatever_the_noise():
    degradation = {"identity": 3.0, "gaussian_blur:2": 1.0}
    batch = batches(degradation, ["clean", "gaussian:30"], batch=400)(0)
    blurred = batch["kernel"][:, 0] > 1
    noisy = batch["sigma"].amax((1, 2, 3)) > 0.05
    assert blurred.float().mean().item() == pytest.approx(0.25, abs=0.07)
    assert blurred[noisy].float().mean().item() == pytest.approx(0.25, abs=0.1)
    still = batch["noisy"][~blurred & ~noisy] - batch["clean"][~blurred & ~noisy]
    assert still.abs().max() < 1e-6
    assert batch["kernel"][~blurred, :2].max().item() == pytest.approx(0.09)


def test_a_batch_depends_on_seed_and_index_alone():
    degradation = {"motion:1..9": 1.0, "defocus:1..9": 1.0}
    first, again = batches(degradation)(3), batches(degradation)
    again(7)
    for name, value in again(3).items():
        assert torch.equal(value, first[name]), name


def test_a_batch_is_made_on_its_device():
    degradation = {"motion:1..9+bicubic:2": 1.0, "gaussian_blur:0..3+bicubic:2": 1.0}
    noise = ["gaussian:5", "clean+jpeg:5..95+jpeg:5..95"]
    batch = batches(degradation, noise, torch.device("meta"), gray_share=0.5)(0)
    assert {value.device.type for value in batch.values()} == {"meta"}
    assert batch["noisy"].shape == (8, 3, 24, 24)
    assert batch["kernel"].shape == (8, 3)


def test_double_compression_is_on_shifted_grids():
    """Of a picture that is compressed twice, the second grid is not that of the first."""
    once, twice = (
        batches({"identity": 1.0}, [noise], batch=32)(0)
        for noise in ("clean+jpeg:10", "clean+jpeg:10+jpeg:10")
    )
    errors = [(batch["noisy"] - batch["clean"]).square().mean() for batch in (once, twice)]
    assert errors[1] > 1.02 * errors[0]  # on one grid the second would change next to nothing
