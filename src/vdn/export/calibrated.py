"""The intervals of an exported model, measured anew on other pictures or another kind of noise."""

import json
from pathlib import Path

import onnx
import torch

from vdn.errors import ConfigError, InputError
from vdn.export.loading import load_module
from vdn.export.onnx_file import CARD_KEY
from vdn.image.atomic import replacing
from vdn.runtime.cards import find_model
from vdn.training.config import Config
from vdn.training.task import find_task

__all__ = ["calibrate_model"]


def calibrate_model(
    source: str | Path, config: Config, out: str | Path, *, overwrite: bool = False
) -> Path:
    """Write a model file whose intervals of the noise hold on given pictures with given noise.

    What a run of `vdn.training` measures at its end; the weights stay as they are.

    Parameters
    ----------
    source : str or path
        An exported file, or the name of a shipped model.
    config : Config
        Its pictures that are held out (``data.folders``, ``data.holdout_every``) are used, with
        the noise of ``data.noise``.
    out : str or path
        The ``.onnx`` file to write.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    FileError, InputError
        If there is no such model, or `out` exists.
    ConfigError
        If nothing is held out, or the model has other channels.
    """
    out, (card, path) = Path(out), find_model(source)
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists; choose another name or ask to overwrite it")
    if card.channels != config.network.channels:
        raise ConfigError(
            f"network.channels is {config.network.channels}, {card.name} has {card.channels}"
        )
    task = find_task(config)
    task.load_data(torch.device("cpu"))
    scores = task.calibrate(load_module(source)).get("sigma_scores")
    if not scores:
        raise ConfigError("nothing is held out to measure on; name folders and holdout_every")
    file = onnx.load(path)
    for entry in file.metadata_props:
        if entry.key == CARD_KEY:
            entry.value = json.dumps(json.loads(entry.value) | {"sigma_scores": scores})
    with replacing(out, overwrite) as part:
        part.write_bytes(file.SerializeToString())
    return out
