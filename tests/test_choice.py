"""Which model "auto" takes: by what the noise is, not by the container."""

import io
import pickle

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

import vdn
from vdn.image.frame import Frame
from vdn.models import Models
from vdn.noise.whiteness import measure_whiteness

SIGMA = 6.0


def picture(correlated, channels):
    rows, columns = np.mgrid[:200, :260]
    clean = 120 + 60 * np.sin(rows / 31) * np.cos(columns / 23)
    clean = clean.reshape(200, 260, *(1 for _ in channels)) * np.ones(channels)
    noise = np.random.default_rng(3).normal(0, 1, clean.shape)
    if correlated:
        noise = gaussian_filter(noise, (1, 1, *(0 for _ in channels)))
    return clean + SIGMA * noise / noise.std()


@pytest.fixture(scope="module")
def models():
    return Models()


def page():
    """Small black text on white, of 8 bits."""
    image = Image.new("L", (320, 240), 255)
    draw = ImageDraw.Draw(image)
    for line in range(18):
        text = "The five boxing wizards 0123456789 jump; quickly() == here[now]"[line % 7 :]
        draw.text((6, 6 + 13 * line), text, fill=0)
    return np.asarray(image, np.float64)


CONTAINERS = {
    "8 bits": lambda a: np.rint(a).astype(np.uint8),
    "16 bits": lambda a: np.rint(a * 257).astype(np.uint16),
    "12 in 16 bits": lambda a: np.rint(a * 16).astype(np.uint16),
    "float": lambda a: (a / 255).astype(np.float32),
    "float of 255": lambda a: a,
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    ("correlated", "channels", "model"),
    [
        (False, (3,), "gaussian"),
        (True, (3,), "photo"),
        (False, (), "gray"),
        (True, (), "photo"),
    ],
)
def test_the_noise_decides_and_not_the_container(container, correlated, channels, model):
    image = CONTAINERS[container](picture(correlated, channels))
    choice = Models().choose(Frame.of(image))
    assert choice.card.name == model
    assert choice.reason


def test_the_same_correlated_noise_is_removed_from_every_container():
    noisy = picture(True, (3,))
    clean = (
        picture(True, (3,)) * 0
        + 120
        + 60
        * np.sin(np.mgrid[:200, :260][0] / 31)[..., None]
        * np.cos(np.mgrid[:200, :260][1] / 23)[..., None]
    )
    errors = []
    for container, back in (("8 bits", 1), ("16 bits", 257), ("float", 1 / 255)):
        result = vdn.denoise(CONTAINERS[container](noisy))
        errors.append(np.sqrt(np.mean((result.image / back - clean) ** 2)))
    assert max(errors) < SIGMA / 2
    assert 20 * np.log10(max(errors) / min(errors)) < 0.2


@pytest.mark.parametrize("shape", [(1, 1), (8, 200), (31, 31)])
def test_small_pictures_say_nothing(shape):
    assert measure_whiteness(np.random.default_rng(0).random(shape)) is None


def test_a_named_model_is_taken_unseen():
    def unread(start, stop):
        raise AssertionError("read")

    frame = Frame.of(np.zeros((99, 99, 3), np.uint8)).reading(unread)
    assert Models("gray").choose(frame).card.name == "gray"


def test_a_used_denoiser_is_pickled_without_what_is_loaded():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    denoiser = vdn.Denoiser("photo", threads=1)
    before = denoiser(image)
    copied = pickle.loads(pickle.dumps(denoiser))
    np.testing.assert_array_equal(copied(image).image, before.image)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(before)).image, before.image)


@pytest.mark.parametrize("level", [12, 25])
@pytest.mark.parametrize(("quality", "subsampling"), [(100, 2), (95, 2), (85, 2), (75, 2)])
def test_noise_that_a_jpeg_has_made_dependent_is_for_photo(level, quality, subsampling):
    rows, columns = np.mgrid[:256, :256]
    smooth = 120 + 60 * np.sin(rows / 31) * np.cos(columns / 27)
    noise = np.random.default_rng(level).normal(0, level, (256, 256, 3))
    clean = np.repeat(smooth[..., np.newaxis], 3, axis=2)
    noisy = np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    read = np.asarray(Image.open(buffer))
    result = vdn.denoise(read)
    assert result.model == "photo"
    before, after = (np.mean((image - clean) ** 2) for image in (read, result.image.astype(float)))
    assert after < before / 2
    assert vdn.denoise(noisy).model == "gaussian"


def test_gray_pictures_in_three_channels_are_for_photo():
    gray = np.random.default_rng(1).normal(120, 15, (200, 200, 1)).clip(0, 255).astype(np.uint8)
    assert vdn.denoise(np.repeat(gray, 3, axis=2)).model == "photo"


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("level", [0, 3, 10])
def test_text_in_gray_is_not_taken_for_noise(container, level):
    clean = page()
    noise = np.random.default_rng(level).normal(0, level, clean.shape)
    noisy = CONTAINERS[container](np.clip(clean + noise, 0, 255))
    back = CONTAINERS[container](np.full((1, 1), 255.0)).item() / 255
    result = vdn.denoise(noisy)
    assert (result.model, result.reason) == ("photo", "detail that gray takes for noise")
    before, after = (np.mean((image / back - clean) ** 2) for image in (noisy, result.image))
    assert after < max(1.1 * before, 255**2 / 10**3.8)  # 38 dB; `gray` has 25


@pytest.mark.parametrize("counts", [3, 10, 100, 1000])
@pytest.mark.parametrize("dtype", ["float32", "uint16", "int32"])
@pytest.mark.parametrize("seed", range(3))
def test_counted_photons_of_one_channel_are_for_gray(models, counts, dtype, seed):
    scene = 20 + np.abs(gaussian_filter(picture(False, ()), 3) - 120)
    photons = np.random.default_rng(seed).poisson(counts * scene / scene.mean()).astype(dtype)
    assert models.choose(Frame.of(photons)).card.name == "gray"


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("blur", [0.55, 0.7])
def test_slightly_correlated_noise_of_one_channel_is_for_photo(container, blur):
    clean = 120 + 40 * np.sin(np.mgrid[:200, :260][1] / 23)
    noise = gaussian_filter(np.random.default_rng(0).normal(0, 1, clean.shape), blur)
    noisy = clean + 12 * noise / noise.std()
    result = vdn.denoise(CONTAINERS[container](noisy))
    back = CONTAINERS[container](np.full((1, 1), 255.0)).item() / 255
    assert result.model == "photo"
    assert np.std(result.image / back - clean) < 6


@pytest.mark.parametrize("outlier", [1e4, -1e30, 1e300])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_hot_pixel_does_not_change_the_choice(models, channels, outlier):
    image = picture(False, channels)
    expected = models.choose(Frame.of(image))
    image[100, 130] = outlier
    found = models.choose(Frame.of(image))
    assert (found.card.name, found.reason) == (expected.card.name, expected.reason)
