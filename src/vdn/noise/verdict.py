"""What a person wants to know of the noise first: is there any to speak of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vdn.noise.texture import Texture

__all__ = ["QUIET", "Verdict", "judge_noise", "noise_level"]

QUIET = 0.25
"""The share of a picture that decides, the quietest: where it has noise, the picture is noisy."""

# Standard deviations in 255ths of the range; all were chosen by `noise_verdict.py --train`.
_CLEAN, _SOME, _MUCH = 2.4, 6.0, 20.0
_BOUND = 3.0  # times the deviation of the flattest quarter: noise is not more
_COLOURLESS = 1.1  # noise in the colours up to which details may be texture
_COLOUR_SHARE = 0.25  # of colour in the details up to which they are texture
_ABOVE = 1.5  # times the noise: the flattest parts vary more, and so none is flat


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
    sigma: Sequence[float],
    scale: float,
    quiet: Sequence[float] | None = None,
    texture: Texture | None = None,
    compressed: bool = False,
) -> Verdict:
    """Judge the noise of a picture by its standard deviation.

    Whether there is any is told where the picture is quiet, for noise is everywhere, and fine
    texture, which a network may take for noise, is not. Three things speak against noise: flat
    parts that vary far less than it should; no flat part at all, so that it could not be seen,
    and no noise in the colours either; and details that have next to no colour, as texture has and
    the noise of a camera has not, unless compression has taken the colours away.

    Parameters
    ----------
    sigma
        Root mean square of the standard deviation, one a channel.
    scale
        What lies between black and white, in the same units.
    quiet
        The standard deviation that all but the quietest quarter of the picture exceeds, one a
        channel; by default `sigma`.
    texture
        What speaks for texture, in the same units.
    compressed
        Whether the picture is a JPEG or has been one.

    Examples
    --------
    >>> judge_noise([0.4, 0.3, 0.4], 255).text
    'Clean: there is no noise to speak of, and nothing to do.'
    >>> judge_noise([12.0], 255).kind
    'noisy'
    >>> judge_noise([3.0], 255, quiet=[0.5]).kind
    'clean'
    >>> sand = Texture(flat=6.5, quarter=9.2, colour=0.3, colour_share=0.05)
    >>> judge_noise([7.6], 255, quiet=[5.5], texture=sand).kind
    'clean'
    """
    level = noise_level(sigma, scale)
    seen = noise_level(sigma if quiet is None else quiet, scale)
    if texture is not None:
        seen = _without_texture(seen, texture, scale / 255, compressed)
    if seen < _CLEAN:
        return Verdict("clean", "Clean: there is no noise to speak of, and nothing to do.")
    amount = "A little noise" if level < _SOME else "Noisy" if level < _MUCH else "Very noisy"
    return Verdict("noisy", f"{amount}: {level / 2.55:.2g} % of the range from black to white.")


def _without_texture(seen: float, texture: Texture, unit: float, compressed: bool) -> float:
    """Return what is left of a level of noise, in 255ths, where it is texture or bounded by it."""
    if texture.colour is not None and texture.colour < _COLOURLESS * unit:
        colourless = texture.colour_share is not None and texture.colour_share < _COLOUR_SHARE
        if (colourless and not compressed) or texture.flat > _ABOVE * seen * unit:
            return 0.0
    return min(seen, _BOUND * texture.quarter / unit)


def noise_level(sigma: Sequence[float], scale: float) -> float:
    """Return the root mean square of standard deviations in 255ths of the range.

    Examples
    --------
    >>> noise_level([257.0, 257.0], 65535)
    1.0
    """
    return 255 * float(np.sqrt(np.mean(np.square(sigma)))) / scale
