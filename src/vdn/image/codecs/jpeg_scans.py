"""JPEG of any sampling factors, which Pillow cannot write: a scan for each component.

A scan of one component is coded like a gray picture of its size, so Pillow codes the components
one by one, and their scans are put into one file. Source: ITU-T T.81, A.2 and B.2.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vdn.image.codecs.jpeg_segments import SOF, SOS, read_segments, segment

__all__ = ["Component", "encode_scans"]

_DQT = 0xDB
_DHT = 0xC4


@dataclass(frozen=True)
class Component:
    """A component of a frame: its number, sampling factors and quantisation table."""

    number: int
    horizontal: int
    vertical: int
    table: int

    @property
    def factors(self) -> tuple[int, int]:
        """Samples along x and y."""
        return self.horizontal, self.vertical


def encode_scans(
    image: Any, components: Sequence[Component], progressive: bool, **options: Any
) -> bytes:
    """Return a JPEG file without application segments.

    Parameters
    ----------
    image
        `PIL.Image.Image` whose bands are the components, all of full size.
    components
        Their factors: the full size is that of the largest factors, which the others divide.
    progressive
        Whether the scans are refined step by step.
    options
        `quality`, or `qtables` by the number of a table, as Pillow takes them.
    """
    across = max(component.horizontal for component in components)
    down = max(component.vertical for component in components)
    tables, scans, kind = {}, [], SOF[0]
    qtables = options.pop("qtables", None)
    for component, band in zip(components, image.split(), strict=True):
        reduced = band.reduce((across // component.horizontal, down // component.vertical))
        own = dict(options)
        if qtables:
            own["qtables"] = {0: qtables[component.table]}
        elif component.table:  # of chrominance at that quality
            own["qtables"] = {0: _chrominance_table(own.pop("quality"))}
        buffer = io.BytesIO()
        reduced.save(buffer, "JPEG", progressive=progressive, **own)
        for code, content, coded in read_segments(buffer.getvalue()).segments:
            if code == _DQT:
                tables[component.table] = bytes([content[0] | component.table]) + content[1:]
            elif code == _DHT:
                scans.append(segment(code, content))
            elif code == SOS:
                content = content[:1] + bytes([component.number]) + content[2:]
                scans.append(segment(code, content) + coded)
            elif code in SOF:
                kind = code
    size = image.height.to_bytes(2) + image.width.to_bytes(2)
    frame = b"\x08" + size + bytes([len(components)])
    for each in components:
        frame += bytes([each.number, each.horizontal << 4 | each.vertical, each.table])
    head = b"".join(segment(_DQT, table) for table in tables.values()) + segment(kind, frame)
    return b"\xff\xd8" + head + b"".join(scans) + b"\xff\xd9"


def _chrominance_table(quality: int) -> list[int]:
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "JPEG", quality=quality)
    buffer.seek(0)
    table: list[int] = JpegImageFile(buffer).quantization[1]
    return table
