"""What can be looked at of a picture, tile by tile."""

from collections.abc import Mapping

import numpy as np

from vdn.noise.verdict import noise_level
from vdn.web.colours import scale_colours
from vdn.web.rasters import Raster, png
from vdn.web.visits import MAPS, Entry

__all__ = ["draw_tile"]

_DEVIATIONS = 3  # of the noise, shown as black and as white in the difference


def draw_tile(entry: Entry, layer: str, level: int, row: int, column: int) -> bytes | None:
    """Return a tile of a layer as a PNG, or None where there is none.

    ``source`` and ``result`` are shown as they are, with their profile of colours; maps by a scale
    of colours, ``difference`` as what was taken away, gray where that is nothing; of a picture that
    was enlarged there is none.
    """
    try:
        with entry.lock:
            rasters = dict(entry.rasters)
        return _draw(entry, rasters, layer, level, row, column)
    except FileNotFoundError:  # the picture has been done anew, or removed
        return None


def _draw(
    entry: Entry, rasters: Mapping[str, Raster], layer: str, level: int, row: int, column: int
) -> bytes | None:
    if layer == "difference":
        both = [rasters[name] for name in ("source", "result") if name in rasters]
        if len(both) < 2 or both[0].shape != both[1].shape:
            return None
        tiles = [raster.tile(level, row, column) for raster in both]
        if any(tile is None for tile in tiles):
            return None
        before, after = (np.asarray(tile, np.float32) for tile in tiles)
        shown = 128 + _gain(entry) * (before - after)
        return png(np.clip(np.rint(shown), 0, 255).astype(np.uint8))
    pixels = rasters[layer].tile(level, row, column) if layer in rasters else None
    if pixels is None:
        return None
    if layer not in MAPS:
        return png(pixels, entry.icc)
    low, high = rasters[layer].display_range
    index = np.clip(np.rint(255 * (pixels - low) / (high - low)), 0, 255)
    return png(index.astype(np.uint8), colours=scale_colours())


def _gain(entry: Entry) -> float:
    """Return the factor by which the difference is made visible."""
    if entry.found is None:
        return 1.0
    level = noise_level(entry.found.sigma, entry.range.scale)
    return max(1.0, 127 / max(_DEVIATIONS * level, 1.0))
