"""Blur kernels are what they say, and degradations are written like noise."""

import numpy as np
import pytest

from vdn.errors import InputError
from vdn.noise.degradation import BLURS, parse_degradation


def draw(text, count=6, seed=0):
    return parse_degradation(text).draw(count, np.random.default_rng(seed))


def moments(kernels):
    """The mean place and the covariance of each kernel, x before y."""
    offsets = np.arange(kernels.shape[1]) - kernels.shape[1] // 2
    places = np.stack(np.meshgrid(offsets, offsets), -1)
    mean = np.einsum("nhw,hwi->ni", kernels, places)
    return mean, np.einsum("nhw,hwi,hwj->nij", kernels, places, places)


ALL = [
    "identity", "gaussian_blur:0.8..3", "anisotropic_blur:0.8..3", "defocus:1..9", "motion:1..9",
    "defocus:3..5+motion:2..7", "gaussian_blur:1+anisotropic_blur:1..2",
]  # fmt: skip


@pytest.mark.parametrize("text", ALL)
def test_kernels_are_centred_of_sum_one_and_of_the_covariance_they_state(text):
    kernels, covariances = draw(text)
    assert kernels.shape[1] == kernels.shape[2]
    assert kernels.shape[1] % 2 == 1
    assert (kernels >= 0).all()
    np.testing.assert_allclose(kernels.sum((1, 2)), 1)
    mean, found = moments(kernels)
    np.testing.assert_allclose(mean, 0, atol=0.05)
    np.testing.assert_allclose(found, covariances, atol=0.02, rtol=0.03)


def test_every_blur_is_among_those_tested():
    assert {part.partition(":")[0] for text in ALL for part in text.split("+")} == set(BLURS)


def test_a_gaussian_has_its_width_and_an_anisotropic_one_two():
    _, covariances = draw("gaussian_blur:2")
    np.testing.assert_allclose(covariances, np.tile(4 * np.eye(2), (6, 1, 1)))
    _, covariances = draw("anisotropic_blur:0.5..3", 200)
    widths = np.sqrt(np.linalg.eigvalsh(covariances))
    assert (widths[:, 1] - widths[:, 0]).mean() > 0.5
    assert widths.min() >= 0.5
    assert widths.max() <= 3
    correlation = covariances[:, 0, 1] / np.sqrt(covariances[:, 0, 0] * covariances[:, 1, 1])
    assert correlation.min() < -0.5
    assert correlation.max() > 0.5


@pytest.mark.parametrize("diameter", [3, 5, 9])
def test_a_disc_has_the_variance_of_one(diameter):
    kernels, covariances = draw(f"defocus:{diameter}", 1)
    expected = (diameter / 2) ** 2 / 4 * np.eye(2)  # and a little, for pixels have a width
    np.testing.assert_allclose(covariances[0], expected, rtol=0.06, atol=1e-9)
    assert kernels.shape[1] == diameter


def test_a_line_is_as_long_as_it_says_and_points_everywhere():
    _, covariances = draw("motion:9", 300)
    small, large = np.linalg.eigvalsh(covariances).T
    np.testing.assert_allclose(large, 81 / 12, rtol=0.08)
    assert small.max() < 0.3
    assert (covariances[:, 0, 0] > covariances[:, 1, 1]).mean() == pytest.approx(0.5, abs=0.1)


def test_a_point_is_left_alone_by_the_smallest_blurs():
    for text in ("identity", "defocus:1", "gaussian_blur:0", "gaussian_blur:0.1"):
        kernels, _ = draw(text, 1)
        centre = kernels.shape[1] // 2
        assert kernels[0, centre, centre] > 0.999, text


def test_every_picture_draws_its_own():
    kernels, _ = draw("gaussian_blur:1..3", 2)
    assert np.abs(kernels[0] - kernels[1]).max() > 0.01


@pytest.mark.parametrize(
    ("text", "reduction", "scale"),
    [
        ("bicubic:4", "bicubic", 4),
        ("gaussian_blur:1+direct:2", "direct", 2),
        ("motion:3..9+defocus:2+bicubic:factor=3", "bicubic", 3),
        ("defocus:2", "", 1),
    ],
)
def test_a_reduction_comes_last(text, reduction, scale):
    found = parse_degradation(text)
    assert (found.reduction, found.scale) == (reduction, scale)
    assert found.taps.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blur:2", "is not known; known are identity, gaussian_blur:SIGMA"),
        ("gaussian_blur", "lacks its sigma"),
        ("gaussian_blur:400", "at most 32 pixels"),
        ("motion:0", "give more than 0"),
        ("defocus:2..1", "LOW..HIGH"),
        ("bicubic:2+motion:3", "has to be the last"),
        ("bicubic:1.5", "whole number from 1 to 8"),
        ("bicubic:2..3", "whole number from 1 to 8"),
        ("identity:3", "identity takes no value"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(text, message):
    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        parse_degradation(text)
