"""The tone curve of a camera: linear light to picture values, and back."""

from dataclasses import dataclass

import numpy as np

__all__ = ["ToneCurve"]


@dataclass(frozen=True)
class ToneCurve:
    r"""A gamma with a linear toe, followed by an S of contrast; both have closed inverses.

    .. math::

        g(l) = \frac{(l + o)^{1/\gamma} - o^{1/\gamma}}{(1 + o)^{1/\gamma} - o^{1/\gamma}},
        \qquad y = \frac{g^c}{g^c + (1 - g)^c}

    Parameters
    ----------
    gamma : float
        The exponent; 2.2 with a toe of 0.002 is close to sRGB.
    toe : float
        The offset o > 0, which keeps the slope at black finite.
    contrast : float
        The exponent c of the S: 1 for none.

    Examples
    --------
    >>> import numpy as np
    >>> curve = ToneCurve(gamma=2.4, contrast=1.3)
    >>> curve.encode(curve.decode(np.array([0.0, 0.25, 1.0]))).round(4)
    array([0.  , 0.25, 1.  ])
    """

    gamma: float = 2.2
    toe: float = 0.002
    contrast: float = 1.0

    def encode(self, linear: np.ndarray) -> np.ndarray:
        """Return the picture values in [0, 1] of linear light; beyond [0, 1] it clips."""
        black, span = self._ends()
        value = ((np.clip(linear, 0, 1) + self.toe) ** (1 / self.gamma) - black) / span
        return _s_curve(np.clip(value, 0, 1), self.contrast)

    def decode(self, picture: np.ndarray) -> np.ndarray:
        """Return the linear light in [0, 1] of picture values; beyond [0, 1] it clips."""
        black, span = self._ends()
        value = _s_curve(np.clip(picture, 0, 1), 1 / self.contrast)
        return (value * span + black) ** self.gamma - self.toe

    def slope(self, linear: float) -> float:
        """Return the derivative of `encode` at a value of linear light inside (0, 1)."""
        step = 1e-4
        below, above = self.encode(np.array([linear - step, linear + step]))
        return float(above - below) / (2 * step)

    def _ends(self) -> tuple[float, float]:
        """Return the value of black before it is moved to 0, and the distance to white."""
        black = self.toe ** (1 / self.gamma)
        return black, (1 + self.toe) ** (1 / self.gamma) - black


def _s_curve(value: np.ndarray, exponent: float) -> np.ndarray:
    """Return the S through (0, 0), (1/2, 1/2) and (1, 1); the inverse has exponent 1/c."""
    if exponent == 1:
        return value
    up = value**exponent
    return up / (up + (1 - value) ** exponent)
