import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vdn.errors import InputError
from vdn.noise.bayer import Bayer
from vdn.noise.camera import Camera, CameraRanges, Exposure, sample_camera
from vdn.noise.jpeg import Jpeg
from vdn.noise.level_map import photograph_with_sigma, predicted_sigma
from vdn.noise.tone import ToneCurve


def scene(height=48, width=64):
    """Smooth colours of all brightnesses, in whole 255ths."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    picture = np.stack([x, (x + y) / 2, np.sin(5 * y) ** 2], axis=-1)
    return (np.rint(np.clip(picture, 0, 1) * 255) / 255).astype(np.float32)


def grey(level=0.5, side=96):
    return np.full((side, side, 3), np.rint(level * 255) / 255, dtype=np.float32)


def quiet(**settings_):
    """Ranges without JPEG, for statistics."""
    return CameraRanges(jpeg_share=0, faint_share=0, **settings_)


def measured_sigma(camera, image, generator, draws):
    """The standard deviation of photographs of one picture, in one JPEG block grid."""
    origin = tuple(generator.integers(0, 16, size=2))
    photographs = [camera.apply(image, generator, origin) for _ in range(draws)]
    return np.std(photographs, axis=0, ddof=1, dtype=np.float64)


@given(seed=st.integers(0, 10_000), height=st.integers(1, 20), width=st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_without_noise_the_picture_passes_unchanged(seed, height, width):
    generator = np.random.default_rng(seed)
    clean = generator.integers(0, 256, size=(height, width, 3)).astype(np.float32) / 255
    camera = replace(sample_camera(generator), shot=0, read=0, jpeg=None)
    np.testing.assert_allclose(camera.apply(clean, generator), clean, atol=1e-6)


@pytest.mark.parametrize("halved", [False, True])
def test_without_noise_jpeg_is_all_that_remains(halved):
    camera = Camera(shot=0, read=0, jpeg=Jpeg(95, halved))
    difference = camera.apply(scene(), np.random.default_rng(0)) - scene()
    assert 0 < np.abs(difference).max() <= 12 / 255
    assert np.sqrt(np.mean(difference**2)) < 2 / 255


@given(seed=st.integers(0, 10_000), height=st.integers(1, 24), width=st.integers(1, 24))
@settings(max_examples=60, deadline=None)
def test_photographs_are_8_bit_pictures_of_any_size(seed, height, width):
    generator = np.random.default_rng(seed)
    noisy = sample_camera(generator).apply(scene(height, width), generator)
    assert noisy.shape == (height, width, 3)
    assert noisy.dtype == np.float32
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    np.testing.assert_allclose(noisy * 255, np.rint(noisy * 255), atol=1e-4)


def test_a_seed_gives_the_camera_and_the_photograph_again():
    def photograph(seed):
        generator = np.random.default_rng(seed)
        return sample_camera(generator).apply(scene(), generator)

    np.testing.assert_array_equal(photograph(1), photograph(1))
    assert not np.array_equal(photograph(1), photograph(2))


@pytest.mark.parametrize("seed", range(6))
def test_the_noise_of_mid_grey_is_the_level_drawn_and_unbiased(seed):
    generator = np.random.default_rng(seed)
    camera = sample_camera(generator, quiet(level=(6 / 255, 6 / 255)))
    assert camera.grey_sigma() == pytest.approx(6 / 255, rel=1e-4)
    noise = camera.apply(grey(side=160), generator) - grey(side=160)
    assert noise.std() == pytest.approx(6 / 255, rel=0.06)
    assert abs(noise.mean()) < 0.4 / 255


def test_levels_spread_evenly_in_ratio():
    generator = np.random.default_rng(0)
    levels = [sample_camera(generator).grey_sigma() * 255 for _ in range(600)]
    assert np.mean(np.array(levels) < 1) == pytest.approx(0.08, abs=0.04)
    loud = np.log(np.array(levels)[np.array(levels) >= 1])
    assert np.exp(loud.max()) < 40.1
    assert np.exp(np.median(loud)) == pytest.approx(np.sqrt(40), rel=0.2)


def neighbour_correlation(camera):
    noise = camera.apply(grey(0.5, 160), np.random.default_rng(0)) - grey(0.5, 160)
    left, right = noise[:, :-1].reshape(-1, 3), noise[:, 1:].reshape(-1, 3)
    return np.mean([np.corrcoef(left[:, c], right[:, c])[0, 1] for c in range(3)])


def test_demosaicing_and_smoothing_make_neighbours_alike():
    camera = Camera(shot=0.0005, read=0.005)
    white = neighbour_correlation(replace(camera, bayer=None))
    demosaiced = neighbour_correlation(replace(camera, bayer=Bayer(sharpness=0.0)))
    smoothed = neighbour_correlation(replace(camera, luma_smoothing=0.8, chroma_smoothing=2.0))
    assert abs(white) < 0.03
    assert demosaiced > 0.25
    assert smoothed > 0.5


def test_shot_noise_grows_with_light_and_the_tone_curve_lifts_shadows():
    straight = ToneCurve(gamma=1.0)
    shot = Camera(shot=0.001, read=0, tone=straight, bayer=None)
    read = Camera(shot=0, read=0.01, bayer=None)

    def sigma(camera, level):
        return (camera.apply(grey(level), np.random.default_rng(0)) - grey(level)).std()

    assert sigma(shot, 0.6) / sigma(shot, 0.15) == pytest.approx(2, rel=0.05)
    assert sigma(read, 0.15) > 1.5 * sigma(read, 0.6)


@pytest.mark.parametrize(("shot", "read"), [(0.002, 0.0), (0.0, 0.03), (0.001, 0.02)])
def test_shot_is_the_variance_per_raw_light_and_read_a_deviation(shot, read):
    plain = {"white_balance": (1.0, 1.0, 1.0), "saturation": 0.0, "bayer": None}
    camera = Camera(shot=shot, read=read, tone=ToneCurve(gamma=1.0), **plain)
    for level in (0.25, 0.5):
        noise = camera.apply(grey(level, 200), np.random.default_rng(0)) - grey(level, 200)
        assert noise.var() == pytest.approx(shot * level + read**2, rel=0.03)


def test_the_colour_matrix_mixes_the_noise_of_the_channels():
    def correlation(saturation):
        camera = Camera(shot=0, read=0.02, bayer=None, saturation=saturation)
        noise = camera.apply(grey(), np.random.default_rng(0)) - grey()
        return np.corrcoef(noise[:, :, 0].ravel(), noise[:, :, 1].ravel())[0, 1]

    assert abs(correlation(0.0)) < 0.03
    assert correlation(0.8) < -0.2


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1)])
def test_grey_pictures_stay_grey(shape):
    clean = np.full(shape, 128 / 255, dtype=np.float32)
    np.testing.assert_allclose(Camera(0, 0).apply(clean, np.random.default_rng(0)), clean)
    noisy = Camera(0.001, 0.01).apply(clean, np.random.default_rng(0))
    assert noisy.shape == shape
    assert noisy.std() > 0


def test_other_channel_counts_are_refused():
    with pytest.raises(InputError, match=r"\(4, 4, 4\)"):
        Camera(0, 0).apply(np.zeros((4, 4, 4), dtype=np.float32), np.random.default_rng(0))


def test_the_measured_map_agrees_with_the_level_of_mid_grey():
    generator = np.random.default_rng(0)
    camera = sample_camera(generator, quiet(level=(5 / 255, 5 / 255)))
    sigma = measured_sigma(camera, grey(side=24), generator, draws=60)
    assert sigma.shape == (24, 24, 3)
    assert np.sqrt(np.mean(sigma**2)) == pytest.approx(5 / 255, rel=0.06)


@pytest.mark.parametrize("seed", range(6))
def test_the_predicted_map_is_the_measured_one(seed):
    generator = np.random.default_rng(seed)
    camera = sample_camera(generator, quiet(level=(2 / 255, 20 / 255)))
    predicted = predicted_sigma(camera, scene(64, 64), generator)
    measured = measured_sigma(camera, scene(64, 64), generator, draws=60)
    level = np.sqrt(np.mean(measured**2))
    assert np.sqrt(np.mean(predicted**2)) == pytest.approx(level, rel=0.05)
    # over the four sites of the colour filters; sixty draws of each leave 5 percent
    predicted, measured = (
        np.sqrt(np.square(map_).reshape(32, 2, 32, 2, 3).mean(axis=(1, 3)))
        for map_ in (predicted, measured)
    )
    assert np.sqrt(np.mean((predicted - measured) ** 2)) < 0.12 * level


@pytest.mark.parametrize("seed", range(6))
def test_the_predicted_level_of_a_gray_picture_is_the_measured_one(seed):
    generator = np.random.default_rng(seed)
    camera, clean = sample_camera(generator), scene(96, 96)[..., 1]
    _, predicted = photograph_with_sigma([camera], clean[None, None], generator)
    measured = measured_sigma(camera, clean, generator, draws=30)
    found, true = (np.sqrt(np.mean(np.square(m))) for m in (predicted, measured))
    assert found == pytest.approx(true, rel=0.15, abs=0.1 / 255)


@pytest.mark.parametrize("halved", [False, True])
def test_the_predicted_level_is_what_jpeg_leaves(halved):
    generator = np.random.default_rng(1)
    camera = replace(sample_camera(generator, quiet()), jpeg=Jpeg(85, halved))
    predicted = predicted_sigma(camera, scene(96, 96), generator)
    measured = measured_sigma(camera, scene(96, 96), generator, draws=30)
    for channel in range(3):
        found, true = (np.sqrt(np.mean(m[..., channel] ** 2)) for m in (predicted, measured))
        assert found == pytest.approx(true, rel=0.15)


def test_what_jpeg_does_to_the_scene_is_not_noise():
    camera = Camera(shot=0, read=0, jpeg=Jpeg(60, halved_colour=True))
    generator = np.random.default_rng(0)
    assert np.abs(camera.apply(scene(), generator) - scene()).max() > 2 / 255
    assert predicted_sigma(camera, scene(), generator).max() == 0
    assert measured_sigma(camera, scene(), generator, draws=3).max() < 1e-6


def test_the_borders_of_a_photograph_are_as_noisy_as_its_middle():
    camera = Camera(shot=0, read=0.02, luma_smoothing=1.0, chroma_smoothing=2.0)
    clean = grey(side=12)
    sigma = measured_sigma(camera, clean, np.random.default_rng(0), draws=800)
    border = sigma[[0, -1]].mean()
    assert border == pytest.approx(sigma[5:7].mean(), rel=0.06)


@pytest.mark.parametrize("wrong", [{"jpeg_share": 1.5}, {"gamma": (3.0, 2.0)}, {"quality": (90,)}])
def test_ranges_that_cannot_be_drawn_from_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        CameraRanges(**wrong)


@given(
    gamma=st.floats(1.0, 2.8),
    toe=st.floats(0.001, 0.01),
    contrast=st.floats(1.0, 1.6),
)
@settings(max_examples=50, deadline=None)
def test_tone_curves_invert_rise_and_keep_black_and_white(gamma, toe, contrast):
    curve = ToneCurve(gamma, toe, contrast)
    picture = np.linspace(0, 1, 256)
    light = curve.decode(picture)
    assert (np.diff(light) > 0).all()
    np.testing.assert_allclose(curve.encode(light), picture, atol=1e-6)
    np.testing.assert_allclose(curve.decode(np.array([0.0, 1.0])), [0, 1], atol=1e-9)


@pytest.mark.parametrize("phase", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("sharpness", [0.0, 0.5, 1.0])
def test_demosaicing_keeps_samples_and_grey_planes(phase, sharpness):
    bayer = Bayer(phase, sharpness)
    image = np.random.default_rng(0).random((10, 12, 3))
    mosaic = bayer.sample(image)
    assert mosaic[phase] == image[(*phase, 0)]
    np.testing.assert_array_equal(bayer.sample(bayer.demosaic(mosaic)), mosaic)
    y, x = np.mgrid[0:10, 0:12]
    plane = np.repeat((0.1 * x - 0.2 * y)[:, :, None], 3, axis=2)
    restored = bayer.demosaic(bayer.sample(plane))
    np.testing.assert_allclose(restored[2:-2, 2:-2], plane[2:-2, 2:-2], atol=1e-12)


def test_sharp_demosaicing_reads_the_other_colours():
    """On a grey edge the corrected filter is nearer to the truth than the bilinear one."""
    edge = np.zeros((20, 20, 3))
    edge[:, 10:] = 1
    errors = [
        np.square(bayer.demosaic(bayer.sample(edge)) - edge).mean()
        for bayer in (Bayer(sharpness=0.0), Bayer(sharpness=1.0))
    ]
    assert errors[1] < errors[0] / 2


def test_jpeg_blocks_begin_anywhere():
    picture = (scene() * 255).astype(np.uint8)
    generator = np.random.default_rng(0)
    origins = [tuple(generator.integers(0, 16, 2)) for _ in range(5)]
    versions = {Jpeg(50).apply(picture, origin).tobytes() for origin in origins}
    assert len(versions) > 1


def as_files(jpeg, picture, origin):
    """What libjpeg makes of it, in a file."""
    down, right = origin
    padded = np.pad(picture, ((down, 0), (right, 0), (0, 0)), mode="symmetric")
    file = io.BytesIO()
    subsampling = "4:2:0" if jpeg.halved_colour else "4:4:4"
    Image.fromarray(padded).save(file, "JPEG", quality=jpeg.quality, subsampling=subsampling)
    with Image.open(file) as stored:
        return np.asarray(stored)[down:, right:]


@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize("quality", [40, 85, 95, 100])
def test_jpeg_is_what_a_file_holds(quality, halved):
    generator = np.random.default_rng(quality)
    noise = 6 * generator.standard_normal((61, 83, 3))
    picture = np.clip(scene(61, 83) * 255 + noise, 0, 255).astype(np.uint8)
    jpeg, origin = Jpeg(quality, halved), (3, 13)
    found = jpeg.apply(picture, origin).astype(float)
    stored = as_files(jpeg, picture, origin).astype(float)
    lost = np.sqrt(np.mean((stored - picture) ** 2))
    assert np.sqrt(np.mean((found - picture) ** 2)) == pytest.approx(lost, rel=0.03)
    assert np.sqrt(np.mean((found - stored) ** 2)) < max(0.35 * lost, 0.7)  # or rounding


@pytest.mark.parametrize("seed", range(8))
def test_the_variance_of_the_developed_noise_is_that_of_many_draws(seed):
    camera = sample_camera(np.random.default_rng(seed), quiet(level=(0.01, 0.01)))
    camera = replace(camera, tone=ToneCurve(gamma=1.0))
    clean = grey(0.5, 200)
    noise = camera.apply(clean, np.random.default_rng(seed)) - clean
    exposure = Exposure.of([camera], clean.transpose(2, 0, 1)[None])
    expected = exposure.linear_variance()[0].mean(axis=(1, 2)) + (1 / 255) ** 2 / 12
    np.testing.assert_allclose(noise.var(axis=(0, 1)), expected, rtol=0.12)
