"""Gaps are filled from their row, out of a bounded neighbourhood."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vdn
from vdn.image.arrays import to_unit
from vdn.image.gaps import REACH, interpolate, nearest
from vdn.image.masks import filled


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 900), st.sampled_from([0.1, 0.9, 0.995]))
def test_a_part_with_its_reach_is_filled_like_the_whole(seed, start, share):
    generator = np.random.default_rng(seed)
    line = generator.random(1500).astype(np.float32)
    gap = generator.random(1500) < share
    gap[400 : 400 + generator.integers(1, 800)] = True
    stop = start + 300
    part = slice(max(start - REACH, 0), stop + REACH)
    for fill in (interpolate, nearest):
        whole, piece = line.copy(), line[part].copy()
        fill(whole, gap, 0.5)
        fill(piece, gap[part], 0.5)
        np.testing.assert_array_equal(piece[start - part.start :][:300], whole[start:stop])


def test_narrow_gaps_are_ramps_and_wide_ones_hold_their_ends():
    line = np.linspace(1, 2, 1001, dtype=np.float32)
    gap = np.zeros(1001, bool)
    gap[10:200], gap[300:990] = True, True
    filled_line = line.copy()
    interpolate(filled_line, gap, 0.5)
    np.testing.assert_allclose(filled_line[:300], line[:300], atol=1e-6)
    assert set(filled_line[300 : 300 + REACH - 1]) == {line[299]}
    assert set(filled_line[560:720]) == {0.5}
    assert set(filled_line[740:990]) == {line[990]}


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4, 5)])
def test_a_masked_array_that_is_no_image_is_refused(shape):
    with pytest.raises(vdn.InputError, match="shape"):
        filled(np.ma.masked_less(np.zeros(shape), 1))


def test_pixels_far_from_any_are_the_middle_of_the_range():
    image = np.full((2, 1000), 0.25, np.float32)
    image[0, 100:] = np.nan
    planes = to_unit(image, no_data=np.nan).planes[0, :, 0]
    assert planes[100 + REACH - 2] == 0.25
    assert planes[100 + REACH] == 0.5
