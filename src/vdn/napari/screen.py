"""What is on the screen, denoised in place while the view moves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image
from napari.qt.threading import create_worker
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from vdn.denoiser import Denoiser
from vdn.errors import InputError
from vdn.napari.layers import box_affine, looks, planes_of
from vdn.napari.planes import Index, Planes
from vdn.napari.view import Previews, on_screen
from vdn.previews import Box, Preview

__all__ = ["PREVIEW", "ScreenPreview", "Wanted"]

PREVIEW = "vdn preview"
"""Marks the layer of a preview in its metadata."""

_REST = 150  # milliseconds for which the view has to rest


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is to be previewed.

    Attributes
    ----------
    layer, axes
        The image layer, and which of its axes are the rows and columns of planes.
    model, strength
        As in `vdn.denoise`.
    """

    layer: Image
    axes: tuple[int, int]
    model: str
    strength: float

    @property
    def planes(self) -> Planes:
        """The planes of the layer as it is now."""
        return planes_of(self.layer, self.axes)


@dataclass(frozen=True)
class _Part:
    """A part of the stack that `previews` are made of."""

    previews: Previews
    index: Index
    box: Box


class ScreenPreview:
    """A layer over another with what is on the screen denoised, which follows the view.

    One part is computed at a time, in a thread; what is asked for meanwhile comes next, and only
    the last of it.

    Parameters
    ----------
    viewer
        The viewer.
    denoiser_of
        Returns the denoiser for the name of a model, or for "auto".
    report
        Called with a line to show to the user.
    failed
        Called with the exception when a part could not be computed.
    """

    def __init__(
        self,
        viewer: Any,
        denoiser_of: Callable[[str], Denoiser],
        report: Callable[[str], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._viewer, self._denoiser_of = viewer, denoiser_of
        self._report, self._failed = report, failed
        self._wanted: Wanted | None = None
        self._previews: Previews | None = None
        self._made: tuple[_Part, Preview] | None = None
        self._tried: tuple[_Part, float] | None = None
        self._busy = False
        self._source: Image | None = None  # that `layer` lies over
        self.layer: Image | None = None
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST)
        self._timer.timeout.connect(self._update)
        camera, dims = viewer.scene.camera.events, viewer.dims.events
        size = viewer.canvas.events.size
        for event in (
            camera.center,
            camera.zoom,
            size,
            dims.current_step,
            dims.order,
            dims.ndisplay,
        ):
            event.connect(self._moved)

    def want(self, wanted: Wanted | None) -> None:
        """Preview something, or nothing any more."""
        self._wanted = wanted
        if wanted is None:
            self._forget()
            return
        if self._made is not None and self._made[0] == self._seen(wanted):
            self._show(wanted, *self._made)  # mixed from the strengths that are known
        self._timer.start()

    def _moved(self) -> None:
        if self._wanted is not None:
            self._timer.start()

    def _seen(self, wanted: Wanted) -> _Part | None:
        """Return the part that is on the screen; if there is none, say so."""
        if wanted.layer not in self._viewer.layers:
            return None
        try:
            index, box = on_screen(self._viewer, wanted.layer, wanted.planes)
        except InputError as error:
            self._report(str(error))
            return None
        return _Part(self._previews_of(wanted), index, box)

    def _previews_of(self, wanted: Wanted) -> Previews:
        old, planes = self._previews, wanted.planes
        if (
            old is None
            or old.planes.data is not planes.data
            or (old.planes.axes, old.model) != (planes.axes, wanted.model)
        ):
            self._previews = old = Previews(planes, self._denoiser_of, wanted.model)
        return old

    def _update(self) -> None:
        wanted = self._wanted
        if self._busy or wanted is None:
            return
        part = self._seen(wanted)
        if part is None:
            self._forget()
            return
        if (part, wanted.strength) == self._tried:
            return
        self._tried = part, wanted.strength
        known = self._made[1] if self._made is not None and self._made[0] == part else None

        def compute() -> tuple[_Part, Preview]:
            preview = known or part.previews.begin(part.index, part.box)
            preview.exact(wanted.strength)
            return part, preview

        self._busy = True
        self._report("preview …")
        worker = create_worker(compute, _start_thread=False, _ignore_errors=True)
        worker.returned.connect(self._computed)
        worker.errored.connect(self._failed)
        worker.finished.connect(self._finished)
        worker.start()

    def _computed(self, made: tuple[_Part, Preview]) -> None:
        wanted = self._wanted
        if wanted is not None:
            self._made = made
            if made[0] == self._seen(wanted):
                self._show(wanted, *made)

    def _finished(self) -> None:
        self._busy = False
        self._update()

    def _show(self, wanted: Wanted, part: _Part, preview: Preview) -> None:
        source, planes = wanted.layer, wanted.planes
        pixels, exact = preview.pixels(wanted.strength)
        data = np.expand_dims(pixels, planes.leading)
        affine = box_affine(source, planes, part.index, part.box)
        if self.layer is not None and self._source is source:
            self.layer.data, self.layer.affine = data, affine
            for name, value in looks(source).items():
                setattr(self.layer, name, value)
        else:
            self._remove()
            self._add(source, data, affine)
        if exact:
            choice = preview.choice
            reason = f" ({choice.reason})" if choice.reason else ""
            size = f"{part.box.height} × {part.box.width} pixels"
            self._report(f"preview of {size} by {choice.card.name}{reason}")

    def _add(self, source: Image, data: NDArray[Any], affine: NDArray[np.float64]) -> None:
        layers = self._viewer.layers
        active = layers.selection.active
        self._source = source
        self.layer = Image(
            data,
            name=f"{source.name} preview",
            affine=affine,
            units=source.units,
            axis_labels=source.axis_labels,
            blending="opaque",
            multiscale=False,
            rgb=source.rgb,
            metadata={PREVIEW: True},
            **looks(source),
        )
        layers.insert(layers.index(source) + 1, self.layer)
        layers.selection.active = active

    def _forget(self) -> None:
        self._previews = self._made = self._tried = None
        self._timer.stop()
        self._remove()

    def _remove(self) -> None:
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
