"""Which model a picture gets, and the models that are loaded."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from vdn.errors import InputError
from vdn.image.frame import Frame
from vdn.image.ranges import range_of
from vdn.noise.whiteness import WHITE, measure_colour_whiteness
from vdn.predictions import LoadedModel
from vdn.runtime.cards import Card, find_model, list_models
from vdn.runtime.engine import WORKING_MEMORY, Engine, memory_share

__all__ = ["Choice", "Models"]

_CROP = 512  # pixels a side that are looked at to choose a model
_CORRELATED = 0.5  # ratio of `Whiteness` up to which noise is called so
_VISIBLE = 0.7 / 255  # of the range: less noise than that says nothing
_DEVICES = ("auto", "cpu", "gpu", "npu", "cuda", "mps", "torch")


@dataclass(frozen=True)
class Choice:
    """A model for a picture.

    Attributes
    ----------
    card, path
        The model.
    reason
        Why "auto" chose it; empty where the user did.
    """

    card: Card
    path: Path
    reason: str = ""


class Models:
    """The models of a `Denoiser`: chosen a picture, loaded once, shared by threads.

    Parameters and errors are those of `vdn.Denoiser`. It can be pickled: what is loaded stays
    behind and is loaded again where it is needed.
    """

    def __init__(
        self,
        model: str | Path = "auto",
        threads: int | None = None,
        max_memory: float | None = None,
        precision: str = "auto",
        device: str = "auto",
        weights: Path | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads={threads!r}; give a positive number, or None for all cores")
        if max_memory is not None and not 0 < max_memory < np.inf:
            raise InputError(f"max_memory={max_memory!r}; give a positive number of MB, or None")
        if precision not in ("auto", "fp32", "bf16"):
            raise InputError(f"precision={precision!r}; give 'auto', 'fp32' or 'bf16'")
        if device.partition(":")[0] not in _DEVICES:
            raise InputError(f"device={device!r}; give one of {', '.join(_DEVICES)}")
        self.model, self._weights, self.device = model, weights, device
        self._threads, self._precision = threads, precision
        self.max_memory = None if max_memory is None else float(max_memory)
        self._found: dict[str | Path, tuple[Card, Path]] = {}
        if model != "auto":
            self._found[model] = find_model(model, weights)
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_loaded", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._loaded: dict[tuple[str, str], LoadedModel] = {}
        self._lock = Lock()

    @property
    def working_memory(self) -> float:
        """The bound on windows and the rows around them, in MB."""
        return self.max_memory or min(WORKING_MEMORY, memory_share())

    def choose(self, frame: Frame) -> Choice:
        """Return the model for a frame; for "auto" a part of it is read.

        Noise that is independent from pixel to pixel is for `gaussian` in colour; correlated
        noise, which is what cameras, compression and enlargement leave, is for `photo`, and for
        `gray` there is the rest of what has one channel. What cannot be told is for `photo` where
        it looks like a photograph.
        """
        return self.suited(frame) if self.model == "auto" else self._choice(self.model)

    def suited(self, frame: Frame) -> Choice:
        """Return the model that suits the noise of a frame, whatever the user has named."""
        shipped = [card.name for card in list_models(self._weights)]
        if not shipped:
            raise InputError(
                "model='auto': no model ships with this vdn; give the path of an .onnx file"
            )
        wanted, reason = _suited(frame)
        if wanted[0] not in shipped:
            reason = f"the nearest that ships: {reason}"
        return self._choice(next(name for name in (*wanted, *shipped) if name in shipped), reason)

    def _choice(self, name: str | Path, reason: str = "") -> Choice:
        if name not in self._found:
            self._found[name] = find_model(name, self._weights)
        return Choice(*self._found[name], reason)

    def load(self, choice: Choice, dtype: np.dtype[Any]) -> LoadedModel:
        """Return a model ready to run on pictures of a dtype, loaded at the first that needs it."""
        precision = self._precision_for(dtype == np.uint8)
        key = str(choice.path), precision
        with self._lock:
            if key not in self._loaded:
                engine = self._engine(choice.path, precision)
                self._loaded[key] = LoadedModel(choice.card, engine)
            return self._loaded[key]

    @property
    def _torch_device(self) -> str | None:
        """The device where torch runs the networks; None where OpenVINO does."""
        return self.device if self.device.partition(":")[0] in ("cuda", "mps", "torch") else None

    def _precision_for(self, eight_bit: bool) -> str:
        if self._precision != "auto":
            return self._precision
        if not eight_bit or self._torch_device:
            return "fp32"
        from vdn.runtime.openvino_engine import cpu_has_bf16

        return "bf16" if cpu_has_bf16() else "fp32"

    def _engine(self, path: Path, precision: str) -> Engine:
        if self._torch_device:
            from vdn.runtime.torch_engine import TorchEngine

            return TorchEngine(_module(path), precision, self._torch_device)
        from vdn.runtime.openvino_engine import OpenVinoEngine

        device = "CPU" if self.device == "auto" else self.device.upper().replace(":", ".")
        return OpenVinoEngine(path, precision, self._threads, self.working_memory, device)


def _module(path: Path) -> Any:
    try:
        from vdn.export import load_module
    except ImportError as error:
        from vdn.errors import MissingExtraError

        raise MissingExtraError(
            f"a GPU needs {error.name}, which is not installed; `pip install 'vdn[train]'`"
        ) from error
    return load_module(path)


def _suited(frame: Frame) -> tuple[tuple[str, ...], str]:
    """Return the names of models, the best suited first, and why."""
    if not frame.channels.startswith("colour") and frame.color_channels > 1:
        return ("gray", "photo", "gaussian"), "separate channels"
    crop = frame.middle(_CROP)
    found = measure_colour_whiteness(crop) if crop.size else None
    colour = frame.color_channels == 3
    visible = found is not None and found.sigma > _VISIBLE * range_of(crop, frame.no_data).scale
    if found is not None and visible and found.ratio >= WHITE:
        names = ("gaussian", "photo", "gray") if colour else ("gray", "gaussian", "photo")
        return names, "noise independent from pixel to pixel"
    if found is not None and found.ratio <= _CORRELATED:
        return ("photo", "gaussian" if colour else "gray"), "correlated noise, as of a camera"
    if not colour:
        return ("gray", "photo", "gaussian"), "one channel"
    if frame.dtype == np.uint8 or found is not None:
        return ("photo", "gaussian", "gray"), "little noise, or of no clear kind"
    return ("gaussian", "photo", "gray"), "too small to tell"
