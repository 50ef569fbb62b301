"""Which models there are, and what each needs and promises: the cards."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from vdn.errors import ConfigError, FileError, InputError
from vdn.runtime.openvino_import import openvino_core

__all__ = ["INFERRED", "TASKS", "Card", "find_model", "list_models"]

TASKS = ("denoise", "upscale", "deblur", "deblock")
"""What a model may be for; `vdn.restore` takes one by name."""

INFERRED = ("noise", "kernel", "jpeg_quality")
"""What may be found out about how a picture came to be as it is."""

_TUPLES = ("infers", "noise_range", "training_data")
_TYPES = {  # of the fields by annotation; the others are free
    "<class 'str'>": (str,),
    "<class 'int'>": (int,),
    "<class 'float'>": (int, float),
    "<class 'bool'>": (bool,),
}


@dataclass(frozen=True)
class Card:
    """What there is to know about a model without running it.

    Attributes
    ----------
    name, summary, task, not_for, version, licence
        Free text; `name` is what `model=` takes, `not_for` names what it does badly.
    purpose
        Which of `TASKS` it is for.
    infers
        Which of `INFERRED` is told along with its results.
    channels
        Channels of the images it sees, 1 or 3.
    multiple
        Heights and widths the network takes are multiples of this.
    halo, noise_halo
        Radius of dependence in pixels, of the whole network and of its noise part: an output pixel
        depends on no input pixel further away. Where the second is 0 the first holds for both.
    scale
        Output pixels a side for one input pixel.
    estimates_noise
        Whether its noise part was trained to estimate the noise; else it needs a given map.
    nominal_range
        Whether it was trained to know where black and white are, as cameras have them; else every
        picture but those of 8 bits is stretched to [0, 1].
    parameters, kmac_per_pixel
        Its size, and its work per pixel in thousands of multiply-adds.
    noise_range
        Smallest and largest standard deviation seen in training, images in [0, 1].
    error_scale
        Split-conformal factor of the predicted standard deviation of the error.
    sigma_scores
        How the standard deviation of the noise was spread about the estimate on pictures of known
        noise: `sigma`, levels of the estimate in images in [0, 1]; `probability`; and `score`, for
        each level the quantiles of log(true / estimate), in widths of the posterior
        (`vdn.noise_quantiles`). Empty where that was not measured.
    training_data
        One mapping a data set, with `name` and `licence`.
    metrics
        Measured quality, by name.
    network, trained_megapixels
        The configuration section that builds its architecture, and how much it has seen.
    sha256
        Digest of the weight file; verified when a shipped model is loaded.

    Examples
    --------
    >>> card = Card.from_mapping({"name": "mine", "channels": 1, "multiple": 8, "halo": 40})
    >>> card.channels, card.error_scale
    (1, 1.0)
    """

    name: str
    channels: int
    multiple: int
    halo: int
    noise_halo: int = 0
    scale: int = 1
    purpose: str = "denoise"
    infers: tuple[str, ...] = ("noise",)
    estimates_noise: bool = True
    nominal_range: bool = True
    summary: str = ""
    task: str = ""
    not_for: str = ""
    parameters: int = 0
    kmac_per_pixel: float = 0.0
    noise_range: tuple[float, float] = (0.0, 1.0)
    error_scale: float = 1.0
    sigma_scores: Mapping[str, Any] = field(default_factory=dict)
    training_data: tuple[Mapping[str, str], ...] = ()
    licence: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    trained_megapixels: int = 0
    sha256: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        for f in fields(self):
            value, kinds = getattr(self, f.name), _TYPES.get(str(f.type), (object,))
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                raise ConfigError(
                    f"card {self.name!r}: {f.name} is {value!r}; export the model again"
                )
        if self.channels not in (1, 3):
            raise ConfigError(f"card {self.name!r}: channels is {self.channels!r}; give 1 or 3")
        for name, least in (("multiple", 1), ("halo", 1), ("noise_halo", 0), ("scale", 1)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"card {self.name!r}: {name} is {getattr(self, name)!r}; "
                    f"give a number of at least {least}"
                )
        if self.purpose not in TASKS or not set(self.infers) <= set(INFERRED):
            raise ConfigError(
                f"card {self.name!r}: purpose is {self.purpose!r} and infers {list(self.infers)}; "
                f"there are {', '.join(TASKS)} and {', '.join(INFERRED)}"
            )
        if self.scale > 1 and self.purpose != "upscale":
            raise ConfigError(
                f"card {self.name!r}: scale is {self.scale}, which is for the purpose 'upscale', "
                f"and not for {self.purpose!r}; export the model again"
            )
        if not self.error_scale > 0:
            raise ConfigError(
                f"card {self.name!r}: error_scale is {self.error_scale!r}; give a positive number"
            )
        if self.sigma_scores and not _are_scores(self.sigma_scores):
            raise ConfigError(
                f"card {self.name!r}: sigma_scores is {self.sigma_scores!r}; give rising levels "
                "`sigma`, rising values of `probability`, and for each level a row of `score`"
            )

    @property
    def infers_kernel(self) -> bool:
        """Whether the blur that was undone is told."""
        return "kernel" in self.infers

    @property
    def infers_jpeg(self) -> bool:
        """Whether the compression that a picture went through is told."""
        return "jpeg_quality" in self.infers

    @property
    def only_denoises(self) -> bool:
        """Whether all it takes away is noise, so that without noise to remove nothing changes."""
        return self.scale == 1 and not self.infers_kernel

    @property
    def non_commercial(self) -> tuple[str, ...]:
        """Names of the data sets it was trained on that are for non-commercial use."""
        return tuple(
            data["name"] for data in self.training_data if "non-commercial" in data["licence"]
        )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], source: str = "card") -> "Card":
        """Build a card from parsed TOML or JSON; unknown and missing keys are errors.

        Parameters
        ----------
        mapping
            The fields by name; lists may stand for tuples.
        source
            Where it came from, for the error message.

        Raises
        ------
        ConfigError
            On a key that is not a field, a missing field, or a value out of range.
        """
        names = [f.name for f in fields(cls)]
        if unknown := sorted(set(mapping) - set(names)):
            raise ConfigError(
                f"{source}: unknown key {', '.join(unknown)}; known are {', '.join(names)} "
                "(a file made by a newer vdn needs that version)"
            )
        if missing := [n for n in ("name", "channels", "multiple", "halo") if n not in mapping]:
            raise ConfigError(f"{source}: lacks {', '.join(missing)}; export the model again")
        values = dict(mapping)
        for name in _TUPLES:
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Return the fields as plain lists, dictionaries, numbers and strings (fit for JSON)."""
        plain = asdict(self)
        return plain | {name: list(plain[name]) for name in _TUPLES}


def list_models(folder: Path | None = None) -> tuple[Card, ...]:
    """Return the cards of the models that ship, in the order of `cards.toml`.

    Parameters
    ----------
    folder
        A folder with `cards.toml` and `<name>.onnx` files; default: the one in the package.

    Raises
    ------
    FileError
        When `cards.toml` is missing or no TOML.
    ConfigError
        When one of its cards is wrong.

    Examples
    --------
    >>> all(card.channels in (1, 3) for card in list_models())
    True
    """
    path = _folder(folder) / "cards.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileError(
            f"{path}: no readable list of models ({error}); install vdn anew"
        ) from error
    return tuple(
        Card.from_mapping({"name": name, **table}, source=f"{path} [{name}]")
        for name, table in tables.items()
    )


def find_model(name_or_path: str | Path, folder: Path | None = None) -> tuple[Card, Path]:
    """Return the card and the weight file of a shipped model or of a file of one's own.

    Parameters
    ----------
    name_or_path
        A shipped model's name, or the path of a `.onnx` file with a card in its metadata
        (property `vdn`, a JSON object).
    folder
        As in `list_models`.

    Raises
    ------
    InputError
        When no model has that name.
    FileError
        When the file is missing, damaged, or has no card.
    """
    path = Path(name_or_path)
    if path.suffix.lower() == ".onnx":
        return _card_in_file(path), path
    cards = {card.name: card for card in list_models(folder)}
    if str(name_or_path) not in cards:
        known = ", ".join(cards) or "none"
        raise InputError(
            f"model {str(name_or_path)!r} is not known; shipped: {known}; "
            "a file of your own is given by its path, ending in .onnx"
        )
    card = cards[str(name_or_path)]
    path = _folder(folder) / f"{card.name}.onnx"
    _verify(path, card.sha256)
    return card, path


def _are_scores(scores: Mapping[str, Any]) -> bool:
    try:
        axes = [np.asarray(scores[name], float) for name in ("sigma", "probability")]
        table = np.asarray(scores["score"], float)
    except (KeyError, TypeError, ValueError):
        return False
    if table.shape != tuple(axis.size for axis in axes) or not table.size:
        return False
    rising = all((axis > 0).all() and (np.diff(axis) > 0).all() for axis in axes)
    spread = np.isfinite(table).all() and (np.diff(table, axis=1) >= 0).all()
    return rising and bool(axes[1][-1] < 1 and spread)


def _folder(folder: Path | None) -> Path:
    return Path(str(files("vdn.runtime"))) / "weights" if folder is None else folder


def _verify(path: Path, expected: str) -> None:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error}); install vdn anew") from error
    if digest != expected:
        raise FileError(
            f"{path}: its sha256 is {digest}, its card says {expected or 'nothing'}; "
            "the file is damaged or was replaced: install vdn anew, "
            "or give a file of your own by its path"
        )


def _card_in_file(path: Path) -> Card:
    if not path.is_file():
        raise FileError(
            f"{path}: no such file; give the path of a model, or a shipped model's name"
        )
    text = _onnx_card(path)
    if text is None:
        raise FileError(f"{path}: has no card (metadata `vdn`); export it with `vdn export`")
    try:
        mapping = json.loads(text)
    except json.JSONDecodeError as error:
        raise FileError(f"{path}: its card is no JSON ({error}); export it again") from error
    if not isinstance(mapping, dict):
        raise FileError(f"{path}: its card is no JSON object; export it again")
    return Card.from_mapping(mapping, source=str(path))


def _onnx_card(path: Path) -> str | None:
    try:
        model = openvino_core().read_model(path)
    except RuntimeError as error:
        raise FileError(f"{path}: is no ONNX model that OpenVINO reads ({error})") from error
    key = ["framework", "vdn"]  # where OpenVINO keeps the `metadata_props` of an ONNX file
    return str(model.get_rt_info(key).value) if model.has_rt_info(key) else None
