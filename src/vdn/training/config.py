"""One experiment, one TOML file: frozen dataclasses in which an unknown key is an error."""

import dataclasses
import math
import tomllib
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vdn.errors import ConfigError, VdnError
from vdn.noise.degradation import parse_degradation
from vdn.noise.registry import parse_noise

__all__ = ["Config", "Data", "Network", "Objective", "Optimiser", "Schedule", "load_config"]


@dataclass(frozen=True)
class Network:
    """Which networks make the model.

    `widths` to `error_width` are for the light family, whose S-Net is ``plain`` convolutions
    (`snet_width`, `snet_depth`) or a ``unet`` (`snet_widths`, `snet_blocks`), less a standard
    deviation of `snet_offset`; `width` and `depth` for dncnn, ffdnet and cbdnet (width alone), 0
    being the published one, `batch_norm` for dncnn.

    A light network has `scale` output pixels a side for one of the input, and its first level sees
    `unshuffle` of the input's as one; with `knet_width` it has a K-Net of `knet_blocks`, whose
    answers are means over `knet_window` cells of 4 x 4 pixels.
    """

    family: Literal["light", "paper", "dncnn", "ffdnet", "cbdnet"] = "light"
    channels: int = 3
    widths: tuple[int, ...] = (48, 96, 192)
    blocks: tuple[int, ...] = (2, 2, 3)
    snet: Literal["plain", "unet"] = "plain"
    snet_width: int = 32
    snet_depth: int = 5
    snet_widths: tuple[int, ...] = (24, 48, 96)
    snet_blocks: tuple[int, ...] = (1, 1, 2)
    snet_offset: float = 0.0
    error_width: int = 24
    scale: int = 1
    unshuffle: int = 2
    knet_width: int = 0
    knet_blocks: int = 2
    knet_window: int = 9
    width: int = 0
    depth: int = 0
    batch_norm: bool = False


@dataclass(frozen=True)
class Data:
    """Where the patches come from and which noise they get.

    `folders` hold clean images; `pairs` hold folders with ``noisy/`` and ``clean/``, drawn with
    probability `pair_share`, from each folder as often as `pair_shares` says (default: alike).
    `noise` maps noises of `vdn.noise.registry` to their shares, drawn for each patch;
    `exposure` is the range of a random factor of the brightness of the clean images, and
    `gray_share` the share of them made gray: three equal channels, their noise equal too. `pages`
    pictures of text and drawings (`vdn.data.pages`), `spots` of stars and fluorescence
    (`vdn.data.spots`) and `textures` of leaves and fur (`vdn.data.textures`) are rendered and added
    to the folders'.
    With `reduced`, the range of a random factor, every picture of the folders is there a second
    time, reduced by it: finer texture than cameras give, and less of the noise they leave.
    `shards` are tar files of clean pictures (`vdn pack`) in place of folders and pairs: names,
    folders, patterns. Each epoch has every picture once, for `crops` patches in a row.
    For the task ``restore`` `degradation` maps degradations of `vdn.noise.degradation`, all with
    the same reduction, to their shares; `patch` is the side of the clean patch.
    A share `upright` of the patches is neither turned nor mirrored, the others are in the seven
    other ways alike; 0 makes all eight alike.
    `detailed_share` of the patches are the one of four random ones with the most fine detail, and
    `told_share` those of which D-Net is told the true noise in place of S-Net's map.
    `workers` threads make batches while the step before runs; 0 makes them between steps.
    """

    folders: tuple[str, ...] = ()
    shards: tuple[str, ...] = ()
    crops: int = 1
    pairs: tuple[str, ...] = ()
    pair_share: float = 0.0
    pair_shares: tuple[int, ...] = ()
    noise: dict[str, float] = field(default_factory=lambda: {"gaussian:0..75": 0.5, "bump": 0.5})
    degradation: dict[str, float] = field(default_factory=dict)
    exposure: tuple[float, ...] = (1.0, 1.0)
    gray_share: float = 0.0
    pages: int = 0
    spots: int = 0
    textures: int = 0
    reduced: tuple[float, ...] = ()
    upright: float = 0.0
    detailed_share: float = 0.0
    told_share: float = 0.0
    patch: int = 128
    holdout_every: int = 40
    workers: int = 1


@dataclass(frozen=True)
class Objective:
    """What is minimised, see `vdn.training.objectives`.

    `weights` multiply the terms of the objective by name; those not named keep their own.
    `eps0_squared` is the prior variance of the image; the objectives other than the bound divide
    their squared errors by twice that, so that all are of one size. `eps0_power` lets the prior
    variance of the image follow the noise: eps0^2 (xi / xi_ref)^power with xi_ref the variance at
    sigma 25/255; 0 is the paper's constant. `map_gradient` lets what the bound says of the image
    reach S-Net through its map too, where an error of the map costs most. `xi` is the map of
    variances the data come with, or the filtered squared residual over a window of side `window`
    (p) and spatial `window_sigma`. `asymmetry` is CBDNet's alpha. A model with a K-Net draws its
    kernels on a grid of side `kernel_side`; `kernel_confidence` and `kernel_deviation` are those of
    `vdn.model.kernel_prior`.
    """

    kind: Literal["elbo", "noise", "mse", "known_map", "cbdnet"] = "elbo"
    weights: dict[str, float] = field(default_factory=dict)
    eps0_squared: float = 5e-5
    eps0_power: float = 0.0
    map_gradient: bool = False
    xi: Literal["true", "residual"] = "true"
    window: int = 7
    window_sigma: float = 3.0
    asymmetry: float = 0.3
    kernel_side: int = 21
    kernel_confidence: float = 50.0
    kernel_deviation: float = 0.1


@dataclass(frozen=True)
class Optimiser:
    """How the weights move.

    Gradient norms beyond `clip` times their running mean are cut; or, with `clip_bounds` (of D-Net
    and of S-Net), those of each network beyond its bound, which the mean norm of every
    `clip_images` images may lower: the published way.
    """

    name: Literal["adam", "adamw", "muon"] = "adamw"
    learning_rate: float = 1e-3
    muon_learning_rate: float = 1e-2
    weight_decay: float = 0.0
    clip: float = 2.0
    clip_bounds: tuple[float, ...] = ()
    clip_images: int = 320_000
    ema: float = 0.999


@dataclass(frozen=True)
class Schedule:
    """How long: by the clock (`minutes`) or by images seen (`images`); exactly one of them.

    A step takes `batch` patches a process, `accumulate` times. `decay` is a cosine down to
    `final_fraction`, or a factor of `milestone_factor` at each of `milestones`, fractions of the
    run.
    """

    minutes: float = 0.0
    images: int = 0
    batch: int = 16
    accumulate: int = 1
    warmup: int = 200
    decay: Literal["cosine", "milestones"] = "cosine"
    milestones: tuple[float, ...] = ()
    milestone_factor: float = 0.5
    final_fraction: float = 0.0
    tick_seconds: float = 60.0
    validate_minutes: float = 10.0
    checkpoint_minutes: float = 5.0


FAMILIES = {
    "elbo": ("light", "paper"),
    "noise": ("light", "paper"),
    "mse": ("light", "paper", "dncnn", "cbdnet"),
    "known_map": ("light", "ffdnet", "cbdnet"),
    "cbdnet": ("light", "paper", "cbdnet"),
}
"""The families of networks that give, or take, what each kind of objective needs."""


_RENDERED = "pages", "spots", "textures"


@dataclass(frozen=True)
class Config:
    """A whole experiment.

    `start` names the weights to begin from, see `vdn.training.weights`; `start_snet` those of the
    S-Net, where they come from elsewhere, or ``new``.

    Examples
    --------
    >>> Config(name="x", schedule=Schedule(minutes=1)).network.family
    'light'
    """

    name: str
    task: str = "denoise"
    seed: int = 0
    start: str = ""
    start_snet: str = ""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    network: Network = field(default_factory=Network)
    data: Data = field(default_factory=Data)
    objective: Objective = field(default_factory=Objective)
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        if (self.schedule.minutes > 0) == (self.schedule.images > 0):
            raise ConfigError(
                f"schedule.minutes is {self.schedule.minutes} and schedule.images is "
                f"{self.schedule.images}; set exactly one of them above 0"
            )
        for name, value, fits, wanted in self._bounds():
            if not fits:
                raise ConfigError(f"{name} is {value!r}; give {wanted}")
        families = FAMILIES[self.objective.kind]
        if self.network.family not in families:
            raise ConfigError(
                f"objective.kind is {self.objective.kind!r}, which cannot train network.family "
                f"{self.network.family!r}; it trains {', '.join(families)}"
            )

    def _bounds(self) -> Iterator[tuple[str, Any, bool, str]]:
        """Yield the keys whose values have to lie in a range."""
        network, data, schedule = self.network, self.data, self.schedule
        light = network.family == "light"
        yield "network.channels", network.channels, network.channels in (1, 3), "1 or 3"
        unets = {"widths": (network.widths, network.blocks)}
        unets |= {"snet_widths": (network.snet_widths, network.snet_blocks)}
        for name, (widths, blocks) in unets.items():
            fits = not light or (len(widths) == len(blocks) > 0 and min(widths) > 0)
            yield f"network.{name}", widths, fits, f"one above 0 for each of the blocks, {blocks}"
        fits = network.unshuffle in (1, 2, 4) and 1 <= network.scale <= 8
        sides = network.unshuffle, network.scale
        yield "network.unshuffle, .scale", sides, fits, "1, 2 or 4, and 1 to 8"
        yield "network.knet_window", network.knet_window, network.knet_window % 2 == 1, "odd"
        side = self.objective.kernel_side
        yield "objective.kernel_side", side, side % 2 == 1 and side > 0, "an odd number"
        confidence = self.objective.kernel_confidence, self.objective.kernel_deviation
        fits = confidence[0] > 1 and confidence[1] > 0
        yield "objective.kernel_confidence, .kernel_deviation", confidence, fits, "above 1, above 0"
        least = {"data.patch": (data.patch, 1), "schedule.batch": (schedule.batch, 1)}
        least |= {"schedule.accumulate": (schedule.accumulate, 1)}
        least |= {"schedule.warmup": (schedule.warmup, 0), "data.workers": (data.workers, 0)}
        least |= {"data.crops": (data.crops, 1)}
        least |= {"data.holdout_every": (data.holdout_every, 0)}
        least |= {f"data.{name}": (getattr(data, name), 0) for name in _RENDERED}
        for name, (number, low) in least.items():
            yield name, number, number >= low, f"a number of at least {low}"
        for kind, share in data.noise.items():
            yield f"data.noise.{kind}", share, 0 <= share < math.inf, "a share of 0 or more"
            _check("noise", parse_noise, kind)
        for kind, share in data.degradation.items():
            yield f"data.degradation.{kind}", share, 0 < share < math.inf, "a share above 0"
            _check("degradation", parse_degradation, kind)
        others = "folders", "pairs", *_RENDERED, "reduced", "detailed_share"
        alone = not (data.shards and any(getattr(data, name) for name in others))
        wanted = f"them without {', '.join(others)}"
        yield "data.shards", data.shards, alone, wanted
        yield "data.noise", data.noise, sum(data.noise.values()) > 0, "a share above 0"
        for name in ("pair_share", "gray_share", "upright", "detailed_share"):
            share = getattr(data, name)
            yield f"data.{name}", share, 0 <= share <= 1, "a share from 0 to 1"
        heeded = self.objective.kind == "elbo" and self.task == "denoise" and light
        fits = 0 <= data.told_share <= heeded
        wanted = "a share from 0 to 1; 0 but for the bound of a light denoiser"
        yield "data.told_share", data.told_share, fits, wanted
        rates = self.optimiser.learning_rate, self.optimiser.muon_learning_rate
        yield "optimiser.learning_rate", rates, min(rates) > 0, "numbers above 0"
        bounds = self.optimiser.clip_bounds
        variational = network.family in ("light", "paper") and not network.knet_width
        fits = not bounds or (variational and len(bounds) == 2 and min(bounds) > 0)
        yield "optimiser.clip_bounds", bounds, fits, "two above 0, for D-Net and S-Net"
        yield "optimiser.ema", self.optimiser.ema, 0 <= self.optimiser.ema < 1, "0 to below 1"

    def as_dict(self) -> dict[str, Any]:
        """Plain containers, ready for JSON or TOML; `from_dict` is the way back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Config":
        """Build from plain containers; an unknown key or a wrong type raises `ConfigError`."""
        return _build(cls, values, "")


def _check(key: str, parse: Callable[[str], Any], name: str) -> None:
    try:
        parse(name)
    except VdnError as error:
        raise ConfigError(f"data.{key}: {error}") from error


def load_config(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """Read a TOML file, with ``section.key=value`` overrides (values in TOML notation).

    Raises
    ------
    ConfigError
        For an unreadable file, an unknown key or a value of the wrong type.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"config {path}: {error}") from error
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise ConfigError(f"override {override!r} has no '='; write section.key=value")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        *sections, last = key.strip().split(".")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ConfigError(f"override {override!r}: {section} is not a section")
        place[last] = value
    return Config.from_dict(values)


def _build(kind: type, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise ConfigError(f"{where or 'config'} is {values!r}; it must be a table")
    known = {f.name: f for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    for key in values:
        if key not in known:
            raise ConfigError(f"unknown key {where}{key}; known here: {', '.join(sorted(known))}")
    missing = [
        name
        for name, f in known.items()
        if name not in values
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"missing key {where}{missing[0]}")
    return kind(**{k: _convert(hints[k], v, f"{where}{k}") for k, v in values.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type, hint), value, f"{where}.")
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{where} is {value!r}; one of {', '.join(map(repr, arguments))}")
        return value
    if origin is tuple and isinstance(value, (list, tuple)):
        return tuple(_convert(arguments[0], item, where) for item in value)
    if origin is dict and isinstance(value, dict):
        return {str(k): _convert(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in (str, float, int, bool) and type(value) is hint:
        return value
    raise ConfigError(f"{where} is {value!r}; it must be of type {hint}")
