"""Leaves and fur, rendered to train on, and the detail by which patches are chosen."""

import numpy as np
import pytest

from vdn.data.detail import Detail
from vdn.data.pool import Crops
from vdn.data.textures import render_textures


@pytest.mark.parametrize("seed", range(8))
def test_leaves_differ_in_how_fine_they_are(seed):
    picture = render_textures(np.random.default_rng(seed), 200)
    assert picture.dtype == np.uint8
    assert picture.shape == (200, 200, 3)
    steps = np.abs(np.diff(picture.mean(axis=2), axis=1))[:, :180].reshape(10, 20, 9, 20)
    changes = steps.mean(axis=(1, 3))  # of squares of 20 pixels
    assert changes.max() > max(8, 3 * changes.min())


def test_they_are_those_of_the_seed():
    first, again, other = (render_textures(np.random.default_rng(seed), 64) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(("height", "width"), [(64, 96), (70, 65), (33, 200)])
def test_detail_is_that_of_the_very_square(height, width):
    generator = np.random.default_rng(0)
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2] = generator.integers(0, 256, (height, width // 2, 1))
    crops = Crops(np.zeros(40, int), generator)
    found = Detail([picture], 32).of(crops)
    textured = (width // 2 - crops.places[:, 1] * (width - 32)) / 32
    expected = np.clip(textured, 0, 1) * found.max()
    np.testing.assert_allclose(found, expected, atol=0.6 * found.max())


def test_texture_counts_for_more_than_a_page():
    generator = np.random.default_rng(0)
    page = np.full((64, 64, 1), 255, np.uint8)
    page[20:40:4, 10:50] = 0  # a few lines
    fur = (128 + 15 * generator.standard_normal((64, 64, 1))).astype(np.uint8)
    page_detail, fur_detail = Detail([page, fur], 64).of(Crops(np.array([0, 1]), generator))
    assert fur_detail > page_detail
