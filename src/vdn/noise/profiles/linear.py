"""What formats for raw data ask of a profile: linear light, one setting, a white."""

from vdn.errors import InputError
from vdn.noise.profiles.camera_profile import CameraProfile, Setting

__all__ = ["check_linear", "only_setting"]


def check_linear(profile: CameraProfile, what: str) -> None:
    """Refuse the profile of developed pictures, whose values are no amounts of light."""
    if profile.source == "network":
        raise InputError(
            f"{what} is for values in proportion to light; this profile is of developed pictures"
        )


def only_setting(profile: CameraProfile, what: str) -> Setting:
    """Return the only setting.

    Raises
    ------
    InputError
        When there are several.
    """
    if len(profile.settings) > 1:
        raise InputError(f"{what} holds one ISO, the profile has {profile.isos}; choose one")
    return profile.settings[0]
