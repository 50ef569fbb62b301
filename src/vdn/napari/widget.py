"""The widget: choose a layer, a model and a strength, look at a preview, denoise."""

from collections.abc import Callable
from functools import cache
from typing import Any

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSlider,
    Label,
    ProgressBar,
    PushButton,
)
from napari.layers import Image
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from vdn.denoiser import Denoiser
from vdn.errors import VdnError
from vdn.napari.layers import layers_of, planes_of
from vdn.napari.planes import plane_axes
from vdn.napari.screen import PREVIEW, ScreenPreview, Wanted
from vdn.napari.stack import DenoisedStack, denoise_stack
from vdn.runtime.cards import list_models

__all__ = ["DenoiseWidget"]

_STEPS = 1000  # of the progress bar
_DENOISER_OF: Callable[[str], Denoiser] = cache(Denoiser)  # one a model for all widgets


class _Stopped(Exception):
    """The user does not want the result any more."""


class _Progress(QObject):
    """Carries progress from the thread of the work to that of the widget."""

    made = Signal(float)


class DenoiseWidget(Container):
    """A dock widget that denoises image layers.

    Parameters
    ----------
    viewer
        Given by napari.
    denoiser_of
        Returns the denoiser for the name of a model, or for "auto".
    """

    def __init__(
        self, viewer: Viewer, denoiser_of: Callable[[str], Denoiser] | None = None
    ) -> None:
        def layers(_: Any) -> list[Image]:
            return [each for each in viewer.layers if self._may_be_denoised(each)]

        layer = ComboBox(name="layer", choices=layers)
        settings = [
            layer,
            ComboBox(
                name="axes",
                label="plane axes",
                choices=lambda _: _axes_choices(layer.value),
                tooltip="Rows and columns of the planes, each of which is denoised by itself.",
            ),
            ComboBox(
                name="model",
                choices=[
                    "auto",
                    *(card.name for card in list_models() if card.purpose == "denoise"),
                ],
                tooltip="auto looks at the noise and takes the model for it.",
            ),
            FloatSlider(
                name="strength",
                value=1,
                min=0,
                max=2,
                step=0.05,
                tooltip="Factor of the noise to remove.",
            ),
        ]
        super().__init__(
            labels=False,
            widgets=[
                Container(name="settings", widgets=settings),
                CheckBox(name="noise_map", text="noise sigma", value=True),
                CheckBox(name="uncertainty", text="uncertainty", value=True),
                CheckBox(name="preview", text="preview what is on the screen"),
                PushButton(name="denoise", text="Denoise"),
                PushButton(name="cancel", text="Cancel", enabled=False),
                ProgressBar(name="progress", max=_STEPS, visible=False),
                Label(name="status"),
            ],
        )
        self.status.native.setWordWrap(True)
        self._viewer, self._denoiser_of = viewer, denoiser_of or _DENOISER_OF
        self._worker: Any = None
        self._screen = ScreenPreview(viewer, self._denoiser_of, self._report, self._fail)
        if self._may_be_denoised(viewer.layers.selection.active):
            self.settings.layer.value = viewer.layers.selection.active
        self._layer_changed()
        self.settings.layer.changed.connect(self._layer_changed)
        for each in (*settings[1:], self.preview):
            each.changed.connect(self._update_preview)
        self.denoise.changed.connect(self._start)
        self.cancel.changed.connect(self._cancel)
        for event in (viewer.layers.events.inserted, viewer.layers.events.renamed):
            event.connect(self._layers_changed)
        viewer.layers.events.removed.connect(self._removed)

    def _may_be_denoised(self, layer: Any) -> bool:
        return isinstance(layer, Image) and PREVIEW not in layer.metadata

    # The form

    def _layers_changed(self) -> None:
        self.settings.layer.reset_choices()

    def _removed(self, event: Any) -> None:
        self._layers_changed()
        if event.value is self._screen.layer:
            self.preview.value = False
        elif PREVIEW not in event.value.metadata:
            self._layer_changed()

    def _layer_changed(self) -> None:
        self.settings.axes.reset_choices()
        self.settings.axes.visible = len(self.settings.axes.choices) > 1
        self.denoise.enabled = self.settings.layer.value is not None and self._worker is None
        self._update_preview()

    def _update_preview(self) -> None:
        layer = self.settings.layer.value
        if not self.preview.value or layer is None:
            self._screen.want(None)
            return
        settings = self.settings.axes.value, self.settings.model.value, self.settings.strength.value
        self._screen.want(Wanted(layer, *settings))

    def _report(self, text: str) -> None:
        self.status.value = text

    def _fail(self, error: Exception) -> None:
        if isinstance(error, _Stopped):
            self._report("cancelled")
            return
        self._report("")
        if not isinstance(error, VdnError):
            raise error
        show_error(str(error))

    # The whole layer

    def _start(self) -> None:
        layer, progress = self.settings.layer.value, _Progress()
        planes = planes_of(layer, self.settings.axes.value)
        model, strength = self.settings.model.value, self.settings.strength.value
        noise_map, uncertainty = self.noise_map.value, self.uncertainty.value

        def check(share: float) -> None:
            if worker.abort_requested:
                raise _Stopped
            progress.made.emit(share)

        def denoise() -> DenoisedStack:
            return denoise_stack(
                planes,
                self._denoiser_of,
                model,
                strength,
                noise_map=noise_map,
                uncertainty=uncertainty,
                progress=check,
            )

        worker = self._worker = create_worker(denoise, _start_thread=False, _ignore_errors=True)
        progress.made.connect(self._advance)
        worker.returned.connect(lambda found: self._add(layer, found))
        worker.errored.connect(self._fail)
        worker.finished.connect(self._finished)
        self.denoise.enabled, self.cancel.enabled = False, True
        self.progress.value, self.progress.visible = 0, True
        self._report("")
        worker.start()

    def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.quit()

    def _advance(self, share: float) -> None:
        self.progress.value = round(share * _STEPS)

    def _add(self, layer: Image, found: DenoisedStack) -> None:
        for data, arguments, _ in layers_of(layer, found):
            self._viewer.add_image(data, **arguments)
        if layer.blending not in ("opaque", "translucent", "translucent_no_depth"):
            layer.visible = False  # else the noisy and the denoised image add up
        sigma = ", ".join(f"{value:.3g}" for value in found.sigma)
        reason = f" ({found.reason})" if found.reason else ""
        self._report(f"{found.model}{reason}; noise sigma {sigma}")

    def _finished(self) -> None:
        self._worker = None
        self.denoise.enabled = self.settings.layer.value is not None
        self.cancel.enabled = self.progress.visible = False


def _axes_choices(layer: Image | None) -> list[tuple[str, tuple[int, int]]]:
    """Return the axes that may be those of planes, the usual ones first, with their names."""
    if layer is None:
        return []
    names = layer.axis_labels
    return [(", ".join(names[axis] for axis in axes), axes) for axes in plane_axes(layer.ndim)]
