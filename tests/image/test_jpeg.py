"""What a JPEG file says about itself: kept, or left out with every claim to it and a warning."""

import io
import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, IptcImagePlugin, MpoImagePlugin

from image.cases import pixels
from vdn.image import Metadata, Picture, WriteOptions, open_picture, write
from vdn.image.codecs.jpeg_scans import Component, encode_scans
from vdn.image.codecs.jpeg_segments import APP0, APP1, APP2, SOF, read_segments, segment
from vdn.image.exif_note import with_note
from vdn.image.formats import format_by_name
from vdn.image.losses import left_out

COLOUR = pixels("uint8", (3,))
XMP = b"http://ns.adobe.com/xap/1.0/\0"


def jpeg(*segments: tuple[int, bytes], image: np.ndarray = COLOUR, **options) -> bytes:
    """A JPEG of Pillow with segments behind its JFIF one."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **({"quality": 92} | options))
    data = buffer.getvalue()
    return data[:20] + b"".join(segment(*each) for each in segments) + data[20:]


def written_again(tmp_path, data: bytes, suffix=".jpg", **options):
    """The bytes of the picture opened and written, and what is said to be left out."""
    source, target = tmp_path / "a.jpg", tmp_path / f"b{suffix}"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    with open_picture(source) as picture:
        write(target, picture.pixels, picture, options=WriteOptions(**options))
        lost = left_out(picture, format_by_name(suffix))
    return target.read_bytes(), lost


def sampling(data: bytes) -> list[int]:
    frame = next(content for kind, content in read_segments(data).header if kind in SOF)
    return list(frame[7::3])


def photoshop(**texts: bytes) -> bytes:
    numbers = {"caption": 120, "keyword": 25, "byline": 80, "copyright": 116}
    records = b"".join(
        bytes([0x1C, 2, numbers[name]]) + len(text).to_bytes(2) + text
        for name, text in texts.items()
    )
    return (
        b"Photoshop 3.0\x008BIM\x04\x04\0\0"
        + len(records).to_bytes(4)
        + records
        + bytes(len(records) % 2)
    )


def test_iptc_is_what_another_reader_finds(tmp_path):
    iptc = photoshop(caption=b"Harvest", keyword=b"wheat", byline=b"A. Tester", copyright=b"(c)")
    data, lost = written_again(tmp_path, jpeg((0xED, iptc)))
    with Image.open(io.BytesIO(data)) as image:
        assert IptcImagePlugin.getiptcinfo(image)[2, 120] == b"Harvest"
    assert segment(0xED, iptc) in data
    assert lost == ()


def test_iptc_in_another_format_is_left_out_with_a_word(tmp_path):
    data, lost = written_again(tmp_path, jpeg((0xED, photoshop(caption=b"Harvest"))), ".png")
    assert b"Harvest" not in data
    assert lost == ("IPTC and Photoshop resources",)


FACTORS = {
    "4:4:4": (1, 1, 1, 1, 1, 1),
    "4:2:2": (2, 1, 1, 1, 1, 1),
    "4:2:0": (2, 2, 1, 1, 1, 1),
    "4:4:0": (1, 2, 1, 1, 1, 1),
    "4:1:1": (4, 1, 1, 1, 1, 1),
    "4:4:1": (1, 4, 1, 1, 1, 1),
    "4:1:0": (4, 2, 1, 1, 1, 1),
    "4:4:0 by twos": (2, 2, 2, 1, 2, 1),
    "uneven": (2, 1, 1, 1, 2, 1),
    "chroma finer": (1, 1, 2, 2, 1, 1),
}


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("factors", FACTORS.values(), ids=FACTORS)
def test_sampling_factors_tables_and_the_picture_stay(tmp_path, factors, progressive):
    pairs = [factors[at : at + 2] for at in (0, 2, 4)]
    components = [Component(n + 1, *pair, n) for n, pair in enumerate(pairs)]
    tables = {n: [3 + n] * 64 for n in range(3)}
    image = Image.fromarray(COLOUR).convert("YCbCr")
    source = encode_scans(image, components, progressive, qtables=tables)
    data, _ = written_again(tmp_path, source)
    assert sampling(data) == sampling(source) == [h << 4 | v for h, v in pairs]
    with Image.open(io.BytesIO(source)) as before, Image.open(io.BytesIO(data)) as after:
        assert after.quantization == before.quantization
        assert after.info.get("progressive") == before.info.get("progressive")
        before, after = (np.asarray(image, float) for image in (before, after))
    assert np.abs(before - COLOUR).mean() < 4  # Pillow decodes what the test has made
    assert np.abs(before - after).mean() < 2


@pytest.mark.parametrize("name", ["444", "422", "420", "440", "411"])
@pytest.mark.parametrize("quality", [None, 40])
def test_factors_of_another_encoder_stay_also_at_another_quality(tmp_path, name, quality):
    imagecodecs = pytest.importorskip("imagecodecs")
    source = imagecodecs.jpeg8_encode(COLOUR, level=92, subsampling=name)
    data, _ = written_again(tmp_path, source, quality=quality)
    assert sampling(data) == sampling(source)
    found = imagecodecs.jpeg8_decode(data).astype(float)
    assert np.abs(found - COLOUR).mean() < 6
    with Image.open(io.BytesIO(data)) as image:
        if quality:
            usual = Image.open(io.BytesIO(jpeg(quality=quality))).quantization
            assert image.quantization == usual


def test_red_green_and_blue_without_a_transform_stay_so(tmp_path):
    source = jpeg(keep_rgb=True)
    data, _ = written_again(tmp_path, source)
    assert b"JFIF" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert [layer[0] for layer in image.layer] == [layer for layer in b"RGB"]
        assert np.abs(np.asarray(image, float) - COLOUR).mean() < 2


@pytest.mark.parametrize("quality", [1, 3])
def test_coarse_tables_are_written_without_chatter(tmp_path, quality, capfd):
    written_again(tmp_path, jpeg(quality=quality))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("unit", "x", "y"), [(0, 2, 1), (0, 1, 1), (1, 300, 150), (2, 118, 59)])
def test_resolution_and_aspect_stay(tmp_path, unit, x, y):
    head = bytes([unit]) + x.to_bytes(2) + y.to_bytes(2)
    source = jpeg()
    source = source[:13] + head + source[18:]
    data, lost = written_again(tmp_path, source)
    assert data[13:18] == head
    assert lost == ()
    _, lost = written_again(tmp_path, source, ".webp")
    assert lost == {0: (("the pixel aspect",) if x != y else ())}.get(unit, ("the resolution",))


def test_no_resolution_is_invented(tmp_path):
    source = jpeg((APP1, b"Exif\0\0" + with_note(b"", "a camera")))
    source = source[:2] + source[20:]  # no JFIF
    data, _ = written_again(tmp_path, source)
    assert b"JFIF" not in data
    with open_picture(tmp_path / "b.jpg") as picture:
        assert picture.metadata.dpi is None


def test_every_comment_stays_in_order(tmp_path):
    comments = [b"first one", b"second one", b"\xff\xd9 third"]
    data, lost = written_again(tmp_path, jpeg(*((0xFE, text) for text in comments)))
    found = [content for kind, content in read_segments(data).header if kind == 0xFE]
    assert found == comments
    assert lost == ()
    assert written_again(tmp_path, jpeg((0xFE, b"hi")), ".png")[1] == ("comments",)


@pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 9, 10, 12, 15])
def test_segments_of_others_stay(tmp_path, number):
    content = b"of a program\0" + bytes(range(256))
    data, lost = written_again(tmp_path, jpeg((APP0 + number, content)))
    assert segment(APP0 + number, content) in data
    assert lost == ()


def test_xmp_of_any_length_comes_from_png_and_stays(tmp_path):
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"long " * 40_000 + b"</x:xmpmeta>"
    first = tmp_path / "first.jpg"
    write(first, COLOUR, Picture.of(COLOUR, Metadata(xmp=packet)))
    data, lost = written_again(tmp_path, first.read_bytes())
    marker = b"http://ns.adobe.com/xmp/extension/\0"
    pieces = [
        content.removeprefix(marker)
        for kind, content in read_segments(data).header
        if kind == APP1 and content.startswith(marker)
    ]
    assert len(pieces) == 4
    assert b"".join(piece[40:] for piece in pieces) == packet
    assert len({piece[:36] for piece in pieces}) == 1
    assert pieces[0][:32] in data.split(marker)[0]  # the first packet points to it
    assert lost == ()
    assert written_again(tmp_path, first.read_bytes(), ".png")[1] == ("extended XMP",)


def test_profiles_of_any_length_stay(tmp_path):
    profile = bytes(range(256)) * 1000
    data, _ = written_again(tmp_path, jpeg(icc_profile=profile))
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == profile


def thumbnailed(behind: bytes = b"") -> bytes:
    """An EXIF block with a thumbnail, and what is behind it."""
    thumbnail = jpeg(image=np.zeros((8, 8), np.uint8))
    block = b"MM\0*" + struct.pack(">I", 8)
    block += struct.pack(">HHHI4sI", 1, 0x0112, 3, 1, b"\0\6\0\0", 26)
    entries = [(0x0201, 56), (0x0202, len(thumbnail))]
    block += struct.pack(">H", 2)
    block += b"".join(struct.pack(">HHII", code, 4, 1, value) for code, value in entries)
    return block + bytes(4) + thumbnail + behind


@pytest.mark.parametrize("behind", [b"", b"notes of a maker"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_thumbnail_of_the_noise_is_left_out(tmp_path, behind, suffix):
    block = thumbnailed(behind)
    source = tmp_path / f"a{suffix}"
    Image.fromarray(COLOUR).save(source, exif=b"Exif\0\0" + block)
    with open_picture(source) as picture:
        lost = left_out(picture, format_by_name(suffix))
        write(tmp_path / f"b{suffix}", picture.pixels, picture)
    assert lost == ("the thumbnail in EXIF",)
    with open_picture(tmp_path / f"b{suffix}") as picture:
        exif = picture.metadata.exif
        assert picture.metadata.orientation == 6
        assert picture.left_out == ()
    assert b"\xff\xd8" not in exif
    assert exif.endswith(behind)


def test_pictures_behind_the_first_are_left_out_with_the_claims_to_them(tmp_path):
    buffer = io.BytesIO()
    images = [Image.fromarray(COLOUR) for _ in range(3)]
    images[0].save(buffer, "MPO", save_all=True, append_images=images[1:])
    data, lost = written_again(tmp_path, buffer.getvalue())
    assert lost == ("the other pictures behind the first",)
    assert b"MPF\0" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert not isinstance(image, MpoImagePlugin.MpoImageFile)


@pytest.mark.parametrize("written", ["attribute", "element"])
def test_a_video_behind_the_picture_is_left_out_with_the_claims_to_it(tmp_path, written):
    claims = {
        "attribute": b' GCamera:MotionPhoto="1" GCamera:MicroVideoOffset="999"/>',
        "element": b"><GCamera:MotionPhoto>1</GCamera:MotionPhoto>"
        b"<Container:Directory><rdf:Seq><rdf:li/></rdf:Seq></Container:Directory>"
        b"</rdf:Description>",
    }[written]
    packet = b'<rdf:Description dc:title="a cat"' + claims
    video = b"\0\0\0\x18ftypmp42" + bytes(2000)
    data, lost = written_again(tmp_path, jpeg((APP1, XMP + packet)) + video)
    assert lost == ("the video behind the picture",)
    assert b"a cat" in data
    assert not any(word in data for word in (b"MotionPhoto", b"MicroVideo", b"Directory", b"ftyp"))


def test_what_belongs_to_the_old_pixels_is_left_out_with_a_word(tmp_path):
    source = jpeg(
        (0xEB, b"JP\0\1jumb"), (APP0, b"JFXX\0\x10"), (APP1, b"FLIR\0"), (APP2, b"FPXR\0")
    )
    data, lost = written_again(tmp_path, source + b"more")
    assert [word.split(",")[0] for word in lost] == [
        "4 bytes behind the picture",
        "the segment APP11 (content credentials or HDR)",
        "the segment APP0 that is not JFIF (a thumbnail)",
        "the segment APP1 that is neither EXIF nor XMP",
    ]
    assert b"FPXR" in data
    assert not any(word in data for word in (b"jumb", b"JFXX", b"FLIR"))


def test_exif_that_does_not_fit_is_left_out_with_a_word(tmp_path):
    picture = Picture.of(COLOUR, Metadata(exif=b"MM\0*\0\0\0\x08" + bytes(70_000)))
    assert left_out(picture, format_by_name("jpeg")) == ("EXIF, which is longer than 65,527 bytes",)
    write(tmp_path / "a.jpg", COLOUR, picture)


def test_padding_behind_the_picture_is_nothing(tmp_path):
    for padding in (b"\0", b"\r\n", b"\0" * 100):
        assert written_again(tmp_path, jpeg() + padding)[1] == ()


def test_the_command_warns_on_standard_error_and_in_json(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg() + b"\0\0\0\x18ftypmp42" + bytes(99))
    command = [sys.executable, "-m", "vdn", "denoise", str(tmp_path / "a.jpg"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    warning = "left out: the video behind the picture"
    assert json.loads(done.stdout)["warnings"] == [warning]
    assert done.stderr == f"vdn: warning: {tmp_path / 'a.jpg'}: {warning}\n"


def test_the_thumbnail_of_photoshop_is_left_out_and_the_rest_stays(tmp_path):
    def resource(number: int, content: bytes) -> bytes:
        size = len(content).to_bytes(4)
        return b"8BIM" + number.to_bytes(2) + b"\1x" + size + content + bytes(len(content) % 2)

    first, last = photoshop(caption=b"Harvest"), resource(1061, b"digest")
    thumbnail = resource(1036, b"\1\xff\xd8\xff of the noise")
    data, lost = written_again(tmp_path, jpeg((0xED, first + thumbnail + last)))
    assert segment(0xED, first + last) in data
    assert lost == ("the thumbnail of Photoshop",)
