"""Training: configuration, loop, checkpoint and log."""

from vdn.training.config import Config, load_config
from vdn.training.loop import run, train

__all__ = ["Config", "load_config", "run", "train"]
