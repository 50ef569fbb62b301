"""Noise profiles: how noisy a camera is at each of its settings, in our format and in others'."""

from vdn.noise.profiles.camera_profile import CameraProfile, ChannelLaw, Setting
from vdn.noise.profiles.exposure import Exposure, read_exposure
from vdn.noise.profiles.files import (
    check_profile,
    profile_path,
    read_profile,
    write_profile,
)

__all__ = [
    "CameraProfile",
    "ChannelLaw",
    "Exposure",
    "Setting",
    "check_profile",
    "profile_path",
    "read_exposure",
    "read_profile",
    "write_profile",
]
