"""The intervals of an exported model, measured anew on other pictures or another kind of noise."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx

from vdn.data.images import image_files, read_image
from vdn.errors import ConfigError, InputError
from vdn.export.loading import load_module
from vdn.export.onnx_file import CARD_KEY
from vdn.image.atomic import replacing
from vdn.runtime.cards import find_model
from vdn.training.calibration import CROPS, noisy_crops, sigma_scores

__all__ = ["calibrate_model"]


def calibrate_model(
    source: str | Path,
    folders: Sequence[str | Path],
    noise: Mapping[str, float],
    out: str | Path,
    *,
    crops: int = CROPS,
    overwrite: bool = False,
) -> Path:
    """Write a model file whose intervals of the noise hold on given pictures with given noise.

    What a run of `vdn.training` measures at its end; the weights stay as they are.

    Parameters
    ----------
    source : str or path
        An exported file, or the name of a shipped model.
    folders : sequence of str or path
        Of clean pictures.
    noise : mapping of str to float
        Noise as for ``data.noise``, with its shares; a third of the crops has weak white noise
        instead.
    out : str or path
        The ``.onnx`` file to write.
    crops : int
        How many parts of the pictures, of 160 x 160 pixels, are given noise.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    FileError, InputError
        If there is no such model or no picture in a folder, or `out` exists.
    ConfigError
        If there is no noise of that name, or too little to measure on.

    Examples
    --------
    >>> calibrate_model("photo", ["clean"], {"gaussian:0..30": 1.0}, "mine.onnx")  # doctest: +SKIP
    """
    out, (card, path) = Path(out), find_model(source)
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists; choose another name or ask to overwrite it")
    files = [file for folder in folders for file in image_files(folder)]
    images = [read_image(file, card.channels) for file in files]
    scores = sigma_scores(load_module(source), noisy_crops(images, noise, count=crops))
    if not scores:
        raise ConfigError(f"crops is {crops}: too few pixels to measure on; give more")
    file = onnx.load(path)
    for entry in file.metadata_props:
        if entry.key == CARD_KEY:
            entry.value = json.dumps(json.loads(entry.value) | {"sigma_scores": scores})
    with replacing(out, overwrite) as part:
        part.write_bytes(file.SerializeToString())
    return out
