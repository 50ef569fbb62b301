import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from vdn.errors import InputError
from vdn.evaluation.metrics import eight_bit, psnr, ssim, variance_ratio, whiteness
from vdn.evaluation.noise_metrics import map_error, sigma_bias

skimage = pytest.importorskip("skimage.metrics")


def pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    clean = gaussian_filter(rng.random(shape), (2, 2) + (0,) * (len(shape) - 2))
    clean = (clean - clean.min()) / np.ptp(clean)
    return (clean + rng.normal(0, 0.15, shape)).astype("f4"), clean.astype("f4")


@pytest.mark.parametrize("shape", [(40, 52), (40, 52, 3), (33, 27, 1)])
def test_psnr_is_that_of_scikit_image(shape):
    noisy, clean = pair(shape)
    rounded = skimage.peak_signal_noise_ratio(eight_bit(clean), eight_bit(noisy))
    floats = skimage.peak_signal_noise_ratio(clean, noisy, data_range=1)
    assert psnr(noisy, clean) == pytest.approx(rounded, abs=1e-9)
    assert psnr(noisy, clean, rounded=False) == pytest.approx(floats, abs=1e-4)
    assert rounded > floats  # clipping removes noise


def test_equal_images_have_a_finite_psnr():
    _, clean = pair((16, 16))
    assert psnr(clean, clean) == psnr(clean, clean, rounded=False) == 100


@pytest.mark.parametrize("shape", [(40, 52), (40, 52, 3)])
def test_ssim_a_channel_is_that_of_scikit_image(shape):
    noisy, clean = pair(shape)
    expected = skimage.structural_similarity(
        eight_bit(noisy),
        eight_bit(clean),
        channel_axis=2 if len(shape) == 3 else None,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert ssim(noisy, clean) == pytest.approx(expected, abs=1e-9)


def by_definition(x, y, axes):
    """SSIM from its formula, each mean a full Gaussian window of 11 taps, borders replicated."""
    x, y = x.astype(float), y.astype(float)

    def mean(values):
        return gaussian_filter(values, 1.5, radius=5, mode="nearest", axes=axes)

    covariance = mean(x * y) - mean(x) * mean(y)
    variances = mean(x * x) - mean(x) ** 2 + mean(y * y) - mean(y) ** 2
    light = (2 * mean(x) * mean(y) + 6.5025) / (mean(x) ** 2 + mean(y) ** 2 + 6.5025)
    return np.mean(light * (2 * covariance + 58.5225) / (variances + 58.5225))


@pytest.mark.parametrize(("shape", "axes"), [((40, 52), (0, 1)), ((40, 52, 3), (0, 1, 2))])
def test_ssim_across_colours_takes_the_image_for_a_volume(shape, axes):
    noisy, clean = pair(shape)
    expected = by_definition(eight_bit(noisy), eight_bit(clean), axes)
    assert ssim(noisy, clean, across_colours=True) == pytest.approx(expected, abs=1e-9)


def test_both_conventions_agree_inside_a_gray_image():
    noisy, clean = pair((60, 60))
    _, full = skimage.structural_similarity(
        eight_bit(noisy),
        eight_bit(clean),
        gaussian_weights=True,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    # In the middle of a large gray image the border is all that differs.
    middle = slice(5, -5)
    assert ssim(noisy, clean) == pytest.approx(full[middle, middle].mean(), abs=1e-9)
    assert ssim(noisy, clean, across_colours=True) == pytest.approx(ssim(noisy, clean), abs=0.03)


def test_the_conventions_differ_on_noisy_colour():
    noisy, clean = pair((60, 60, 3))
    assert ssim(noisy, clean, across_colours=True) > ssim(noisy, clean) + 0.01


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_images_of_other_shapes_are_refused(metric):
    with pytest.raises(InputError, match="shape"):
        metric(np.zeros((20, 20)), np.zeros((20, 21)))


def test_ssim_of_a_tiny_image_is_refused():
    with pytest.raises(InputError, match="11"):
        ssim(np.zeros((10, 40)), np.zeros((10, 40)))


def test_whiteness_tells_noise_from_structure():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((128, 128, 3))
    rows = np.sin(np.arange(128) / 4)[:, None, None]
    assert whiteness(noise) < 1 / np.sqrt(noise[..., 0].size)
    assert whiteness(noise + 0.7 * rows) > 0.1
    assert whiteness(np.zeros((8, 8))) == 0


def test_whiteness_against_the_autocorrelation_by_fourier_transform():
    rng = np.random.default_rng(1)
    signal = gaussian_filter(rng.standard_normal((64, 64)), 1, mode="wrap")
    signal -= signal.mean()
    power = np.abs(np.fft.fft2(signal)) ** 2
    circular = np.fft.ifft2(power).real / power.mean()
    lags = [(0, 1), (1, -1), (1, 0), (1, 1)]
    expected = np.sqrt(np.mean([circular[lag] ** 2 for lag in lags]))
    assert whiteness(signal, reach=1) == pytest.approx(expected, rel=0.05)


def test_variance_ratio_is_one_for_the_true_noise():
    sigma = np.linspace(0.02, 0.2, 300)[None, :].repeat(300, 0)
    residual = sigma * np.random.default_rng(0).standard_normal(sigma.shape)
    assert variance_ratio(residual, sigma) == pytest.approx(1, abs=0.02)


def test_errors_of_the_noise_by_hand():
    true = np.array([[0.1, 0.3]])
    found = np.array([[0.2, 0.2]])
    assert map_error(found, true) == pytest.approx(np.sqrt(0.01 / 0.05))
    assert sigma_bias(found, true) == pytest.approx(0)
    assert map_error(0.11, true[..., None].repeat(3, 2)) > 0
    assert map_error(0, 0) == 0
    assert map_error(0.1, 0) == sigma_bias(0.1, 0) == np.inf


def test_noise_of_a_channel_each_and_maps_align():
    true = np.full((4, 5), 0.1)
    assert map_error((0.1, 0.1, 0.1), true) == pytest.approx(0)
    assert map_error(np.full((4, 5, 3), 0.12), true) == pytest.approx(0.2)
    assert map_error(true, np.full((4, 5, 3), 0.1)) == pytest.approx(0)
