"""What a PNG file says about itself: kept, or left out with a warning."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from image.cases import pixels
from vdn.errors import FileError
from vdn.image import open_picture, write
from vdn.image.formats import format_by_name
from vdn.image.losses import left_out

_SIGNATURE = 8


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(*chunks: tuple[bytes, bytes], image: Image.Image | None = None, **options) -> bytes:
    """A PNG of Pillow with chunks before its pixels."""
    buffer = io.BytesIO()
    (image or Image.fromarray(pixels("uint8", (3,)))).save(buffer, "PNG", **options)
    data = buffer.getvalue()
    at = data.index(b"IDAT") - 4
    return data[:at] + b"".join(chunk(*each) for each in chunks) + data[at:]


def chunks(data: bytes) -> dict[bytes, bytes]:
    found, at = {}, _SIGNATURE
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        found[data[at + 4 : at + 8]] = data[at + 8 : at + 8 + length]
        at += length + 12
    return found


def written_again(tmp_path, data: bytes, suffix=".png"):
    source, target = tmp_path / "a.png", tmp_path / f"b{suffix}"
    source.write_bytes(data)
    with open_picture(source) as picture:
        write(target, picture.pixels, picture)
        return target.read_bytes(), left_out(picture, format_by_name(suffix))


KEPT = {
    b"sBIT": bytes([5, 6, 5]),
    b"bKGD": struct.pack(">3H", 10, 20, 30),
    b"pHYs": struct.pack(">IIB", 2, 1, 0),
    b"oFFs": struct.pack(">iiB", -7, 9, 0),
    b"sCAL": b"\x01" + b"0.001\0" + b"0.002",
    b"pCAL": b"height\0" + struct.pack(">iiBB", 0, 255, 0, 2) + b"m\0" + b"1\0" + b"0.5",
    b"gAMA": struct.pack(">I", 100000),
    b"cICP": bytes([9, 16, 0, 1]),
    b"sTER": b"\0",
    b"vpAg": bytes(9),  # of a program; its last letter says that it may be copied
}


@pytest.mark.parametrize("kind", KEPT)
def test_a_chunk_stays_in_a_png_and_is_missed_elsewhere(tmp_path, kind):
    source = png((kind, KEPT[kind]))
    data, lost = written_again(tmp_path, source)
    assert chunks(data)[kind] == KEPT[kind]
    assert lost == ()
    words = ("the pixel aspect",) if kind == b"pHYs" else (f"the chunk {kind.decode()}",)
    assert written_again(tmp_path, source, ".jpg")[1] == words


@pytest.mark.parametrize("kind", [b"tIME", b"hIST", b"dSIG", b"caBX", b"prIV"])
def test_what_belongs_to_the_old_pixels_is_left_out_with_a_word(tmp_path, kind):
    data, lost = written_again(tmp_path, png((kind, b"1234567")))
    assert kind not in chunks(data)
    assert lost == (f"the chunk {kind.decode()}",)


def test_bytes_behind_the_picture_are_left_out_with_a_word(tmp_path):
    data, lost = written_again(tmp_path, png() + b"PK\3\4 an archive")
    assert data.endswith(b"\xaeB`\x82")
    assert lost == ("15 bytes behind the picture",)


def paletted() -> Image.Image:
    return Image.fromarray(pixels("uint8", (3,))).quantize(16)


@pytest.mark.parametrize("transparent", [False, True])
def test_chunks_about_a_palette_become_those_of_colours(tmp_path, transparent):
    image = paletted()
    options = {"transparency": 3} if transparent else {}
    source = png((b"sBIT", b"\5\6\5"), (b"bKGD", b"\2"), image=image, **options)
    found = chunks(written_again(tmp_path, source)[0])
    assert found[b"bKGD"] == struct.pack(">3H", *image.getpalette()[6:9])
    assert found[b"sBIT"] == b"\5\6\5" + (b"\x08" if transparent else b"")


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_the_background_of_few_grays_is_as_bright_as_it_was(tmp_path, depth):
    top = 2**depth - 1
    rows = b"".join(b"\0" + bytes([0b00011011 if depth < 4 else 0x5A]) * 8 for _ in range(16))
    head = struct.pack(">IIBBBBB", 64 // depth, 16, depth, 0, 0, 0, 0)
    source = b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*each)
        for each in [
            (b"IHDR", head),
            (b"sBIT", bytes([depth])),
            (b"bKGD", struct.pack(">H", top)),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        ]
    )
    found = chunks(written_again(tmp_path, source)[0])
    assert found[b"bKGD"] == struct.pack(">H", 255)
    assert found[b"sBIT"] == bytes([depth])


@pytest.mark.parametrize("per_metre", [1, 2835, 11811, 39370, 2**31 - 1])
def test_resolution_by_the_metre_is_exact(tmp_path, per_metre):
    content = struct.pack(">IIB", per_metre, per_metre // 2 + 1, 1)
    assert chunks(written_again(tmp_path, png((b"pHYs", content)))[0])[b"pHYs"] == content


def test_chunks_about_samples_do_not_stand_before_others(tmp_path):
    (tmp_path / "a.png").write_bytes(png((b"sBIT", b"\5\6\5"), (b"bKGD", bytes(6))))
    with open_picture(tmp_path / "a.png") as picture:
        write(tmp_path / "b.png", np.zeros((9, 9), np.uint8), picture)
    assert not {b"sBIT", b"bKGD"} & chunks((tmp_path / "b.png").read_bytes()).keys()


@pytest.mark.parametrize("kind", [b"IDAT", b"IHDR", b"gAMA", b"IEND"])
def test_a_wrong_checksum_is_refused(tmp_path, kind):
    data = bytearray(png((b"gAMA", bytes(4))))
    at = data.index(kind)
    data[at + 4 + int.from_bytes(data[at - 4 : at])] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(FileError, match="damaged"):
        open_picture(tmp_path / "a.png")
