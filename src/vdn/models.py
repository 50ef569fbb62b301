"""Which model a picture gets, and the models that are loaded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from vdn.errors import InputError
from vdn.image.frame import Frame
from vdn.noise_kind import NoiseKind
from vdn.predictions import LoadedModel
from vdn.runtime.cards import TASKS, Card, find_model, list_models
from vdn.runtime.engine import WORKING_MEMORY, Engine, memory_share

__all__ = ["Choice", "Goal", "Models"]

_CORRELATED = "correlated noise, as of a camera"
_MORE, _LESS = 1.6, 0.8  # estimates of the same noise differ by less
_SOME = 2 / 255  # of the range: an estimate of less does no harm
_DEVICES = ("auto", "cpu", "gpu", "npu", "cuda", "mps", "torch")


@dataclass(frozen=True)
class Goal:
    """What models are wanted for.

    Attributes
    ----------
    task
        One of `vdn.runtime.cards.TASKS`.
    scale
        Pixels a side of the result for one of the picture; None for that of the model.
    """

    task: str = "denoise"
    scale: int | None = None

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise InputError(f"task={self.task!r}; give one of {', '.join(TASKS)}")
        if self.scale is not None and self.scale < 1:
            raise InputError(f"scale={self.scale!r}; give a whole number of at least 1, or None")

    def __str__(self) -> str:
        return self.task if self.scale is None else f"{self.task} x{self.scale}"

    @classmethod
    def of(cls, card: Card) -> "Goal":
        """Return what a model is for.

        Examples
        --------
        >>> str(Goal.of(Card("mine", channels=3, multiple=8, halo=40, scale=2, purpose="upscale")))
        'upscale x2'
        """
        return cls(card.purpose, card.scale if card.scale > 1 else None)

    def suits(self, card: Card) -> bool:
        """Return whether a model does this."""
        return card.purpose == self.task and self.scale in (None, card.scale)


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


_DENOISE = Goal()


class Models:
    """The models of a `Restorer`: chosen a picture, loaded once, shared by threads.

    Parameters and errors are those of `vdn.Restorer`; `goal` is what the models are for. It can be
    pickled: what is loaded stays behind and is loaded again where it is needed.
    """

    def __init__(
        self,
        model: str | Path = "auto",
        threads: int | None = None,
        max_memory: float | None = None,
        precision: str = "auto",
        device: str = "auto",
        weights: Path | None = None,
        goal: Goal = _DENOISE,
    ) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads={threads!r}; give a positive number, or None for all cores")
        if max_memory is not None and not 0 < max_memory < np.inf:
            raise InputError(f"max_memory={max_memory!r}; give a positive number of MB, or None")
        if precision not in ("auto", "fp32", "bf16"):
            raise InputError(f"precision={precision!r}; give 'auto', 'fp32' or 'bf16'")
        if device.partition(":")[0] not in _DEVICES:
            raise InputError(f"device={device!r}; give one of {', '.join(_DEVICES)}")
        self.model, self._weights, self.device, self.goal = model, weights, device, goal
        self._threads, self._precision = threads, precision
        self.max_memory = None if max_memory is None else float(max_memory)
        self._found: dict[str | Path, tuple[Card, Path]] = {}
        if model == "auto":
            self._cards()
        else:
            card, _ = self._found[model] = find_model(model, weights)
            if not goal.suits(card):
                raise InputError(
                    f"model={str(model)!r} is for {Goal.of(card)}, not for {goal}; give one that "
                    "is, or 'auto'"
                )
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

    def choose(self, frame: Frame, least_scale: float = 1) -> Choice:
        """Return the model for a frame; for "auto" a part of it may be read.

        Of models for the goal that differ in scale the one of the least that is at least
        `least_scale` is taken, of those that differ in nothing else one that has been made for the
        channels of the frame. Which of several denoisers is taken the noise decides: what is
        independent from pixel to pixel is for `gaussian` in colour; correlated noise, which is what
        cameras, compression and enlargement leave, is for `photo`, and for `gray` there is the rest
        of what has one channel. What cannot be told is for `photo` where it looks like a
        photograph. `gaussian` and `gray` have seen white noise alone, and few pixels around each:
        where they take text for noise, or miss some of it, `photo` is taken.
        """
        if self.model == "auto":
            return self.suited(frame, least_scale)
        choice = self._choice(self.model)
        if choice.card.scale < least_scale:
            raise InputError(
                f"model={str(self.model)!r} makes {choice.card.scale} times the pixels a side, and "
                f"{least_scale:.3g} are wanted"
            )
        return choice

    def suited(self, frame: Frame, least_scale: float = 1) -> Choice:
        """Return the model that suits a frame, whatever the user has named."""
        cards = self._cards()
        scales = sorted(card.scale for card in cards if card.scale >= least_scale)
        if not scales:
            most = max(card.scale for card in cards)
            raise InputError(
                f"{least_scale:.3g} times the pixels a side are wanted, and the largest scale that "
                f"ships is {most}; give a smaller size"
            )
        cards = [card for card in cards if card.scale == scales[0]]
        shipped = [card.name for card in cards]
        if self.goal != _DENOISE:
            count = 3 if frame.channels.startswith("colour") else 1
            return self._choice(min(cards, key=lambda card: card.channels != count).name)
        if not frame.channels.startswith("colour") and frame.color_channels > 1:
            return self._nearest(("gray", "photo", "gaussian"), "separate channels", shipped)
        noise = NoiseKind.of(frame)
        choice = self._nearest(*_suited(frame, noise), shipped)
        if choice.card.name == "photo" or "photo" not in shipped:
            return choice
        found = noise.estimate(self.load(choice, frame.dtype), choice.card.nominal_range)
        wider = self._choice("photo")
        if found > max(_MORE * noise.robust_sigma, _SOME) and not noise.counted:
            return replace(wider, reason=f"detail that {choice.card.name} takes for noise")
        if noise.is_visible and not noise.is_white:
            other = noise.estimate(self.load(wider, frame.dtype), choice.card.nominal_range)
            if found < _LESS * other and other < 2 * noise.sigma:  # more would be texture
                return replace(wider, reason=_CORRELATED)
        return choice

    def _nearest(self, wanted: Sequence[str], reason: str, shipped: Sequence[str]) -> Choice:
        """Return the first of the models wanted that ships, else any that does."""
        name = next(name for name in (*wanted, *shipped) if name in shipped)
        why = reason if name == wanted[0] else f"the nearest that ships: {reason}"
        return self._choice(name, why)

    def _cards(self) -> list[Card]:
        """Return the models that ship for the goal."""
        shipped = list_models(self._weights)
        found = [card for card in shipped if self.goal.suits(card)]
        if not found:
            others = [Goal.of(card) for card in shipped]
            raise InputError(
                f"no model for {self.goal} ships with this vdn, only for "
                f"{', '.join(dict.fromkeys(map(str, others))) or 'nothing'}; give the path of an "
                ".onnx file as the model (`--model FILE`), see `vdn train` and `vdn export`"
            )
        return found

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


def _suited(frame: Frame, noise: NoiseKind) -> tuple[tuple[str, ...], str]:
    """Return the names of models, the best suited first, and why."""
    colour = frame.color_channels == 3
    if noise.is_white:
        names = ("gaussian", "photo", "gray") if colour else ("gray", "gaussian", "photo")
        return names, "noise independent from pixel to pixel"
    if noise.is_correlated:
        return ("photo", "gaussian" if colour else "gray"), _CORRELATED
    if not colour:
        return ("gray", "photo", "gaussian"), "one channel"
    if frame.dtype == np.uint8 or noise.whiteness is not None:
        return ("photo", "gaussian", "gray"), "little noise, or of no clear kind"
    return ("gaussian", "photo", "gray"), "too small to tell"
