"""The training loop: a plain function that counts progress and resumes from a complete state."""

import json
import logging
import time
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, set_seed
from torch.optim.swa_utils import AveragedModel

from vdn.errors import ConfigError, FileError
from vdn.model import VDN
from vdn.training.build import build_model
from vdn.training.calibration import error_scale
from vdn.training.checkpoint import load_state, save_state
from vdn.training.config import Config, load_config
from vdn.training.objectives import END_TO_END, TOLD, choose_objective, freeze_unreached
from vdn.training.optimiser import (
    NormClipper,
    learning_rate_factor,
    make_optimisers,
    moving_average,
)
from vdn.training.precision import choose_precision
from vdn.training.samples import endless_loader, training_data
from vdn.training.validation import validate

__all__ = ["run", "train"]

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


def train(config: Config, folder: Path, *, resume: bool = False) -> None:
    """Train one model into a run folder: `config.json`, `log.jsonl`, `checkpoint.pt`."""
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
    folder.mkdir(parents=True, exist_ok=True)
    set_seed(config.seed)
    objective = choose_objective(config.objective)
    told = config.objective.kind in TOLD
    model = build_model(config.network, end_to_end=config.objective.kind in END_TO_END)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.start:
        from vdn.training.weights import load_weights

        load_weights(model, config.start)
    freeze_unreached(model, objective, config.network.channels)
    model = accelerator.prepare(model)
    plain = accelerator.unwrap_model(model)
    optimisers = make_optimisers(plain, config.optimiser, dtype)
    average = AveragedModel(
        plain, multi_avg_fn=moving_average(config.optimiser.ema), use_buffers=True
    )
    clipper = NormClipper(config.optimiser.clip)
    step = images = 0
    elapsed, scale = 0.0, 1.0
    if resume:
        state = load_state(checkpoint)
        plain.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        step, images, elapsed = state["step"], state["images"], state["seconds"]
        clipper.running = state["clip_running"]
    patches, held = training_data(config)
    loader = endless_loader(
        patches,
        config,
        start=images,
        process=accelerator.process_index,
        processes=accelerator.num_processes,
    )

    def save() -> None:
        if not accelerator.is_main_process:
            return
        whole = {
            "config": config.as_dict(),
            "model": plain.state_dict(),
            "average": average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in optimisers],
            "step": step,
            "images": images,
            "seconds": seconds(),
            "clip_running": clipper.running,
            "error_scale": scale,
        }
        save_state(checkpoint, whole)

    def seconds() -> float:
        return elapsed + time.monotonic() - begun

    def record(kind: str, values: dict[str, float]) -> None:
        row = {"kind": kind, "step": step, "images": images, "seconds": round(seconds(), 1)}
        row |= {name: round(value, 6) for name, value in values.items()}
        if accelerator.is_main_process:
            with (folder / LOG).open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")
            logger.info(" ".join(f"{name}={value}" for name, value in row.items()))

    if accelerator.is_main_process:
        (folder / CONFIG).write_text(json.dumps(config.as_dict(), indent=1), encoding="utf-8")
    parameters = list(plain.parameters())
    schedule = config.schedule
    sums: dict[str, float] = {}
    steps_in_tick = 0
    begun = time.monotonic()
    last_tick = last_checkpoint = last_validation = seconds()
    try:
        for batch in loader:
            if schedule.images:
                progress = images / schedule.images
            else:
                progress = seconds() / (60 * schedule.minutes)
            if progress >= 1:
                break
            factor = learning_rate_factor(step, progress, schedule)
            for optimiser in optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = group["initial_lr"] * factor
                optimiser.zero_grad()
            batch["noisy"] = batch["noisy"].contiguous(memory_format=torch.channels_last)
            terms = objective(model, batch)
            accelerator.backward(terms.loss)
            norm = clipper(parameters)
            for optimiser in optimisers:
                optimiser.step()
            average.update_parameters(plain)
            step += 1
            images += schedule.batch * accelerator.num_processes
            steps_in_tick += 1
            for name, term in {"loss": terms.loss, **terms.named}.items():
                sums[name] = sums.get(name, 0.0) + float(term.detach())
            sums["gradient_norm"] = sums.get("gradient_norm", 0.0) + norm
            now = seconds()
            if now - last_tick >= schedule.tick_seconds:
                means = {name: value / steps_in_tick for name, value in sums.items()}
                means["rate"] = factor
                means["images_per_second"] = steps_in_tick * schedule.batch / (now - last_tick)
                record("tick", means)
                sums, steps_in_tick, last_tick = {}, 0, now
            if held and now - last_validation >= 60 * schedule.validate_minutes:
                record("validation", _validate(accelerator, average.module, held, told))
                last_validation = seconds()
            if now - last_checkpoint >= 60 * schedule.checkpoint_minutes:
                save()
                last_checkpoint = seconds()
    finally:
        save()  # also after Ctrl-C or an error: the run can be resumed from here
    if held:
        record("validation", _validate(accelerator, average.module, held, told))
        if config.network.family == "light" and config.network.error_width:
            scale = error_scale(cast(VDN, average.module), held, told)
            record("calibration", {"error_scale": scale})
            save()
    accelerator.end_training()


def _validate(
    accelerator: Accelerator, model: Any, held: list[Any], told: bool
) -> dict[str, float]:
    with accelerator.autocast():
        return validate(model, held, told)
