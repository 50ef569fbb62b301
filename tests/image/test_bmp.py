"""BMP files of other programs: refused by their true reason."""

import io
import struct

import pytest
from PIL import Image

from image.cases import pixels
from vdn.errors import FileError
from vdn.image import open_picture


def bmp(**fields: tuple[int, str, int]) -> bytes:
    """A BMP of Pillow with values (offset, format, value) in its header."""
    buffer = io.BytesIO()
    Image.fromarray(pixels("uint8", (3,))).save(buffer, "BMP")
    data = bytearray(buffer.getvalue())
    for offset, form, value in fields.values():
        struct.pack_into(f"<{form}", data, offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"planes": (26, "H", 7)}, "is damaged"),
        ({"height": (22, "i", -37), "compression": (30, "I", 1)}, "is damaged"),
        ({"depth": (28, "H", 2)}, "is a BMP of 2 bits a pixel; convert it"),
        ({"depth": (28, "H", 16), "compression": (30, "I", 3)}, "unusual numbers of bits; convert"),
    ],
)
def test_the_reason_is_the_true_one(tmp_path, fields, reason):
    (tmp_path / "a.bmp").write_bytes(bmp(**fields))
    with pytest.raises(FileError, match=reason):
        open_picture(tmp_path / "a.bmp")
