"""Planes of arrays with any number of axes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdn.errors import InputError
from vdn.napari.planes import Planes, plane_axes


@given(st.lists(st.integers(1, 4), min_size=2, max_size=5), st.booleans(), st.data())
def test_planes_are_all_of_the_array_and_lie_where_they_were_read(shape, rgb, data):
    full = (*shape, 3) if rgb else tuple(shape)
    array = np.arange(np.prod(full)).reshape(full)
    axes = data.draw(st.sampled_from(plane_axes(len(shape))))
    planes, copy = Planes(array, axes, rgb), np.zeros_like(array)
    for index in planes:
        pixels = planes.read(index)
        assert pixels.shape == planes.shape
        np.testing.assert_array_equal(pixels, planes.frame(index).read())
        copy[planes.place(index)] = pixels
    np.testing.assert_array_equal(copy, array)
    assert len(list(planes)) == len(planes) == array.size // np.prod(planes.shape)


def test_the_usual_plane_is_of_the_last_two_axes():
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    planes = Planes(array, plane_axes(4)[0])
    np.testing.assert_array_equal(planes.read((1, 2)), array[1, 2])


@pytest.mark.parametrize("axes", [(0, 2), (1, 0), (2, 3)])
def test_other_axes_are_refused(axes):
    with pytest.raises(InputError, match=r"shape \(2, 3, 4\).*give one of"):
        Planes(np.zeros((2, 3, 4)), axes)
