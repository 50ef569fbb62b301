"""What an encoder is given: the frames to come, their rows as they come, and how to write them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import InputError
from vdn.image.frame import FrameSpec
from vdn.image.metadata import Metadata
from vdn.image.provenance import Provenance

__all__ = ["Job", "WriteOptions"]


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """How to write a picture.

    Attributes
    ----------
    format
        Name of the format; by default what the extension says.
    quality
        Of a lossy format, 1 to 100; by default that of the source, or high.
    provenance
        What to note about the making of the picture where the format has a place; None: nothing.
    """

    format: str | None = None
    quality: int | None = None
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise InputError(f"quality={self.quality!r}; give a number from 1 to 100")


@dataclass(frozen=True, eq=False)
class Job:
    """A picture to encode.

    Attributes
    ----------
    frames
        What the frames are like, in order.
    bands
        The rows of all frames, one band after the other, each inside one frame.
    metadata, encoding
        Of the picture that this one is like; `encoding` is empty when its format is another.
    options
        How to write it.
    """

    frames: Sequence[FrameSpec]
    bands: Iterator[NDArray[Any]] = field(repr=False)
    metadata: Metadata
    encoding: Mapping[str, Any]
    options: WriteOptions

    def frame_bands(self, spec: FrameSpec) -> Iterator[NDArray[Any]]:
        """Yield the bands of the next frame, which is `spec`."""
        missing = spec.shape[0]
        while missing:
            band = next(self.bands)
            missing -= len(band)
            yield band

    def frame_pixels(self, spec: FrameSpec) -> NDArray[Any]:
        """Return the next frame, which is `spec`, whole; one channel is without an axis."""
        bands = list(self.frame_bands(spec))
        pixels = bands[0] if len(bands) == 1 else np.concatenate(bands)
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[..., 0]
        return np.ascontiguousarray(pixels)
