"""The training loop: a plain function that counts progress and resumes from a complete state."""

import itertools
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedDataParallelKwargs, broadcast, set_seed
from torch import Tensor, nn

from vdn.errors import ConfigError, FileError
from vdn.training.checkpoint import load_state, save_state
from vdn.training.config import Config, load_config
from vdn.training.optimiser import (
    MovingAverage,
    NetworkClipper,
    NormClipper,
    learning_rate_factor,
    make_optimisers,
)
from vdn.training.precision import choose_precision
from vdn.training.samples import made_ahead
from vdn.training.task import find_task
from vdn.training.weights import load_weights

__all__ = ["Run", "run", "train"]

logger = logging.getLogger(__name__)
CHECKPOINT, LOG, CONFIG = "checkpoint.pt", "log.jsonl", "config.json"


def run(
    config: str | Path,
    overrides: list[str] | tuple[str, ...] = (),
    run_folder: str | Path | None = None,
    resume: bool = False,
) -> Path:
    """Train as a configuration file says; returns the run folder.

    Parameters
    ----------
    config : path
        A TOML file, see `vdn.training.config`.
    overrides : list of str
        ``section.key=value`` in TOML notation.
    run_folder : path, optional
        Default ``runs/<name>``.
    resume : bool
        Go on from the checkpoint in the run folder.

    Raises
    ------
    ConfigError, FileError
        For a bad configuration, missing data, or a run folder that already holds a run.
    """
    settings = load_config(config, overrides)
    folder = Path(run_folder) if run_folder else Path("runs") / settings.name
    train(settings, folder, resume=resume)
    return folder


@dataclass
class Run:
    """The state of a training run: all that a checkpoint holds and `--resume` needs.

    Attributes
    ----------
    model
        The bare model, whose weights move.
    optimisers, average, clipper
        What moves them, their moving average, and the bound on the gradient.
    step, images, seconds
        How far the run is; `seconds` are those of training before the present process.
    calibration
        What the task measured of the trained model.
    """

    config: Config
    model: nn.Module
    optimisers: Sequence[torch.optim.Optimizer]
    average: MovingAverage
    clipper: NormClipper | NetworkClipper
    step: int = 0
    images: int = 0
    seconds: float = 0.0
    calibration: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, config: Config, model: nn.Module, dtype: torch.dtype) -> "Run":
        """Return the state before the first step."""
        return cls(
            config,
            model,
            make_optimisers(model, config.optimiser, dtype),
            MovingAverage(model, config.optimiser.ema),
            _clipper(config, model),
        )

    def state(self) -> dict[str, Any]:
        """Return plain containers and tensors; `load` is the way back."""
        return {
            "config": self.config.as_dict(),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "step": self.step,
            "images": self.images,
            "seconds": self.seconds,
            "clip_running": self.clipper.running.tolist(),
            "calibration": self.calibration,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up a state, of the same configuration but for its schedule.

        Raises
        ------
        ConfigError
            When the configuration is another: names the keys.
        """
        before = Config.from_dict(state["config"]).as_dict()  # with keys that are newer than it
        changed = sorted(_differences(before, self.config.as_dict()))
        if changed:
            raise ConfigError(
                f"the run to resume has another {', '.join(changed)}; resume it as it was (only "
                "the schedule may change), or begin a run of your own from its weights (start)"
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.images, self.seconds = state["step"], state["images"], state["seconds"]
        self.clipper.running.copy_(torch.tensor(state["clip_running"]))

    def update(self, factor: float) -> tuple[Tensor, Tensor]:
        """Move the weights by the gradients that are there; return their norm and if it is finite.

        Where it is not, nothing moves: no weight, no momentum, no average. Both are scalars on
        the device, from which nothing is read back.
        """
        norm = self.clipper(self.model.parameters())
        finite = norm.isfinite()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * factor
            optimiser.found_inf = (~finite).float()  # type: ignore[attr-defined]  # as GradScaler
            optimiser.step()
        self.average.update(self.model, ~finite)
        self.step += 1
        return norm, finite


def _clipper(config: Config, model: nn.Module) -> NormClipper | NetworkClipper:
    optimiser, schedule = config.optimiser, config.schedule
    if not optimiser.clip_bounds:
        return NormClipper(optimiser.clip, device=next(model.parameters()).device)
    networks = [getattr(model, name) for name in ("dnet", "snet")]
    processes = PartialState().num_processes
    step = schedule.batch * schedule.accumulate * processes
    return NetworkClipper(networks, optimiser.clip_bounds, max(1, optimiser.clip_images // step))


def train(config: Config, folder: Path, *, resume: bool = False) -> None:
    """Train one model into a run folder: `config.json`, `log.jsonl`, `checkpoint.pt`.

    The folder appears with the first step: an error before it leaves nothing behind.
    """
    dtype = choose_precision(config.precision)
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        mixed_precision="bf16" if dtype == torch.bfloat16 else "no",
        kwargs_handlers=[DistributedDataParallelKwargs(gradient_as_bucket_view=True)],
    )
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists() and not resume:
        raise ConfigError(f"{folder}: already holds a run; resume it or choose another folder")
    if resume and not checkpoint.exists():
        raise FileError(f"{checkpoint}: nothing to resume")
    set_seed(config.seed)
    task = find_task(config)
    if config.start:
        load_weights(task.model, config.start, "dnet" if config.start_snet else "")
    if config.start_snet not in ("", "new"):
        load_weights(task.model, config.start_snet, "snet")
    task.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model = accelerator.prepare(task.model)
    current = Run.begin(config, accelerator.unwrap_model(model), dtype)
    if resume:
        current.load(load_state(checkpoint))
    task.load_data(accelerator.device)
    log = _Log(current, folder, accelerator.is_main_process)
    schedule, before, begun = config.schedule, current.step, time.monotonic()
    earlier = current.seconds

    def validation() -> dict[str, float]:
        with accelerator.autocast():
            return task.validate(current.average.module)

    def save() -> None:
        if accelerator.is_main_process and current.step > before:
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(config.as_dict(), indent=1)
            (folder / CONFIG).write_text(text, encoding="utf-8")
            save_state(checkpoint, current.state())

    at_start: dict[str, float] = {}
    if config.start and not resume:
        at_start = validation()
        log.row("start", at_start)
    last_checkpoint = last_validation = current.seconds
    # Batches are numbered through all processes, so that a resumed run, on however many, goes on
    # where the other broke off: none is left out, none comes twice.
    first = current.images // schedule.batch
    turns = itertools.count(first + accelerator.process_index, accelerator.num_processes)
    batches = made_ahead(task.batch, turns, config.data.workers)
    try:
        while (progress := _progress(current, accelerator)) < 1:
            factor = learning_rate_factor(current.step, progress, schedule)
            current.model.zero_grad()
            terms: dict[str, Tensor] = {}
            for part in range(schedule.accumulate):
                last = part == schedule.accumulate - 1
                with nullcontext() if last else accelerator.no_sync(model):
                    found = task.loss(model, next(batches))
                    accelerator.backward(found.loss / schedule.accumulate)
                for name, term in {"loss": found.loss, **found.named}.items():
                    terms[name] = terms.get(name, 0) + term.detach() / schedule.accumulate
            norm, finite = current.update(factor)
            current.images += schedule.batch * schedule.accumulate * accelerator.num_processes
            current.seconds = now = earlier + time.monotonic() - begun
            log.add(terms | {"gradient_norm": norm}, finite)
            log.tick(factor, progress, accelerator.num_processes)
            if now - last_validation >= 60 * schedule.validate_minutes:
                log.row("validation", validation())
                last_validation = current.seconds
            if now - last_checkpoint >= 60 * schedule.checkpoint_minutes:
                save()
                last_checkpoint = current.seconds
    finally:
        batches.close()
        save()  # also after Ctrl-C or an error: the run can be resumed from here
    at_end = validation()
    log.row("validation", at_end)
    if worse := _worse(at_start, at_end):
        logger.warning("worse than the weights it began with: %s", worse)
    if measured := task.calibrate(current.average.module):
        current.calibration = measured
        log.row("calibration", measured)
        save()
    accelerator.end_training()


class _Log:
    """`log.jsonl` and the status lines; sums stay on the device until a line is written."""

    def __init__(self, current: Run, folder: Path, writes: bool) -> None:
        self._run, self._folder, self._writes = current, folder, writes
        self._sums: dict[str, Tensor] = {}
        self._last, self._images, self._steps = current.seconds, current.images, 0

    def add(self, values: Mapping[str, Tensor], finite: Tensor) -> None:
        """Take in the values of a step, unless its gradient was not finite."""
        self._steps += 1
        for name, value in {**values, "kept": torch.ones_like(finite)}.items():
            value = torch.where(finite, value.float(), 0.0)
            self._sums[name] = self._sums[name] + value if name in self._sums else value

    def tick(self, factor: float, progress: float, processes: int) -> None:
        """Write a line of means if it is time to."""
        seconds = self._run.seconds - self._last
        if seconds < self._run.config.schedule.tick_seconds:
            return
        sums = torch.stack(list(self._sums.values())).tolist()
        means = dict(zip(self._sums, sums, strict=True))
        kept = means.pop("kept")
        means = {name: total / max(kept, 1) for name, total in means.items()}
        if kept < self._steps:
            means["skipped"] = self._steps - kept
        means["rate"] = factor
        means["images_per_second"] = (self._run.images - self._images) / seconds
        means["minutes_left"] = self._run.seconds / 60 * (1 / max(progress, 1e-9) - 1)
        self.row("tick", means)
        self._sums, self._steps = {}, 0
        self._last, self._images = self._run.seconds, self._run.images

    def row(self, kind: str, values: Mapping[str, Any]) -> None:
        """Write a line, if there is anything to say."""
        if not self._writes or not values:
            return
        run = self._run
        row = {"kind": kind, "step": run.step, "images": run.images, "seconds": run.seconds}
        row |= {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}
        row["seconds"] = round(run.seconds, 1)
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        logger.info(" ".join(f"{name}={value}" for name, value in row.items()))


def _worse(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Name the PSNR of cases that have become lower."""
    return ", ".join(
        f"{name} {value:.2f}, now {after[name]:.2f} dB"
        for name, value in before.items()
        if name.startswith("psnr_") and after[name] < value - 0.005
    )


def _progress(current: Run, accelerator: Accelerator) -> float:
    """Return the share of the run that is done, the same on every rank: the first one's clock."""
    schedule = current.config.schedule
    if schedule.images:
        return current.images / schedule.images
    share = current.seconds / (60 * schedule.minutes)
    if accelerator.num_processes == 1:
        return share
    shared = torch.tensor(share, dtype=torch.float64, device=accelerator.device)
    return float(broadcast(shared))


_FREE = ("schedule", "data.workers")  # what a resumed run may change


def _differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Yield the keys, joined by dots, whose values differ."""
    if where in _FREE:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {*before, *after}:
            name = f"{where}.{key}" if where else key
            yield from _differences(before.get(key), after.get(key), name)
    elif _plain(before) != _plain(after):
        yield where


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
