"""What of a file its output will not have, beside the noise."""

from vdn.image.formats import Format
from vdn.image.picture import Picture

__all__ = ["left_out"]

_NAMES = {"exif": "EXIF", "icc": "the colour profile", "xmp": "XMP", "dpi": "the resolution"}


def left_out(picture: Picture, output: Format) -> tuple[str, ...]:
    """Return what a picture written in a format will not have, in words.

    Examples
    --------
    >>> from vdn.image import Metadata
    >>> from vdn.image.formats import format_by_name
    >>> import numpy as np
    >>> picture = Picture.of(np.zeros((2, 2), np.uint8), Metadata(exif=b"MM", dpi=(72, 72)))
    >>> left_out(picture, format_by_name("bmp"))
    ('EXIF',)
    """
    lost = list(picture.left_out)
    if picture.format == output.name:
        return tuple(lost)
    lost += picture.specific
    if picture.dimensions is not None and not output.dimensions:
        lost.append("axes, units, channels and coarser levels")
    for kind, name in _NAMES.items():
        content = getattr(picture.metadata, kind)
        if not content or kind in output.metadata:
            continue
        if kind == "dpi" and "exif" in output.metadata and picture.metadata.exif_resolution:
            continue
        lost.append(name)
    if len(picture.metadata.exif) > output.exif_limit and "exif" in output.metadata:
        lost.append(f"EXIF, which is longer than {output.exif_limit:,} bytes")
    return tuple(lost)
