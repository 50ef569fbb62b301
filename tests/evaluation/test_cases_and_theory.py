import numpy as np
import pytest

from vdn.errors import InputError
from vdn.evaluation.cases import awgn_level, check_case, make_noisy, noise_generator
from vdn.evaluation.metrics import psnr
from vdn.evaluation.theory import expected_psnr


@pytest.fixture(scope="module")
def clean():
    ramp = np.linspace(0, 255, 192).round() / 255  # with blacks and whites that clip
    return np.stack([np.tile(ramp, (160, 1)), np.tile(ramp[::-1], (160, 1))], -1)[..., [0, 1, 0]]


def noisy(clean, case, image="bird", seed=0):
    return make_noisy(clean.astype("f4"), case, noise_generator(seed, case, image))


def test_noise_depends_on_seed_case_and_image_alone(clean):
    first, _ = noisy(clean, "awgn25")
    noisy(clean, "awgn50")
    again, _ = noisy(clean, "awgn25")
    np.testing.assert_array_equal(first, again)
    for other in (("awgn25", "baby", 0), ("awgn25", "bird", 1)):
        assert (noisy(clean, *other)[0] != first).any()
    louder, _ = noisy(clean, "awgn50")
    assert np.corrcoef((louder - clean).ravel(), (first - clean).ravel())[0, 1] < 0.05


def test_the_noise_of_the_published_figures_stays_as_it_is():
    # A change here makes every stored row and every table in docs/results stale.
    value = noise_generator(0, "case2", "101085").standard_normal(3, dtype=np.float32)
    np.testing.assert_allclose(value, [-0.31916, 0.789778, -0.327655], atol=1e-5)


@pytest.mark.parametrize(
    "case",
    ["awgn5", "case1", "case2", "case3", "gradient", "poisson30", "correlated25"],
)
def test_the_true_sigma_is_that_of_the_noise(clean, case):
    image, sigma = noisy(clean, case)
    sigma = np.asarray(sigma)
    level = sigma[..., None] if sigma.ndim == 2 else sigma
    noise = (image - clean) / np.maximum(level, 1e-9)
    assert noise.std() == pytest.approx(1, abs=0.02)
    assert abs(noise.mean()) < 0.03


def test_a_clean_case_adds_nothing(clean):
    image, sigma = noisy(clean, "clean")
    np.testing.assert_array_equal(image, clean.astype("f4"))
    assert sigma == 0


def test_correlated_noise_is_correlated(clean):
    image, _ = noisy(clean, "correlated25")
    noise = image - clean
    assert np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1] > 0.6


def test_clipped_noise_is_the_same_noise_in_eight_bits(clean):
    free, sigma = noisy(clean, "awgn50")
    clipped, same = noisy(clean, "awgn50-8bit")
    assert sigma == same
    np.testing.assert_allclose(clipped, np.rint(np.clip(free, 0, 1) * 255) / 255, atol=1e-6)


@pytest.mark.parametrize("case", ["awgn", "awgn0", "case4", "clean5", "awgn25-16bit", "real"])
def test_unknown_cases_are_refused(case):
    with pytest.raises(InputError, match="not known"):
        check_case(case)


def test_the_level_of_a_case():
    assert [awgn_level(c) for c in ("awgn25", "awgn25-8bit", "poisson30")] == [25, None, None]


@pytest.mark.parametrize(
    "case", ["awgn5", "awgn25", "awgn100", "case1", "case2", "case3", "gradient"]
)
def test_the_noisy_psnr_is_where_theory_puts_it(clean, case):
    for image in ("a", "b", "c"):
        values, sigma = noisy(clean, case, image)
        expected = expected_psnr(clean, sigma)
        assert expected.agrees(psnr(values, clean))
        assert expected.tolerance < 0.15
        assert not expected.agrees(psnr(clean + 1.05 * (values - clean), clean))


def test_expectation_without_clipping_is_the_variance_with_that_of_rounding():
    gray = np.full((32, 32), 128 / 255)
    for sigma in (2.0, 10.0, 25.0):
        error = sigma**2 + 1 / 12
        assert expected_psnr(gray, sigma / 255).psnr == pytest.approx(
            10 * np.log10(255**2 / error), abs=1e-3
        )


def test_a_map_of_one_value_is_that_value(clean):
    one = expected_psnr(clean, 37 / 255)
    many = expected_psnr(clean, np.full(clean.shape[:2], 37 / 255))
    assert one.psnr == pytest.approx(many.psnr, abs=0.003)
    assert one.tolerance == pytest.approx(many.tolerance, abs=0.001)
