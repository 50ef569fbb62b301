"""Noise profiles as files: ours under a name or a path, and those of other programs."""

import json
from pathlib import Path
from typing import Any

from vdn.errors import FileError, InputError
from vdn.image.atomic import check_target, replacing
from vdn.noise.profiles import darktable, dng, fits, gaussian_mixture, own_format
from vdn.noise.profiles.camera_profile import CameraProfile

__all__ = ["check_profile", "profile_path", "read_profile", "write_profile"]

_JSON, _DARKTABLE, _MIXTURE = (".json",), "noiseprofiles.json", (".npz",)
_SUFFIXES = (*_JSON, *_MIXTURE, *dng.SUFFIXES, *fits.SUFFIXES)
_LARGEST = 50_000_000  # bytes of JSON


def profile_path(name: str | Path) -> Path:
    """Return the file that a name stands for.

    A bare name is a file in the folder `vdn/noise-profiles` of the user's configuration
    (`~/.config` or `$XDG_CONFIG_HOME` on Linux, `~/Library/Application Support` on macOS,
    `%APPDATA%` on Windows); what has a folder or a suffix of a profile is a path.

    Examples
    --------
    >>> profile_path("my-camera").name, profile_path("here/my.json").parts
    ('my-camera.json', ('here', 'my.json'))
    """
    path = Path(name)
    if path.suffix.lower() in _SUFFIXES or len(path.parts) != 1 or str(name).startswith("."):
        return path
    import click

    return Path(click.get_app_dir("vdn"), "noise-profiles", f"{name}.json")


def read_profile(name: str | Path, camera: str = "") -> CameraProfile:
    """Read a noise profile: ours, or one of another program.

    Parameters
    ----------
    name
        A bare name, or the path of a file: our JSON; `noiseprofiles.json` of darktable; DNG (tag
        NoiseProfile); FITS (keywords GAIN and RDNOISE and the like); `.npz` of PN2V and CAREamics
        (one Gaussian).
    camera
        Make and model, where the file has several cameras.

    Raises
    ------
    FileError
        When there is none, or the file holds none.

    Examples
    --------
    >>> read_profile("my-camera").at(iso=800).channels[0].a  # doctest: +SKIP
    0.0021
    """
    path = profile_path(name)
    if not path.is_file():
        known = f"; there are: {', '.join(names)}" if (names := _names()) else ""
        bare = path != Path(name)
        raise FileError(f"{path}: there is no such noise profile{known if bare else ''}")
    suffix = path.suffix.lower()
    if suffix in _JSON:
        record = _read_json(path)
        if "noiseprofiles" in record:
            return darktable.decode(record, path, camera)
        if record.get("format") != own_format.NAME:
            raise FileError(f"{path}: is no noise profile (no format {own_format.NAME!r})")
        return own_format.decode(record, path)
    if suffix in _MIXTURE:
        return gaussian_mixture.read(path)
    return fits.read(path) if suffix in fits.SUFFIXES else dng.read(path)


def write_profile(profile: CameraProfile, name: str | Path, *, overwrite: bool = False) -> Path:
    """Write a noise profile, whole or not at all, in the format its name says; return its path.

    Raises
    ------
    InputError
        When the format cannot hold the profile.
    FileError
        When the file exists, or cannot be written.
    """
    path = check_profile(name, overwrite)
    suffix = path.suffix.lower()
    if suffix in _JSON:
        dark = path.name.endswith(_DARKTABLE)
        content = (darktable.encode if dark else own_format.encode)(profile).encode()
    elif suffix in _MIXTURE:
        content = gaussian_mixture.encode(profile)
    else:
        content = (fits.encode if suffix in fits.SUFFIXES else dng.encode)(profile)
    with replacing(path, overwrite) as temporary:
        temporary.write_bytes(content)
    return path


def check_profile(name: str | Path, overwrite: bool = False) -> Path:
    """Return the file to write a profile into; raise unless it may be written."""
    path = profile_path(name)
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(f"{path}: a noise profile ends in one of {', '.join(_SUFFIXES)}")
    if path != Path(name):
        path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and not overwrite:
        raise FileError(f"{path}: exists; replace it (--overwrite), or choose another name")
    check_target(path, overwrite)
    return path


def _names() -> list[str]:
    return sorted(path.stem for path in profile_path("any").parent.glob("*.json"))


def _read_json(path: Path) -> Any:
    if path.stat().st_size > _LARGEST:
        raise FileError(f"{path}: is too large for a noise profile")
    try:
        record = json.loads(path.read_bytes())
    except ValueError as error:
        raise FileError(f"{path}: is no noise profile (no JSON: {error})") from error
    if not isinstance(record, dict):
        raise FileError(f"{path}: is no noise profile")
    return record
