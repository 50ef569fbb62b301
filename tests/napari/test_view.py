"""What is on the screen, and its preview."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vdn
from napari_lazy import Lazy
from vdn.errors import InputError
from vdn.napari.planes import Planes
from vdn.napari.view import Previews, on_screen
from vdn.previews import SIDE, Box


@pytest.fixture(scope="module")
def denoiser_of(weights):
    """Denoisers of tiny models."""
    return cache(lambda name: vdn.Denoiser(name, threads=1, weights=weights))


def looked_at(shape, centre, size, *, displayed=None, ndisplay=2, scale=1.0):
    """Return a viewer and a layer, as far as they matter.

    The layer is scaled and turned by 90 degrees in the world, of which a place given in pixels is
    in the middle of a canvas of so many pixels of the layer.
    """
    axes = range(len(shape))

    def turned(place, sign):
        *leading, y, x = np.asarray(place, float)
        return np.array([*leading, -sign * x, sign * y])

    centre = scale * turned(centre, 1)
    viewer = SimpleNamespace(
        dims=SimpleNamespace(
            ndim=len(shape),
            displayed=tuple(displayed or axes[-2:]),
            ndisplay=ndisplay,
            point=tuple(centre),
        ),
        scene=SimpleNamespace(camera=SimpleNamespace(center=(0, *centre[-2:]), zoom=3.0)),
        canvas=SimpleNamespace(
            viewbox_size=lambda layers: tuple(3 * scale * side for side in reversed(size))
        ),
        layers=[],
    )
    layer = SimpleNamespace(
        name="cells",
        ndim=len(shape),
        world_to_data=lambda point: tuple(turned(point, -1) / scale),
    )
    return viewer, layer


@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    st.tuples(st.floats(-100, 3100), st.floats(-100, 3100)),
    st.data(),
)
def test_a_part_within_bounds_is_in_both(shape, place, data):
    box = Box.around(*place, shape)
    bounds = data.draw(st.tuples(*[st.integers(-50, 3050)] * 4))
    found = box.within(*bounds)
    inside = np.zeros((2, 3100), bool)
    for axis, (start, length) in enumerate(((box.top, box.height), (box.left, box.width))):
        inside[axis, start : start + length] = True
        inside[axis, : max(bounds[axis], 0)] = inside[axis, max(bounds[axis + 2], 0) :] = False
    if found is None:
        assert not inside.any(axis=1).all()
    else:
        assert [found.top, found.left] == [int(line.argmax()) for line in inside]
        assert [found.height, found.width] == [int(line.sum()) for line in inside]


def test_the_plane_and_the_part_that_are_seen():
    planes = Planes(np.zeros((3, 5, 900, 800), np.uint8), (2, 3))
    viewer, layer = looked_at((3, 5, 900, 800), (2, 4, 125, 230), (50, 60), scale=0.25)
    index, box = on_screen(viewer, layer, planes)
    assert index == (2, 4)
    assert box == Box(100, 200, 51, 61)  # of the first and the last row and column half a pixel


def test_at_the_edge_what_of_the_layer_is_seen():
    planes = Planes(np.zeros((90, 80), np.uint8), (0, 1))
    _, box = on_screen(*looked_at((90, 80), (2, 79), (20, 20)), planes)
    assert box == Box(0, 69, 13, 11)
    _, box = on_screen(*looked_at((90, 80), (45, 40), (500, 500)), planes)
    assert box == Box(0, 0, 90, 80)


def test_of_a_large_part_the_middle():
    shape = (9000, 8000)
    _, box = on_screen(*looked_at(shape, (5000, 4000), shape), Planes(Lazy(shape), (0, 1)))
    assert box == Box(5000 - SIDE // 2, 4000 - SIDE // 2, SIDE, SIDE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ndisplay": 3, "displayed": (0, 1, 2)}, "a view of two dimensions"),
        ({"displayed": (0, 2)}, "a view of two dimensions"),
        ({"centre": (7, 20, 20)}, "layer 'cells' is not on the screen"),
        ({"centre": (1, 900, 2000)}, "layer 'cells' is not on the screen"),
    ],
)
def test_where_nothing_can_be_seen_it_says_why(changes, message):
    planes = Planes(np.zeros((2, 60, 60), np.uint8), (1, 2))
    looking = {"centre": (1, 30, 30), "size": (40, 40)} | changes
    with pytest.raises(InputError, match=message):
        on_screen(*looked_at((2, 60, 60), **looking), planes)


@pytest.mark.parametrize("model", ["gray", "photo"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_preview_is_what_the_whole_will_be(denoiser_of, dtype, model):
    data = Lazy((2, 96, 128))[:]
    planes = Planes((data // 4).astype(dtype), (1, 2))
    part = Previews(planes, denoiser_of, model).begin((1,), Box(30, 40, 41, 53))
    part.exact(1.3)
    whole = denoiser_of(model)(planes.data[1], 1.3).image[30:71, 40:93]
    found, exact = part.pixels(1.3)
    assert exact
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1 if found.dtype.kind == "u" else 1e-3)
    assert np.mean(found == whole) > 0.99 or dtype is np.float32


def test_of_a_large_lazy_plane_only_the_part_is_read(denoiser_of):
    data = Lazy((3, 60_000, 50_000))
    previews = Previews(Planes(data, (1, 2)), denoiser_of, "auto")
    halo, multiple = previews.choice.card.halo, previews.choice.card.multiple
    assert data.pixels <= 512**2
    before = data.pixels
    part = previews.begin((2,), Box(30_000, 20_000, 90, 120))
    part.exact(1.0)
    part.exact(0.5)
    rows, columns = (start - (start - halo) // multiple * multiple for start in (30_000, 20_000))
    assert data.pixels - before == (rows + 90 + halo) * (columns + 120 + halo)
    pixels, _ = part.pixels(1.0)
    noisy = data[2, 30_000:30_090, 20_000:20_120]
    assert pixels.shape == noisy.shape
    assert not np.array_equal(pixels, noisy)
