"""Noise that the user knows: a number, a map in a file, or the profile of a camera."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError, InputError
from vdn.image.frame import Frame
from vdn.image.maps import map_unit
from vdn.image.picture import Picture
from vdn.image.ranges import find_ranges
from vdn.image.read import open_picture
from vdn.noise.profiles import CameraProfile, Setting, read_exposure
from vdn.predictions import Rows
from vdn.results import check_sigma
from vdn.streaming.io_threads import IOThreads, wait_for
from vdn.streaming.rows import FrameRows

__all__ = ["KnownNoise", "white_of"]


class KnownNoise:
    """The noise of every frame of a picture, if it is known.

    Parameters
    ----------
    given
        A number, the file of a map (one frame for all, or one each), the profile of a camera, or
        None.
    picture
        The picture.
    io_threads
        Where the map is read.
    iso
        What to go by instead of the ISO that the picture says.

    Raises
    ------
    FileError
        When the map cannot be read, or is not of the size of the picture.
    InputError
        When the profile is not for the picture.
    """

    def __init__(
        self,
        given: float | Path | CameraProfile | None,
        picture: Picture,
        io_threads: IOThreads,
        iso: float | None = None,
    ) -> None:
        self._given, self._io_threads, self._map = given, io_threads, None
        self._setting: Setting | None = None
        self.used = ""
        """The profile and the ISO that are used, in words."""
        if isinstance(given, CameraProfile):
            self._setting = _setting_for(given, picture, iso)
            at = "" if self._setting.iso is None else f" at ISO {self._setting.iso:g}"
            self.used = f"{given.camera or 'noise'} profile{at}"
        if isinstance(given, Path):
            self._map = open_picture(given)
            self._unit = map_unit(self._map)
            if len(self._map.frames) not in (1, len(picture.frames)):
                count = len(self._map.frames)
                self._map.close()
                raise FileError(
                    f"{given}: holds {count} maps for {len(picture.frames)} images; "
                    "give one for all, or one each"
                )

    def of(self, index: int, frame: Frame) -> Rows | float | Setting | None:
        """Return the noise of a frame, in the units of the picture."""
        if self._setting is not None and isinstance(self._given, CameraProfile):
            white = wait_for(self._io_threads.read(white_of, frame))
            return self._setting.scaled(self._given.scale_to(white))
        if self._map is None:
            return self._given if isinstance(self._given, int | float) else None
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
            sigma = rows(start, stop).astype(np.float32, copy=False)
            check_sigma(sigma)
            return sigma if self._unit == 1 else sigma * np.float32(self._unit)

        return checked

    def close(self) -> None:
        """Close the map."""
        if self._map is not None:
            self._map.close()


def white_of(frame: Frame) -> float | None:
    """Return the value of white where the type of the pixels says it: 8 and 16 bits, floats to 1.

    None where the values have a unit of their own.
    """
    if frame.dtype in (np.uint8, np.uint16):
        return float(np.iinfo(frame.dtype).max)
    if frame.dtype.kind != "f":
        return None
    ranges = find_ranges(frame)
    return 1.0 if all(each.offset == 0 and each.scale == 1 for each in ranges) else None


def _setting_for(profile: CameraProfile, picture: Picture, iso: float | None) -> Setting:
    """Return what a profile says of a picture; refuse one of another camera, or of other values."""
    exposure = read_exposure(picture)
    if profile.source == "darktable":
        raise InputError(
            "a profile of darktable says what one Haar band of a developed picture holds, not how "
            "noisy its pixels are; measure one with `vdn noise --profile`"
        )
    if profile.camera and exposure.camera and profile.camera != exposure.camera:
        raise InputError(
            f"{picture.path}: is of the camera {exposure.camera}, and the noise profile of "
            f"{profile.camera}; take that of the camera"
        )
    if profile.source == "DNG" and (picture.format == "raw" or _eight_bit(picture)):
        raise InputError(
            f"{picture.path}: is developed, and the noise profile in DNG is of linear raw values; "
            "give a linear picture, or measure a profile of developed ones"
        )
    try:
        return profile.at(exposure.iso if iso is None else iso)
    except InputError as error:
        raise InputError(f"{picture.path}: {error} (--iso)") from error


def _eight_bit(picture: Picture) -> bool:
    return any(frame.dtype == np.uint8 for frame in picture.frames)
