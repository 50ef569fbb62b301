"""The task that restores: it learns, says how well, resumes, and becomes a file that tiles."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vdn
from vdn.errors import ConfigError
from vdn.export import export_run, load_module
from vdn.networks import enlarge
from vdn.runtime.cards import find_model
from vdn.runtime.openvino_engine import OpenVinoEngine
from vdn.runtime.tiling import choose_window
from vdn.training import Config, train
from vdn.training.restoration import luma_psnr
from vdn.training.task import find_task
from vdn.training.weights import averaged_weights

NETWORK = {
    "family": "light", "scale": 2, "unshuffle": 1, "widths": [32], "blocks": [1], "snet": "unet",
    "snet_widths": [8, 8, 8], "snet_blocks": [1, 1, 1],  # on a coarser grid than D-Net
    "error_width": 8, "knet_width": 8, "knet_blocks": 1, "knet_window": 3,
}  # fmt: skip
CONFIGS = Path(__file__).parents[2] / "configs"
DEGRADATION = {"gaussian_blur:1.5..2+bicubic:2": 0.5, "anisotropic_blur:1..2+bicubic:2": 0.5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    images = tmp_path_factory.mktemp("images")
    rows, columns = np.mgrid[:48, :64]
    for index in range(4):
        ramp = 127 + 80 * np.sign(np.sin(rows / (3 + index)) * np.cos(columns / 7))
        Image.fromarray(np.stack([ramp] * 3, -1).astype(np.uint8)).save(images / f"{index}.png")
    return images


def config(folder, images=64, **changes) -> Config:
    values = {
        "name": "tiny",
        "task": "restore",
        "precision": "fp32",
        "network": NETWORK,
        "data": {
            "folders": [str(folder)], "patch": 32, "holdout_every": 4, "workers": 0,
            "degradation": DEGRADATION, "noise": {"clean": 0.5, "gaussian:0..10": 0.5},
        },
        "objective": {"eps0_squared": 1e-4, "kernel_side": 7},
        "optimiser": {"name": "adamw", "learning_rate": 5e-3, "ema": 0.9},
        "schedule": {"images": images, "batch": 8, "warmup": 4, "tick_seconds": 0.001},
    }  # fmt: skip
    return Config.from_dict(values | changes)


def rows(run, kind):
    lines = (run / "log.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] == kind]


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "run"
    train(config(folder, 480), run)
    return run


def test_a_run_learns_every_term_and_logs_how_well(run):
    ticks = rows(run, "tick")
    terms = {"likelihood", "kl_image", "kl_noise", "kl_kernel", "error_nll"}
    assert terms <= set(ticks[0])
    for name in ("kl_image", "kl_noise", "kl_kernel"):
        early, late = (np.mean([tick[name] for tick in part]) for part in (ticks[:8], ticks[-8:]))
        assert late < 0.8 * early, name
    (validation,) = rows(run, "validation")
    cases = {f"{how}_{noise}" for how in DEGRADATION for noise in ("clean", "gaussian:0..10")}
    for measure in ("psnr", "gain", "sigma_error", "blur_error", "coverage90"):
        found = {name for name in validation if name.startswith(measure)}
        assert found == {f"{measure}_{case}" for case in cases}
    gains = [value for name, value in validation.items() if name.startswith("gain")]
    assert np.mean(gains) > 0.2
    assert 0 < rows(run, "calibration")[0]["error_scale"] < 10


def test_s_net_and_k_net_learn_by_terms_of_their_own_too(folder, tmp_path):
    weights = {"likelihood": 0.1, "kl_noise": 0.0, "error": 1.0, "interval": 0.1}
    weights |= {"kl_kernel": 0.0, "kernel_error": 1.0, "kernel_interval": 0.1}
    objective = {"eps0_squared": 1e-4, "kernel_side": 7, "weights": weights}
    train(config(folder, 320, objective=objective), tmp_path / "run")
    ticks = rows(tmp_path / "run", "tick")
    for name in ("kernel_error", "kernel_interval", "kl_image"):
        early, late = (np.mean([tick[name] for tick in part]) for part in (ticks[:8], ticks[-8:]))
        assert late < early, name


def test_a_run_resumes(folder, tmp_path):
    train(config(folder, 16), tmp_path / "whole")
    train(config(folder, 8), tmp_path / "cut")
    train(config(folder, 16), tmp_path / "cut", resume=True)
    whole, cut = (averaged_weights(tmp_path / name / "checkpoint.pt") for name in ("whole", "cut"))
    for name, value in whole.items():
        assert value.shape == cut[name].shape
    assert rows(tmp_path / "cut", "validation")[-1]["images"] == 16


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    return export_run(run, tmp_path_factory.mktemp("exported") / "tiny.onnx")


def test_the_card_says_the_scale_and_what_was_undone(exported):
    card, _ = find_model(exported)
    assert (card.scale, card.multiple % 4, card.halo % card.multiple) == (2, 0, 0)
    assert "gaussian_blur:1.5..2+bicubic:2" in card.task
    assert (card.purpose, card.infers) == ("upscale", ("noise", "kernel"))
    assert card.noise_range == (0.0, round(10 / 255, 6))


@pytest.mark.parametrize("shape", [(301, 77, 3), (77, 290)])
def test_the_file_gives_the_same_in_tiles(exported, shape):
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    card, path = find_model(exported)
    pixels = OpenVinoEngine(path).bytes_per_pixel
    window = choose_window(*shape[:2], card.halo, card.multiple, pixels, max_memory=18)
    assert window[0] < shape[0] or window[1] < shape[1]
    whole = vdn.restore(image, "upscale", model=exported, max_memory=4000, precision="fp32")
    tiled = vdn.restore(image, "upscale", model=exported, max_memory=18, precision="fp32")
    assert whole.image.shape == (2 * shape[0], 2 * shape[1], *shape[2:])
    assert whole.noise_sigma.shape[:2] == shape[:2]
    np.testing.assert_allclose(tiled.image, whole.image, atol=1e-5)
    np.testing.assert_allclose(tiled.uncertainty, whole.uncertainty, rtol=1e-3)
    np.testing.assert_allclose(tiled.noise_sigma, whole.noise_sigma, rtol=1e-3)
    np.testing.assert_allclose(tiled.kernel.sigma, whole.kernel.sigma, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "purpose", "infers"),
    [
        ("upscale_x4", "upscale", ("noise", "kernel")),
        ("deblur", "deblur", ("noise", "kernel")),
        ("deblock", "deblock", ("noise", "jpeg_quality")),
    ],
)
def test_a_recipe_says_what_its_model_is_for(name, purpose, infers):
    task = find_task(Config.from_dict(tomllib.loads((CONFIGS / f"{name}.toml").read_text())))
    said = task.card({})
    assert (said["purpose"], tuple(said["infers"])) == (purpose, infers)


def test_the_file_computes_what_the_model_does(exported):
    image = np.random.default_rng(1).random((40, 48, 3), dtype=np.float32)
    ours = vdn.restore(image, "upscale", model=exported, precision="fp32")
    with torch.inference_mode():
        y = torch.from_numpy(image.transpose(2, 0, 1))[None]
        posterior = load_module(exported)(y)
    mean = posterior.mean[0].numpy().transpose(1, 2, 0)
    assert np.abs(mean - enlarge(y, 2)[0].numpy().transpose(1, 2, 0)).max() > 1e-3
    np.testing.assert_allclose(ours.image, mean, atol=1e-4)
    torchs = vdn.restore(image, "upscale", model=exported, precision="fp32", device="torch")
    np.testing.assert_allclose(torchs.image, ours.image, atol=1e-4)
    np.testing.assert_allclose(torchs.kernel.sigma, ours.kernel.sigma, rtol=1e-3)
    said = posterior.kernel.mode[0].numpy()
    widths = np.sqrt(np.median(said[:2], axis=(1, 2)))  # of an image alike everywhere
    np.testing.assert_allclose(ours.kernel.sigma, widths, rtol=0.2)


def test_known_noise_and_strength_reach_the_restored_image(exported):
    image = np.random.default_rng(2).random((40, 48, 3), dtype=np.float32)
    plain = vdn.restore(image, "upscale", model=exported, precision="fp32").image
    for options in ({"strength": 2.0}, {"noise_sigma": 0.2}):
        other = vdn.restore(image, "upscale", model=exported, precision="fp32", **options).image
        assert np.abs(other - plain).max() > 1e-4


def test_the_psnr_is_that_of_tables_of_super_resolution():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 256, (2, 20, 24, 3)).astype(np.float32)
    luma = [
        (16 + side @ np.array([65.481, 128.553, 24.966]) / 255)[2:-2, 2:-2]
        for side in (first, second)
    ]
    expected = 10 * np.log10(255**2 / ((luma[0] - luma[1]) ** 2).mean())
    tensors = (torch.from_numpy(side.transpose(2, 0, 1))[None] / 255 for side in (first, second))
    first, second = tensors
    assert luma_psnr(first, second, 2) == pytest.approx(expected, abs=1e-3)
    assert luma_psnr(first, first, 2) == pytest.approx(100)  # a number, for the log


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("network", NETWORK | {"knet_width": 0}, "K-Net of a width above 0"),
        ("network", NETWORK | {"scale": 4}, "all have to reduce in one way"),
        ("objective", {"kind": "mse", "kernel_side": 7}, "'restore' has 'elbo' alone"),
        ("objective", {"weights": {"kl_colour": 1.0}, "kernel_side": 7}, "names kl_colour"),
        ("objective", {"kernel_side": 21}, "give a multiple of 2 above 56"),
    ],
)
def test_what_does_not_fit_is_refused(folder, section, values, message):
    with pytest.raises(ConfigError, match=message):
        find_task(config(folder, **{section: values}))


@pytest.mark.parametrize(
    ("degradation", "message"),
    [
        ({}, "data.degradation is empty"),
        ({"bicubic:2": 1.0, "direct:2": 1.0}, "by direct; all have to reduce in one way"),
        ({"sharpen:2": 1.0}, "data.degradation: degradation 'sharpen:2' is not known"),
    ],
)
def test_degradations_that_do_not_fit_are_refused(folder, degradation, message):
    data = config(folder).as_dict()["data"] | {"degradation": degradation}
    with pytest.raises(ConfigError, match=message):
        find_task(config(folder, data=data))


def test_a_denoiser_has_no_degradation(folder):
    with pytest.raises(ConfigError, match="for the task 'restore'"):
        find_task(config(folder, task="denoise"))
