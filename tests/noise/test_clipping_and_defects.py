"""What is cut off, and what stands out, is counted right, in one piece and in parts."""

import numpy as np
import pytest

from vdn.noise.clipping import ClippedCount
from vdn.noise.defects import DefectCount


def clipped(image, ends=(), step=7):
    """Count in parts of some rows."""
    count = ClippedCount(image.shape[2], ends)
    for top in range(0, len(image), step):
        count.add(image[top : top + step])
    return count.clipped


@pytest.mark.parametrize("step", [3, 64])
def test_the_ends_of_the_values_are_clipped(step):
    noisy = np.random.default_rng(0).normal([100, 0, 250], 20, (64, 64, 3))
    eight = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    first, second, third = clipped(eight, (0, 255), step)
    assert (first.dark, first.bright) == (0, 0)
    assert second.dark == np.mean(eight[..., 1] == 0)
    assert third.bright == np.mean(eight[..., 2] == 255)


def test_values_that_pile_up_are_clipped_wherever_they_do():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (64, 64, 1)).astype(np.float32)
    (found,) = clipped(np.minimum(values, 1.5))
    assert found.bright == np.mean(values >= 1.5)
    assert found.white == 1.5
    assert found.dark == 0
    (found,) = clipped(values)
    assert (found.dark, found.bright) == (0, 0)
    (found,) = clipped(np.full((9, 9, 1), 7.0))  # one value everywhere is no end
    assert (found.dark, found.bright) == (0, 0)


def test_values_without_data_do_not_count():
    values = np.random.default_rng(0).random((20, 20, 1))
    values[3:5] = np.nan
    values[5:9] = -np.inf
    (found,) = clipped(np.minimum(values, 0.5))
    assert found.bright == pytest.approx(np.mean(values[np.isfinite(values)] >= 0.5))


def test_hot_and_cold_pixels_are_counted():
    rng = np.random.default_rng(0)
    image = rng.normal(1000, 10, (200, 200, 1))
    places = rng.permutation(48 * 48)[:40]
    rows, columns = 4 * (places // 48) + 2, 4 * (places % 48) + 2
    image[rows[:25], columns[:25]] += 400
    image[rows[25:], columns[25:]] -= 400
    count = DefectCount()
    count.add(image, np.full(image.shape, 10.0))
    found = count.defects
    assert (found.hot, found.cold) == (25, 15)
    assert found.share == pytest.approx(40 / image.size, rel=0.05)


@pytest.mark.parametrize("mean", [0.02, 0.3, 3, 100])
def test_noise_by_itself_has_none(mean):
    rng = np.random.default_rng(1)
    photons = rng.poisson(mean, (500, 500, 1))
    count = DefectCount()
    count.add(photons, np.full(photons.shape, np.sqrt(mean)))
    count.add(rng.normal(0, 1, (500, 500, 1)), np.ones((500, 500, 1)))
    assert count.defects.share < 2e-6


def test_stars_and_lines_are_no_defects():
    rows, columns = np.mgrid[:60, :60]
    image = 900 * np.exp(-((rows - 30) ** 2 + (columns - 30) ** 2) / 2.0)
    image[10] = image[:, 10] = 700
    image += np.random.default_rng(0).normal(0, 5, image.shape)
    count = DefectCount()
    count.add(image[..., None], np.full((60, 60, 1), 5.0))
    assert count.defects.hot == count.defects.cold == 0
