"""What a person wants to know of the noise first: is there any to speak of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["QUIET", "Verdict", "judge_noise", "noise_level"]

QUIET = 0.25
"""The share of a picture that decides, the quietest: where it has noise, the picture is noisy."""

_CLEAN, _SOME, _MUCH = 2.25, 6.0, 20.0  # standard deviations in 255ths of the range


@dataclass(frozen=True)
class Verdict:
    """Whether a picture is noisy, and a sentence that says so.

    Attributes
    ----------
    kind
        ``clean`` where there is nothing to do, else ``noisy``.
    text
        The sentence.
    """

    kind: Literal["clean", "noisy"]
    text: str


def judge_noise(
    sigma: Sequence[float], scale: float, quiet: Sequence[float] | None = None
) -> Verdict:
    """Judge the noise of a picture by its standard deviation.

    Whether there is any is told where the picture is quiet, for noise is everywhere, and fine
    texture, which a network may take for noise, is not.

    Parameters
    ----------
    sigma
        Root mean square of the standard deviation, one a channel.
    scale
        What lies between black and white, in the same units.
    quiet
        The standard deviation that all but the quietest quarter of the picture exceeds, one a
        channel; by default `sigma`.

    Examples
    --------
    >>> judge_noise([0.4, 0.3, 0.4], 255).text
    'Clean: there is no noise to speak of, and nothing to do.'
    >>> judge_noise([12.0], 255).kind
    'noisy'
    >>> judge_noise([3.0], 255, quiet=[0.5]).kind
    'clean'
    """
    level = noise_level(sigma, scale)
    if noise_level(sigma if quiet is None else quiet, scale) < _CLEAN:
        return Verdict("clean", "Clean: there is no noise to speak of, and nothing to do.")
    amount = "A little noise" if level < _SOME else "Noisy" if level < _MUCH else "Very noisy"
    return Verdict("noisy", f"{amount}: {level / 2.55:.2g} % of the range from black to white.")


def noise_level(sigma: Sequence[float], scale: float) -> float:
    """Return the root mean square of standard deviations in 255ths of the range.

    Examples
    --------
    >>> noise_level([257.0, 257.0], 65535)
    1.0
    """
    return 255 * float(np.sqrt(np.mean(np.square(sigma)))) / scale
