"""Of what kind the noise of a picture is, as its middle shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vdn.image.arrays import to_unit
from vdn.image.frame import Frame
from vdn.image.ranges import range_of
from vdn.noise.whiteness import WHITE, Whiteness, measure_colour_whiteness, robust_sigma
from vdn.predictions import LoadedModel
from vdn.results import noise_deviation
from vdn.runtime.light import are_counts
from vdn.runtime.predict import predict_noise

__all__ = ["NoiseKind"]

_SIDE, _MODEL_SIDE = 512, 384  # pixels a side that are looked at, and by a model
_LEAST_SIDE = 32  # of a picture with room for more than its edges
_CORRELATED = 0.5  # ratio of `Whiteness` up to which noise is called so
_VISIBLE = 0.7 / 255  # less noise than that says nothing


@dataclass(frozen=True, eq=False)
class NoiseKind:
    """What the middle of a picture shows of its noise.

    Standard deviations are parts of the range of the picture.

    Attributes
    ----------
    pixels
        The middle in the range of the networks, (h, w, C), without outliers.
    stretched
        Offset and scale of what `vdn.image.find_ranges` calls the stretched range, in that range.
    counted
        Whether its values are those of few counted photons.
    whiteness
        What the flattest blocks say; None where there are too few.
    """

    pixels: NDArray[np.float32]
    stretched: tuple[float, float]
    counted: bool
    whiteness: Whiteness | None

    @classmethod
    def of(cls, frame: Frame) -> "NoiseKind":
        """Look at a frame.

        Raises
        ------
        InputError
            When pixels are not finite.
        """
        values, no_data = frame.middle(_SIDE), frame.no_data
        (top, _), (left, _) = frame.middle_place(_SIDE)
        range_, other = (range_of(values, no_data, nominal) for nominal in (True, False))
        pixels = to_unit(values, range_, no_data=no_data, origin=(top, left)).planes
        offset, scale = other.offset - range_.offset, other.scale
        stretched = offset / range_.scale, scale / range_.scale
        counted = are_counts(values, other.scale)
        return cls(pixels, stretched, counted, measure_colour_whiteness(pixels))

    @property
    def sigma(self) -> float:
        """Rough standard deviation of the noise in the flattest blocks."""
        return 0.0 if self.whiteness is None else self.whiteness.sigma

    @property
    def is_visible(self) -> bool:
        """Whether there is noise enough to say of what kind it is."""
        return self.sigma > _VISIBLE

    @property
    def is_white(self) -> bool:
        """Whether it is independent from pixel to pixel."""
        return self.is_visible and self.whiteness is not None and self.whiteness.ratio >= WHITE

    @property
    def is_correlated(self) -> bool:
        """Whether it is surely not independent from pixel to pixel."""
        return self.whiteness is not None and self.whiteness.ratio <= _CORRELATED

    @property
    def robust_sigma(self) -> float:
        """Standard deviation where a model looks, with fine texture but without lines and edges."""
        return robust_sigma(self._inner)

    def estimate(self, model: LoadedModel, nominal: bool) -> float:
        """Return the noise that a model estimates, root mean square; 0 of a very small picture.

        `nominal` is as in `vdn.image.find_ranges`.
        """
        multiple = model.card.multiple
        if min(self._inner.shape[:2]) < max(_LEAST_SIDE, multiple):
            return 0.0
        height, width = (length // multiple * multiple for length in self._inner.shape[:2])
        offset, scale = (0.0, 1.0) if nominal else self.stretched
        planes = (self._inner[:height, :width].transpose(2, 0, 1) - offset) / scale
        noise = predict_noise(model.engine, model.card, planes.astype(np.float32))
        deviation = noise_deviation(noise)
        return scale * float(np.sqrt(np.square(deviation, dtype=np.float64).mean()))

    @property
    def _inner(self) -> NDArray[np.float32]:
        """The pixels that a model looks at."""
        top, left = (max(length - _MODEL_SIDE, 0) // 2 for length in self.pixels.shape[:2])
        return self.pixels[top : top + _MODEL_SIDE, left : left + _MODEL_SIDE]
