"""The arithmetic of training: bfloat16 only where the machine has it."""

from typing import Literal

import torch

__all__ = ["choose_precision"]


def choose_precision(asked: Literal["auto", "fp32", "bf16"]) -> torch.dtype:
    """The arithmetic of convolutions; "auto" is bfloat16 where it is not imitated in software.

    Imitated bfloat16 makes a step many times slower than single precision.

    Examples
    --------
    >>> choose_precision("fp32")
    torch.float32
    """
    if asked == "auto":
        asked = "bf16" if _computes_bf16() else "fp32"
    return torch.bfloat16 if asked == "bf16" else torch.float32


def _computes_bf16() -> bool:
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
