"""The widget in a viewer; see CONTRIBUTING.md for how to run these."""

import os
import sys
import time
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest

if sys.platform == "linux" and "DISPLAY" not in os.environ:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

pytest.importorskip("magicgui", reason="needs napari")
pytest.importorskip("qtpy.QtWidgets", reason="needs a Qt, such as PySide6", exc_type=ImportError)

import dask.array as dask
from napari.components import ViewerModel
from napari.qt import get_qapp
from napari.utils.notifications import notification_manager

import vdn
from napari_lazy import Lazy
from vdn.napari.widget import DenoiseWidget


@pytest.fixture(scope="module")
def denoiser_of(weights):
    """Denoisers of tiny models."""
    return cache(lambda name: vdn.Denoiser(name, threads=1, weights=weights))


@pytest.fixture
def viewer():
    """A viewer without a window."""
    get_qapp()
    return ViewerModel()


@pytest.fixture
def open_widget(viewer, denoiser_of):
    """Open the widget for a viewer with an image layer; end its work afterwards."""
    opened = []

    def open_(data, **arguments):
        layer = viewer.add_image(data, name="cells", **arguments)
        opened.append(DenoiseWidget(viewer, denoiser_of))
        return opened[-1], layer

    yield open_
    for widget in opened:
        widget.preview.value = False
        widget.cancel.changed.emit(True)
        until(lambda: widget._worker is None and not widget._screen._busy)  # noqa: B023
        widget.close()


def until(condition, seconds=60):
    """Run the loop of events until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        get_qapp().processEvents()
        time.sleep(0.005)


def denoise(widget):
    widget.denoise.changed.emit(True)
    assert widget.cancel.enabled
    assert not widget.denoise.enabled
    until(lambda: not widget.cancel.enabled)


def stack(shape=(2, 64, 72), dtype=np.uint16):
    return Lazy(shape)[:].astype(dtype)


def test_denoising_adds_layers_in_place(viewer, open_widget, denoiser_of):
    data = stack()
    widget, layer = open_widget(
        data,
        scale=(2, 0.2, 0.2),
        translate=(1, 5, 7),
        units=("um", "um", "um"),
        colormap="green",
        contrast_limits=(50, 900),
    )
    denoise(widget)
    names = ["cells", "cells uncertainty", "cells noise sigma", "cells denoised"]
    assert [each.name for each in viewer.layers] == names
    for each in viewer.layers:
        np.testing.assert_array_equal(each.scale, layer.scale)
        np.testing.assert_array_equal(each.translate, layer.translate)
        assert each.units == layer.units
    result = viewer.layers["cells denoised"]
    assert (result.colormap.name, list(result.contrast_limits)) == ("green", [50, 900])
    assert result.metadata["vdn"]["model"] == "gray"
    for z, plane in enumerate(data):
        alone = denoiser_of("gray")(plane)
        np.testing.assert_array_equal(result.data[z], alone.image)
        sigma = viewer.layers["cells noise sigma"].data[z]
        np.testing.assert_array_equal(sigma, alone.noise_sigma)
    assert widget.status.value.startswith("gray (noise independent")


def test_colours_stay_colours(viewer, open_widget):
    data = np.stack([stack((64, 72)) // 4] * 3, -1).astype(np.uint8)
    widget, _ = open_widget(data, rgb=True)
    widget.settings.model.value = "photo"
    widget.uncertainty.value = False
    denoise(widget)
    assert [each.name for each in viewer.layers][1:] == ["cells noise sigma", "cells denoised"]
    assert viewer.layers["cells denoised"].rgb
    assert viewer.layers["cells noise sigma"].data.shape == (64, 72)


def test_channels_that_add_up_hide_the_noisy_one(viewer, open_widget):
    widget, layer = open_widget(stack((64, 72)), blending="additive")
    denoise(widget)
    assert not layer.visible
    assert viewer.layers["cells denoised"].blending == "additive"


def test_the_axes_of_the_planes_can_be_chosen(viewer, open_widget, denoiser_of):
    data = np.moveaxis(stack(), 0, 2)  # channels last
    widget, _ = open_widget(data, axis_labels=("y", "x", "c"))
    widget.settings.axes.value = (0, 1)
    widget.settings.strength.value = 0.5
    denoise(widget)
    expected = denoiser_of("gray")(data[..., 1], 0.5).image
    np.testing.assert_array_equal(viewer.layers["cells denoised"].data[..., 1], expected)


def test_the_axes_are_asked_for_only_where_there_is_a_choice(open_widget, viewer):
    widget, _ = open_widget(stack((64, 72)))
    assert len(widget.settings.axes.choices) == 1
    viewer.add_image(stack(), name="stack")
    assert widget.settings.layer.choices == tuple(viewer.layers)
    widget.settings.layer.value = viewer.layers["stack"]
    assert widget.settings.axes.choices == ((1, 2), (0, 1))


def test_work_can_be_cancelled(viewer, open_widget):
    widget, _ = open_widget(dask.from_array(Lazy((10_000, 64, 72)), (1, 64, 72)))
    widget.denoise.changed.emit(True)
    until(lambda: widget.progress.value > 0)
    widget.cancel.changed.emit(True)
    until(lambda: not widget.cancel.enabled)
    assert len(viewer.layers) == 1
    assert widget.status.value == "cancelled"
    assert widget.denoise.enabled


def test_errors_are_shown_in_the_words_of_vdn(viewer, open_widget):
    data = stack(dtype=np.float32)
    data[1, 3, 4] = np.nan
    widget, _ = open_widget(data, contrast_limits=(0, 900))
    shown = []
    notification_manager.notification_ready.connect(shown.append)
    denoise(widget)
    (notification,) = shown
    assert notification.message.startswith("plane 1: image has 1 values that are NaN")
    assert notification.severity.value == "error"
    assert len(viewer.layers) == 1


def preview_is(widget, condition):
    def found():
        layer = widget._screen.layer
        return layer is not None and not widget._screen._busy and condition(layer)

    until(found)
    return widget._screen.layer


def test_the_preview_lies_in_place_and_follows_strength_and_plane(viewer, open_widget, denoiser_of):
    data = stack((3, 64, 72))
    widget, layer = open_widget(data, scale=(2, 0.5, 0.5), translate=(0, 3, 4), rotate=(0, 0, 30))
    viewer.layers.selection.active = layer
    widget.preview.value = True
    plane = viewer.dims.current_step[0]

    def expected(strength, z):
        return denoiser_of("gray")(data[z], strength).image[None]

    def shows(strength, z):
        return lambda layer: np.array_equal(layer.data, expected(strength, z))

    preview = preview_is(widget, shows(1.0, plane))
    assert [each.name for each in viewer.layers] == ["cells", "cells preview"]
    assert viewer.layers.selection.active is layer
    for corner in ((plane, 0, 0), (plane, 10, 20)):
        inside = np.subtract(corner, (plane, 0, 0))
        np.testing.assert_allclose(
            preview.data_to_world(inside), layer.data_to_world(corner), atol=1e-9
        )
    widget.settings.strength.value = 0.4
    assert preview_is(widget, shows(0.4, plane)) is preview
    viewer.dims.set_current_step(0, 2)
    preview_is(widget, shows(0.4, 2))
    np.testing.assert_allclose(preview.data_to_world((0, 0, 0)), layer.data_to_world((2, 0, 0)))
    assert preview not in widget.settings.layer.choices
    widget.preview.value = False
    assert list(viewer.layers) == [layer]


def test_of_a_large_lazy_layer_the_preview_reads_the_part_on_the_screen(viewer, open_widget):
    data = Lazy((2, 40_000, 40_000))
    levels = [dask.from_array(data, (1, 1000, 1000)), np.zeros((2, 500, 500), np.uint16)]
    widget, layer = open_widget(levels, multiscale=True, contrast_limits=(0, 900))
    viewer.scene.camera.center, viewer.scene.camera.zoom = (
        (0, 20_000, 20_000),
        viewer.canvas.size[0] / 80,
    )
    data.asked.clear()
    widget.preview.value = True
    preview = preview_is(widget, lambda layer: layer.data.shape[1] == 81)
    halo = widget._screen._previews.choice.card.halo
    chunks = 4 + 4  # around the middle, to choose the model, and the part
    assert (60 + 2 * halo) ** 2 < data.pixels <= chunks * 1000**2
    corner = preview.data_to_world((0, 0, 0))
    assert layer.world_to_data(corner)[1] == 20_000 - 40


def test_a_preview_that_is_deleted_is_switched_off(viewer, open_widget):
    widget, layer = open_widget(stack((64, 72)))
    widget.preview.value = True
    preview = preview_is(widget, lambda layer: True)
    viewer.layers.remove(preview)
    assert widget.preview.value is False
    widget.preview.value = True
    preview_is(widget, lambda layer: True)
    viewer.layers.remove(layer)
    until(lambda: not widget._screen._busy)
    assert len(viewer.layers) == 0
    assert not widget.denoise.enabled


def test_a_view_of_three_dimensions_has_no_preview(viewer, open_widget):
    widget, _ = open_widget(stack())
    viewer.dims.ndisplay = 3
    widget.preview.value = True
    until(lambda: "two dimensions" in widget.status.value)
    assert len(viewer.layers) == 1
    viewer.dims.ndisplay = 2
    preview_is(widget, lambda layer: True)


def test_napari_finds_the_plugin():
    npe2 = pytest.importorskip("npe2")
    manifest = npe2.PluginManifest.from_distribution("vdn")
    (command,) = manifest.contributions.commands
    assert command.python_name == "vdn.napari.widget:DenoiseWidget"
    assert [each.display_name for each in manifest.contributions.widgets] == ["Denoise"]
    module, _, name = command.python_name.partition(":")
    assert find_spec(module) is not None
    assert name == DenoiseWidget.__name__


@pytest.mark.skipif(
    os.environ.get("QT_QPA_PLATFORM") == "offscreen", reason="needs OpenGL, as xvfb-run has it"
)
def test_in_a_window_the_preview_is_the_part_that_is_seen(denoiser_of, monkeypatch):
    import napari

    monkeypatch.setattr("vdn.napari.widget._DENOISER_OF", denoiser_of)
    viewer = napari.Viewer(show=True)
    try:
        layer = viewer.add_image(stack((400, 500)), name="cells", scale=(0.5, 0.5))
        _, widget = viewer.window.add_plugin_dock_widget("vdn", "Denoise")
        assert isinstance(widget, DenoiseWidget)
        viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 120, 150), 20
        until(lambda: np.ptp(layer.corner_pixels[:, 0]) < 100)  # it is drawn
        widget.preview.value = True
        preview = preview_is(widget, lambda layer: True)
        first, last = layer.corner_pixels  # floor and ceiling of what is drawn
        np.testing.assert_allclose(preview.data.shape, last - first, atol=1)
        origin = preview.data_to_world((0, 0))
        np.testing.assert_allclose(origin, layer.data_to_world(first), atol=0.5)
    finally:
        viewer.close()
