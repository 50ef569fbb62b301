"""A signal handler runs in a process whose models came and went."""

import subprocess
import sys

import pytest

PROGRAM = """
import gc, signal, sys
from pathlib import Path

import numpy as np
import torch

from vdn.denoiser import Denoiser
from vdn.external.network import Network
from vdn.networks import DnCNN
from vdn.runtime.cards import find_model

handled = []
signal.signal(signal.SIGINT, lambda *_: handled.append(1))
folder = Path(sys.argv[1])
image = np.zeros((9, 9, 3), np.float32)
networks = []
for round in range(4):
    networks.append(Network(DnCNN(channels=3, width=8, depth=3), 3, needs_sigma=False))
    networks[-1](image, None)
    denoiser = Denoiser(threads=1, weights=folder)
    denoiser(image)
    find_model(next(folder.glob("*.onnx")))
    del networks[: round % 2], denoiser
    gc.collect()
    signal.raise_signal(signal.SIGINT)
networks.clear()
gc.collect()
signal.raise_signal(signal.SIGINT)
assert handled == [1] * 5
"""


def test_models_that_go_leave_signal_handlers_their_stack(weights):
    pytest.importorskip("torch")
    command = [sys.executable, "-c", PROGRAM, str(weights)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)
