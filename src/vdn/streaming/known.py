"""Noise that the user knows: a number, or a map in a file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.frame import Frame
from vdn.image.picture import Picture
from vdn.image.read import open_picture
from vdn.predictions import Rows
from vdn.results import check_sigma
from vdn.streaming.io_threads import IOThreads
from vdn.streaming.rows import FrameRows

__all__ = ["KnownNoise"]


class KnownNoise:
    """The noise of every frame of a picture, if it is known.

    Parameters
    ----------
    given
        A number, the file of a map (one frame for all, or one each), or None.
    picture
        The picture.
    io_threads
        Where the map is read.

    Raises
    ------
    FileError
        When the map cannot be read, or is not of the size of the picture.
    """

    def __init__(self, given: float | Path | None, picture: Picture, io_threads: IOThreads) -> None:
        self._given, self._io_threads, self._map = given, io_threads, None
        if isinstance(given, Path):
            self._map = open_picture(given)
            if len(self._map.frames) not in (1, len(picture.frames)):
                count = len(self._map.frames)
                self._map.close()
                raise FileError(
                    f"{given}: holds {count} maps for {len(picture.frames)} images; "
                    "give one for all, or one each"
                )

    def of(self, index: int, frame: Frame) -> Rows | float | None:
        """Return the noise of a frame, in the units of the picture."""
        if self._map is None:
            return None if isinstance(self._given, Path) else self._given
        frames = self._map.frames
        map_ = frames[index if len(frames) > 1 else 0]
        if map_.shape[:2] != frame.shape[:2] or map_.color_channels not in (
            1,
            frame.color_channels,
        ):
            raise FileError(
                f"{self._given}: is a map of shape {map_.shape}, but the picture has "
                f"{frame.shape}; the sizes have to be the same"
            )
        rows = FrameRows(map_, self._io_threads)
        rows.begin()

        def checked(start: int, stop: int) -> NDArray[Any]:
            sigma = rows(start, stop)
            check_sigma(sigma)
            return sigma.astype(np.float32, copy=False)

        return checked

    def close(self) -> None:
        """Close the map."""
        if self._map is not None:
            self._map.close()
