import numpy as np
import pytest

import vdn.noise_summary
from vdn.image import Frame, to_unit
from vdn.noise_summary import Cell, NoiseSummary, SigmaStatistics
from vdn.predictions import Prediction
from vdn.runtime.cards import Card
from vdn.runtime.engine import NoisePosterior

CARD = Card("tiny", channels=1, multiple=8, halo=8)


def windows(image, sigma, rows=16, columns=24, margin=8):
    """Yield parts of an image with the map of its noise, as windows with a halo give them."""
    height, width = image.shape[:2]
    channels = image.shape[2] if image.ndim == 3 else 1
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            part = slice(top, min(top + rows, height)), slice(left, min(left + columns, width))
            first = [max(side.start - margin, 0) for side in part]
            seen = tuple(
                slice(low, side.stop + margin) for low, side in zip(first, part, strict=True)
            )
            unit = to_unit(image[seen])
            certain = np.full((channels, *sigma[part].shape[:2]), 5, np.float32)
            posterior = NoisePosterior(certain, certain)
            yield (
                Prediction(*part, None, unit, tuple(first), CARD, posterior),
                np.atleast_3d(sigma[part]),
            )


def summary(image, sigma):
    found = NoiseSummary(Frame.of(image))
    for prediction, part in windows(image, sigma):
        found.add(prediction, part)
    return found


def test_the_quietest_and_the_noisiest_cell_are_found():
    image = np.random.default_rng(0).random((60, 100, 3)).astype(np.float32)
    sigma = np.full((60, 100, 3), 2, np.float32)
    sigma[15:30, 75:] = 5
    sigma[45:, :25, 1] = 1
    found = summary(image, sigma)
    assert found.noisiest == Cell(5.0, 15, 75, 15, 25)
    quietest = found.quietest
    assert (quietest.row, quietest.column) == (45, 0)
    assert quietest.sigma == pytest.approx(np.sqrt((4 + 1 + 4) / 3))


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (61, 2, 3)])
def test_images_smaller_than_the_grid(shape):
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    found = summary(image, np.ones(shape, np.float32))
    assert found.quietest.sigma == found.noisiest.sigma == 1
    assert set(found.statistics.root_mean_square) == {1.0}


def test_the_profile_is_that_of_the_parts_together(monkeypatch):
    rng = np.random.default_rng(0)
    image = np.cumsum(rng.random((90, 130)), axis=1).astype(np.float32) / 65
    sigma = np.sqrt(0.02 * image + 0.01).astype(np.float32)
    for sample in (2**20, 1000):  # every pixel, or a lattice of a thousand
        monkeypatch.setattr(vdn.noise_summary, "_SAMPLE", sample)
        found = summary(image, sigma)
        assert found.small_map[..., 0].size <= sample
        assert found.profile.a[0] == pytest.approx(0.02, rel=0.05)
        assert found.profile.b[0] == pytest.approx(0.01, rel=0.05)
    step = -(-90 // found.small_map.shape[0])
    np.testing.assert_array_equal(found.small_map[..., 0], sigma[::step, ::step])


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_what_all_but_the_quietest_quarter_exceeds(unit):
    statistics = SigmaStatistics(2)
    rng = np.random.default_rng(0)
    sigma = unit * np.stack([rng.uniform(1, 5, (400, 200)), np.zeros((400, 200))], -1)
    for top in range(0, 400, 64):
        statistics.add(sigma[top : top + 64].astype(np.float32))
    assert statistics.quiet[0] == pytest.approx(2 * unit, rel=0.05)
    assert statistics.quiet[1] < 1e-6 * unit
    more = SigmaStatistics(2)
    more.add(np.full((400, 200, 2), 1.1 * unit, np.float32))
    assert statistics.merge(more).quiet[0] == pytest.approx(1.1 * unit, rel=0.03)


def test_levels_of_images_of_other_channels_are_merged_by_channel():
    one, three = SigmaStatistics(1), SigmaStatistics(3)
    one.add(np.full((2, 2, 1), 1, np.float32))
    three.add(np.full((2, 2, 3), [3, 4, 5], np.float32))
    both = one.merge(three)
    assert both.root_mean_square == pytest.approx((np.sqrt(5), 4, 5))


def test_levels_keep_small_differences_of_many_pixels():
    statistics = SigmaStatistics(1)
    for _ in range(100):
        statistics.add(np.full((1000, 100, 1), 0.1, np.float32))
    assert statistics.root_mean_square[0] == pytest.approx(float(np.float32(0.1)), rel=1e-9)
