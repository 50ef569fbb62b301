"""The tone curve of a camera: linear light to picture values, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vdn.noise.arrays import namespace, per_image, power

__all__ = ["ToneCurve"]


@dataclass(frozen=True)
class ToneCurve:
    r"""A gamma with a linear toe, followed by an S of contrast; both have closed inverses.

    .. math::

        g(l) = \frac{(l + o)^{1/\gamma} - o^{1/\gamma}}{(1 + o)^{1/\gamma} - o^{1/\gamma}},
        \qquad y = \frac{g^c}{g^c + (1 - g)^c}

    Parameters
    ----------
    gamma : float or array
        The exponent; 2.2 with a toe of 0.002 is close to sRGB.
    toe : float or array
        The offset o > 0, which keeps the slope at black finite.
    contrast : float or array
        The exponent c of the S: 1 for none.

    Examples
    --------
    >>> import numpy as np
    >>> curve = ToneCurve(gamma=2.4, contrast=1.3)
    >>> curve.encode(curve.decode(np.array([0.0, 0.25, 1.0]))).round(4)
    array([0.  , 0.25, 1.  ])
    """

    gamma: Any = 2.2
    toe: Any = 0.002
    contrast: Any = 1.0

    @staticmethod
    def stack(curves: "Sequence[ToneCurve]", images: Any) -> "ToneCurve":
        """Return one curve an image, (N, 1, 1, 1); for a single one, the curve as it is."""
        if len(curves) == 1:
            return curves[0]
        return ToneCurve(
            *(
                per_image([getattr(curve, name) for curve in curves], images)
                for name in ("gamma", "toe", "contrast")
            )
        )

    def encode(self, linear: Any) -> Any:
        """Return the picture values in [0, 1] of linear light; beyond [0, 1] it clips."""
        black, span = self._ends()
        value = power(namespace(linear).clip(linear, 0, 1) + self.toe, 1 / self.gamma) - black
        return _s_curve(value / span, self.contrast)

    def decode(self, picture: Any) -> Any:
        """Return the linear light in [0, 1] of picture values; beyond [0, 1] it clips."""
        black, span = self._ends()
        value = _s_curve(namespace(picture).clip(picture, 0, 1), 1 / self.contrast)
        return power(value * span + black, self.gamma) - self.toe

    def slope(self, linear: float) -> float:
        """Return the derivative of `encode` at a value of linear light inside (0, 1)."""
        step = 1e-4
        below, above = self.encode(np.array([linear - step, linear + step]))
        return float(above - below) / (2 * step)

    def _ends(self) -> tuple[Any, Any]:
        """Return the value of black before it is moved to 0, and the distance to white."""
        black = self.toe ** (1 / self.gamma)
        return black, (1 + self.toe) ** (1 / self.gamma) - black


def _s_curve(value: Any, exponent: Any) -> Any:
    """Return the S through (0, 0), (1/2, 1/2) and (1, 1); the inverse has exponent 1/c."""
    if isinstance(exponent, float) and exponent == 1:
        return value
    value = namespace(value).clip(value, 0, 1)  # what rounding leaves beyond the ends
    with np.errstate(divide="ignore"):  # 1 / (1 + inf) is the 0 of black, log(0) that of white
        return 1 / (1 + power(1 / value - 1, exponent))
