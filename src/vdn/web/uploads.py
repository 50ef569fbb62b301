"""The body of a request into a file, within bounds of size and time."""

import asyncio
import time
from pathlib import Path

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from vdn.errors import TooLargeError, VdnError
from vdn.image import open_picture
from vdn.image.formats import FORMATS
from vdn.image.picture import Picture
from vdn.web.settings import ServiceSettings

__all__ = ["full_name", "open_upload", "receive_file", "safe_name", "why_too_large"]

_LEAST_RATE = 10_000  # bytes a second
_LONGEST_NAME = 120


def safe_name(name: str) -> str:
    """Return the last part of a name that a user's file has, without what file systems dislike.

    Examples
    --------
    >>> safe_name("../../etc/passwd"), safe_name("C:\\\\a\\\\b.png"), safe_name("..")
    ('passwd', 'b.png', 'picture')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(char if char.isprintable() and char not in '<>:"|?*' else "_" for char in last)
    kept = kept.strip().lstrip(".")
    stem, dot, suffix = kept.rpartition(".")
    if len(kept) > _LONGEST_NAME:
        kept = stem[: _LONGEST_NAME - len(suffix) - 1][:_LONGEST_NAME] + dot + suffix[:20]
    return kept or "picture"


def full_name(name: str, format: str) -> str:
    """Return the name of a picture, with the ending of its format where it has none that is known.

    Examples
    --------
    >>> full_name("a.JPG", "jpeg"), full_name("picture", "png"), full_name("scan.2", "tiff")
    ('a.JPG', 'picture.png', 'scan.2.tiff')
    """
    if any(Path(name).suffix.lower() in each.suffixes for each in FORMATS):
        return name
    return name + next((each.suffixes[0] for each in FORMATS if each.name == format), "")


async def receive_file(request: Request, target: Path, settings: ServiceSettings) -> int:
    """Write the body of a request to a file as it comes; return its size.

    Raises
    ------
    HTTPException
        400 for an empty body, 408 where it comes too slowly, 413 where it is too large; nothing is
        left of it then.
    """
    announced = request.headers.get("content-length", "")
    too_large = HTTPException(
        413, f"The file is larger than {settings.max_upload / 1e6:g} MB, which is the limit here."
    )
    if announced.isdigit() and int(announced) > settings.max_upload:
        raise too_large
    size, begun = 0, time.monotonic()
    chunks = request.stream()
    try:
        with target.open("wb") as file:
            while True:
                try:
                    chunk = await asyncio.wait_for(anext(chunks, None), settings.upload_seconds)
                except TimeoutError:
                    raise HTTPException(408, "The upload has stopped.") from None
                if chunk is None:
                    break
                size += len(chunk)
                seconds = time.monotonic() - begun
                if size > settings.max_upload:
                    raise too_large
                if seconds > settings.upload_seconds and size < _LEAST_RATE * seconds:
                    raise HTTPException(408, "The upload is too slow.")
                file.write(chunk)
        if not size:
            raise HTTPException(400, "The request has no body; send the bytes of a picture file.")
    except (HTTPException, ClientDisconnect, OSError, asyncio.CancelledError):
        target.unlink(missing_ok=True)
        raise
    return size


def why_too_large(pixels: int, scale: int, settings: ServiceSettings) -> str:
    """Say why a picture has too many pixels, as it is or enlarged; nothing where it has not.

    Parameters
    ----------
    pixels
        Of all its images.
    scale
        Pixels a side of the result for one of the picture.

    Examples
    --------
    >>> settings = ServiceSettings()
    >>> why_too_large(100 * 10**6, 1, settings)
    ''
    >>> why_too_large(100 * 10**6, 4, settings).partition(":")[0]
    'Enlarged x4 the picture has 1,600 megapixels; the limit here is 250'
    """
    made = scale**2 * pixels
    if made <= settings.max_pixels:
        return ""
    enlarged, instead = (
        (f"Enlarged x{scale} the", "enlarge it less, or ") if scale > 1 else ("The", "")
    )
    return (
        f"{enlarged} picture has {made / 1e6:,.0f} megapixels; the limit here is "
        f"{settings.max_pixels / 1e6:,.0f}: {instead}see --max-pixels. The command line has none."
    )


def open_upload(path: Path, name: str, settings: ServiceSettings, scale: int = 1) -> Picture:
    """Open an uploaded picture; how large it is stands in its header, and is looked at first.

    Raises
    ------
    HTTPException
        413 where it, or its result at a scale, has too many pixels, 422 where it is no picture;
        `name` is what it is called.
    """
    try:
        picture = open_picture(path, max_bytes=16 * settings.max_pixels)
    except VdnError as error:
        status = 413 if isinstance(error, TooLargeError) else 422
        raise HTTPException(status, str(error).replace(str(path), name)) from error
    if why := why_too_large(picture.pixel_count, scale, settings):
        picture.close()
        raise HTTPException(413, why)
    return picture
