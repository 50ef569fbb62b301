"""Star fields and fluorescence, rendered to train on."""

import numpy as np
import pytest

from vdn.data.spots import render_spots


@pytest.mark.parametrize("seed", range(8))
def test_they_are_dark_with_bright_places_and_without_noise(seed):
    picture = render_spots(np.random.default_rng(seed), 200)
    assert picture.dtype == np.uint8
    assert picture.shape == (200, 200)
    assert np.median(picture) < 100 < picture.max()
    second = np.abs(np.diff(picture.astype(int), 2, axis=1))
    assert np.median(second) <= 2  # next to nothing changes from pixel to pixel


def test_they_are_those_of_the_seed():
    first, again, other = (render_spots(np.random.default_rng(seed), 64) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
