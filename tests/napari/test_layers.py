"""Results as layers."""

from types import SimpleNamespace

import numpy as np
import pytest

from vdn import __version__
from vdn.napari.layers import box_affine, layers_of, planes_of
from vdn.napari.planes import Planes
from vdn.napari.stack import DenoisedStack
from vdn.previews import Box

PLACE = {
    "scale": (1.0, 0.2, 0.2),
    "translate": (0.0, 5.0, 7.0),
    "rotate": np.eye(3),
    "shear": np.zeros(3),
    "affine": np.eye(4),
    "units": ("pixel", "um", "um"),
    "axis_labels": ("z", "y", "x"),
}
LOOK = {
    "colormap": "green",
    "contrast_limits": [10, 900],
    "gamma": 0.7,
    "interpolation2d": "linear",
    "blending": "additive",
}


def layer(data, rgb=False, multiscale=False):
    """Return a layer, as far as it matters."""
    return SimpleNamespace(name="cells", data=data, rgb=rgb, multiscale=multiscale, **PLACE, **LOOK)


def stack(image, sigma=None, uncertainty=None):
    return DenoisedStack(
        image=image,
        noise_sigma=sigma,
        uncertainty=uncertainty,
        model="gray",
        reason="one channel",
        strength=1.0,
        sigma=(12.5,),
    )


def test_layers_lie_where_the_source_lies_and_look_like_it():
    image = np.zeros((2, 8, 9), np.uint16)
    maps = np.linspace(3, 5, image.size, dtype=np.float32).reshape(image.shape)
    found = list(layers_of(layer(image), stack(image, maps, 2 * maps)))
    names = ["cells uncertainty", "cells noise sigma", "cells denoised"]
    assert [arguments["name"] for _, arguments, _ in found] == names
    for _, arguments, kind in found:
        assert kind == "image"
        assert PLACE.items() <= {k: v for k, v in arguments.items() if k in PLACE}.items()
        made_by = arguments["metadata"]["vdn"]
        assert made_by["version"] == __version__
        assert (made_by["model"], made_by["reason"]) == ("gray", "one channel")
        assert made_by["noise_sigma"] == (12.5,)
    (_, uncertainty, _), (data, sigma, _), (denoised, image_arguments, _) = found
    assert denoised is image
    assert data is maps
    assert LOOK.items() <= image_arguments.items()
    assert sigma["contrast_limits"] == pytest.approx((3.02, 4.98), abs=0.01)
    assert not uncertainty["visible"]
    assert not sigma["visible"]


def test_colours_have_no_colormap_and_maps_that_are_not_wanted_no_layer():
    image = np.zeros((8, 9, 3), np.uint8)
    ((_, arguments, _),) = layers_of(layer(image, rgb=True), stack(image))
    assert arguments["rgb"] is True
    assert not {"colormap", "contrast_limits", "gamma"} & set(arguments)


def test_a_map_without_contrast_has_limits_that_can_be_shown():
    image = np.zeros((8, 9), np.uint8)
    for value in (0, 7):
        (_, arguments, _), _ = layers_of(
            layer(image), stack(image, np.full(image.shape, value, np.float32))
        )
        low, high = arguments["contrast_limits"]
        assert low == value
        assert low < high


def test_the_planes_of_a_pyramid_are_those_of_its_finest_level():
    levels = [np.zeros((2, 32, 32)), np.zeros((2, 16, 16))]
    assert planes_of(layer(levels, multiscale=True), (1, 2)).data is levels[0]
    assert planes_of(layer(levels[1]), (1, 2)).data is levels[1]


def test_a_part_is_put_where_it_is_in_the_layer():
    rng = np.random.default_rng(0)
    linear, shift = rng.normal(size=(3, 3)), rng.normal(size=3)
    place = SimpleNamespace(data_to_world=lambda point: tuple(linear @ point + shift))
    planes = Planes(np.zeros((5, 100, 90)), (1, 2))
    matrix = box_affine(place, planes, (3,), Box(20, 30, 10, 10))
    np.testing.assert_allclose(
        matrix @ [0, 4, 6, 1], [*place.data_to_world(np.array([3, 24, 36])), 1]
    )
