"""The weights that ship: what they promise on a synthetic image, and their cards."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import vdn
from vdn.runtime.cards import list_models

EXAMPLE = Path(__file__).parents[1] / "docs/example.jpg"


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    rows, columns = np.mgrid[:96, :128]
    waves = np.sin(rows / 9) * np.cos(columns / 13)
    return np.stack([0.5 + 0.3 * waves, 0.4 + 0.2 * waves, 0.6 - 0.3 * waves], -1).astype("f4")


def example() -> np.ndarray:
    """A photograph with little noise left, of 8 bits."""
    return np.asarray(Image.open(EXAMPLE).convert("RGB").crop((228, 20, 452, 244)))


def error(image: np.ndarray, truth: np.ndarray) -> float:
    """The root mean square."""
    return float(np.sqrt(np.mean((image.astype(np.float64) - truth) ** 2)))


@pytest.mark.parametrize("level", [15, 25, 50])
def test_gaussian_removes_noise_and_finds_its_level(clean, level):
    noise = np.random.default_rng(level).standard_normal(clean.shape, dtype=np.float32)
    result = vdn.denoise(clean + level / 255 * noise, model="gaussian")
    rmse = np.sqrt(np.mean((result.image - clean) ** 2))
    assert rmse < 0.3 * level / 255
    assert result.noise_sigma.mean() == pytest.approx(level / 255, rel=0.05)


def test_strength_and_a_given_sigma_are_obeyed(clean):
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
    noisy = clean + 25 / 255 * noise
    denoiser = vdn.Denoiser("gaussian")
    removed = [
        np.abs(denoiser(noisy, strength=strength).image - noisy).mean()
        for strength in (0, 0.5, 1.0)
    ]
    assert removed[0] == 0 < removed[1] < removed[2]


@pytest.mark.parametrize("level", [15, 50])
def test_gray_removes_noise_from_scientific_images_in_their_own_units(clean, level):
    generator = np.random.default_rng(level)
    counts = 2500 + 2000 * clean[..., :2]  # two channels of a detector, 12 of 16 bits
    noise = generator.normal(0, level / 255 * 2000, counts.shape)
    for channel in range(2):
        noisy = np.rint(counts + noise)[..., channel].astype(np.uint16)
        result = vdn.denoise(noisy)
        assert result.model == "gray"
        error = np.sqrt(np.mean((result.image - counts[..., channel]) ** 2))
        assert error < 0.35 * noise.std()
        assert result.noise_sigma.mean() == pytest.approx(noise.std(), rel=0.1)


def test_gray_finds_shot_noise_to_follow_the_brightness(clean):
    photons = np.random.default_rng(0).poisson(400 * clean[..., 0])
    profile = vdn.estimate_noise(photons.astype(np.float32)).profile
    assert profile.channels[0].a == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("name", ["gaussian", "photo", "gray"])
@pytest.mark.parametrize("seed", [1, 2])
def test_tiled_equals_whole(name, seed):
    generator = np.random.default_rng(seed)
    height, width = generator.integers(300, 500, 2)
    channels = 1 if name == "gray" else 3
    noisy = generator.random((height, width, channels), dtype=np.float32)
    whole = vdn.denoise(noisy, name, precision="fp32", max_memory=4000)
    tiled = vdn.denoise(noisy, name, precision="fp32", max_memory=generator.integers(50, 90))
    assert np.abs(whole.image - tiled.image).max() <= 1e-5


def test_photo_cleans_gray_pictures_stored_as_colour(clean):
    truth = 255 * np.repeat(clean[..., :1], 3, -1)
    noise = np.random.default_rng(0).normal(0, 15, clean.shape[:2])[..., np.newaxis]
    noisy = np.clip(np.rint(truth + noise), 0, 255).astype(np.uint8)
    image = vdn.denoise(noisy, model="photo").image
    assert np.sqrt(np.mean((image - truth) ** 2)) < 0.5 * 15


def test_auto_takes_photo_for_eight_bit_colour():
    image = np.random.default_rng(2).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    assert vdn.denoise(image).model == "photo"


@pytest.mark.parametrize("blur", [0.0, 1.2])
def test_upscale_is_nearer_to_the_truth_than_cubic_convolution(blur):
    from vdn.noise.degrade import degrade

    rows, columns = np.mgrid[:160, :192]
    wheel = np.sin(np.hypot(rows - 80, columns - 96) ** 1.5 / 30) > 0
    truth = np.stack([0.25 + 0.5 * wheel] * 3, -1).astype("f4")
    name = f"gaussian_blur:{blur}+bicubic:2" if blur else "bicubic:2"
    small = degrade(truth, name, np.random.default_rng(0)).image.astype("f4")
    result = vdn.restore(small, "upscale", scale=2, range=(0, 1))
    assert result.model == "upscale-x2"
    plane = Image.fromarray(small[..., 0]).resize((192, 160), Image.Resampling.BICUBIC)
    cubic = np.sqrt(np.mean((np.asarray(plane) - truth[..., 0]) ** 2))
    assert np.sqrt(np.mean((result.image - truth) ** 2)) < 0.95 * cubic


@pytest.mark.parametrize("quality", [10, 30])
@pytest.mark.parametrize("shift", [0, 3])
def test_deblock_is_nearer_to_the_truth_than_the_jpeg_wherever_its_blocks_lie(quality, shift):
    truth = example()
    held = io.BytesIO()
    Image.fromarray(truth).save(held, "JPEG", quality=quality)
    truth, blocky = (each[shift:, shift:] for each in (truth, np.asarray(Image.open(held))))
    result = vdn.restore(blocky, "deblock")
    assert result.model == "deblock"
    assert result.jpeg.quality == pytest.approx(quality, abs=1)
    assert error(result.image, truth) < 0.93 * error(blocky, truth)


@pytest.mark.parametrize(("blur", "left"), [(0.0, None), (1.2, 0.9), (2.0, 0.9)])
def test_deblur_is_nearer_to_the_truth_and_hardly_touches_what_is_sharp(blur, left):
    truth = example()
    blurred = np.asarray(Image.fromarray(truth).filter(ImageFilter.GaussianBlur(blur)))
    result = vdn.restore(blurred, "deblur")
    if left is None:
        assert error(result.image, truth) < 255 * 10 ** (-38 / 20)
    else:
        assert error(result.image, truth) < left * error(blurred, truth)
        assert min(result.kernel.sigma) > 0.5 * blur


def test_cards_say_what_the_models_are():
    cards = {card.name: card for card in vdn.list_models()}
    assert {"gaussian", "gray", "photo"} <= set(cards)
    for card in cards.values():
        assert card.training_data
        assert card.licence
        assert card.network


@pytest.mark.parametrize("columns", [20, 80, 300])
def test_models_say_what_for_and_whether_companies_may_use_them(columns):
    done = subprocess.run(
        [sys.executable, "-m", "vdn", "models"],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": str(columns)},
    )
    text, cards = " ".join(done.stdout.split()), list_models()
    assert any(card.non_commercial for card in cards)
    for card in cards:
        said = [card.name, card.summary, card.task, card.not_for, card.licence]
        said += [part for data in card.training_data for part in data.values()]
        assert all(part in text for part in said)
    assert text.count("companies") == sum(bool(card.non_commercial) for card in cards)
    rows = [line for line in done.stdout.splitlines() if line.startswith(" ")]
    if columns >= 80:
        assert max(map(len, rows)) <= min(columns, 100)


@pytest.mark.parametrize("name", ["gaussian", "photo", "gray"])
@pytest.mark.parametrize("level", [3, 10, 25])
def test_the_interval_of_sigma_holds_it_also_where_texture_is_taken_for_noise(name, level):
    image = example().astype(np.float32) / 255
    image = image[..., 1] if name == "gray" else image
    noise = np.random.default_rng(level).standard_normal(image.shape, dtype=np.float32)
    result = vdn.denoise(image + level / 255 * noise, model=name)
    shares = []
    for promised in (0.5, 0.9):
        low, high = result.noise_sigma_interval(promised)
        shares.append(np.mean((low <= level / 255) & (level / 255 <= high)))
    assert shares[0] > 0.2
    assert shares[1] > 0.75
