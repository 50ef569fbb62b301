"""What is particular to single formats."""

import io
import math
import struct
import sys
import warnings
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from image.cases import exif_bytes, exif_notes, make_dng, pixels
from vdn.errors import FileError, InputError, MissingExtraError
from vdn.image import (
    Metadata,
    Picture,
    Provenance,
    WriteOptions,
    create_picture,
    open_picture,
    output_suffix,
    read,
    recognise,
    write,
)
from vdn.image.exif_note import with_note, with_orientation

NOTE = WriteOptions(provenance=Provenance(version="1", model="m"))


def pass_on(source, target, change=lambda image: image, options=None):
    with open_picture(source) as picture, create_picture(target, picture, options=options) as out:
        for index, frame in enumerate(picture.frames):
            out.write_rows(index, change(frame.read()))


# Camera raw


def test_raw_is_developed_neutrally_and_becomes_tiff(tmp_path):
    pytest.importorskip("rawpy")
    make_dng(tmp_path / "a.dng")
    assert recognise(tmp_path / "a.dng") == "raw"
    assert output_suffix(tmp_path / "a.dng") == ".tiff"
    picture = read(tmp_path / "a.dng")
    assert (picture.pixels.dtype, picture.pixels.shape) == (np.uint16, (64, 96, 3))
    assert picture.metadata.orientation == 6
    inner = picture.pixels[8:-8, 8:-8].reshape(-1, 3)
    assert (inner.max(axis=0) == inner.min(axis=0)).all()  # even colours stay even
    # The camera's white balance doubles red and blue; green, 20000 of 65535, on the curve of sRGB:
    assert inner[0, 1] < inner[0, 0]
    write(tmp_path / "a.tiff", picture.pixels, picture)
    with tifffile.TiffFile(tmp_path / "a.tiff") as file:
        page = file.pages[0]
        np.testing.assert_array_equal(page.asarray(), picture.pixels)
        profile = ImageCms.ImageCmsProfile(io.BytesIO(page.iccprofile))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert page.tags[274].value == 6
        assert page.tags[271].value == "Maker"
        assert not {33422, 50706, 50721} & {tag.code for tag in page.tags}
    with pytest.raises(FileError, match=r"extension '\.dng'"):
        write(tmp_path / "b.dng", picture.pixels, picture)


def test_raw_by_another_name_is_named(tmp_path):
    make_dng(tmp_path / "a.tif")
    with pytest.raises(FileError, match=r"camera raw.*extension.*\.dng"):
        open_picture(tmp_path / "a.tif")


# TIFF


def test_bigtiff_keeps_exif(tmp_path):
    metadata = Metadata(exif=exif_bytes().removeprefix(b"Exif\0\0"))
    pixels_ = pixels("uint8")
    write(tmp_path / "a.tif", pixels_, Picture.of(pixels_, metadata))
    small = read(tmp_path / "a.tif")
    big = {**small.encoding, "file": {"bigtiff": True, "byteorder": "<"}}
    like = Picture(small.frames, small.metadata, "tiff", small.path, big)
    write(tmp_path / "b.tif", pixels_, like)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.is_bigtiff
        assert file.pages[0].tags["ExifTag"].value["MakerNote"] == b"secret notes of the maker"
    pass_on(tmp_path / "b.tif", tmp_path / "c.tif")
    found = read(tmp_path / "c.tif")
    assert found.metadata.exif_directories() == small.metadata.exif_directories()
    np.testing.assert_array_equal(found.pixels, pixels_)


@pytest.mark.parametrize(
    ("text", "dtype", "mark"),
    [("-9999", "float32", -9999), ("nan", "float32", math.nan), ("0", "uint16", 0)],
)
def test_gdal_says_where_there_is_no_data(tmp_path, text, dtype, mark):
    tag = (42113, "s", 0, text, True)
    tifffile.imwrite(tmp_path / "a.tif", pixels(dtype), extratags=[tag], metadata=None)
    found = read(tmp_path / "a.tif").frame.no_data
    assert found == mark or (math.isnan(found) and math.isnan(mark))


def test_jpeg_in_tiff_is_decoded_and_written_without_loss(tmp_path):
    colour = pixels("uint8", (3,), size=(64, 64))
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb", compression="jpeg")
    expected = tifffile.imread(tmp_path / "a.tif")
    pass_on(tmp_path / "a.tif", tmp_path / "b.tif")
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        np.testing.assert_array_equal(file.asarray(), expected)
        assert file.pages[0].compression.name == "ADOBE_DEFLATE"


def test_a_tiff_without_a_tag_of_its_compression_is_uncompressed(tmp_path):
    """As ImageJ writes it."""
    image = pixels("uint8", (), size=(16, 24))
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", byteorder="<")
    entry = struct.pack("<HHI", 259, 3, 1)  # Compression, SHORT, one
    other = struct.pack("<HHI", 65000, 3, 1)
    data = (tmp_path / "a.tif").read_bytes()
    assert data.count(entry) == 1
    (tmp_path / "a.tif").write_bytes(data.replace(entry, other))
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, image)
    pass_on(tmp_path / "a.tif", tmp_path / "b.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), image)


def make_empty_tiff(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "nonconformant": indeed
        tifffile.imwrite(path, np.zeros((0, 8), "uint8"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda p: Image.new("CMYK", (8, 8)).save(p), "SEPARATED"),
        (lambda p: Image.new("P", (8, 8)).save(p), "PALETTE"),
        (lambda p: Image.new("1", (8, 8)).save(p), "1 bit"),
        (lambda p: Image.new("LAB", (8, 8)).save(p), "CIELAB"),
        (lambda p: tifffile.imwrite(p, np.zeros((8, 8), "complex64")), "complex64"),
        (lambda p: make_empty_tiff(p), "no pixels|damaged"),
        (
            lambda p: tifffile.imwrite(
                p, np.zeros((4, 32, 32), "u1"), volumetric=True, photometric="minisblack"
            ),
            "4 images deep",
        ),
    ],
)
def test_kinds_of_tiff_that_cannot_be_are_named(tmp_path, make, reason):
    make(tmp_path / "a.tif")
    with pytest.raises(FileError, match=rf"a\.tif: .*({reason})"):
        open_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1), (1, 1, 3)])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp", ".npy", ".bmp"])
def test_thin_pictures_are_pictures(tmp_path, suffix, shape):
    if suffix == ".webp" and len(shape) == 2:
        shape = (*shape, 3)
    image = pixels("uint8", shape[2:], size=shape[:2])
    write(tmp_path / f"a{suffix}", image)
    np.testing.assert_array_equal(read(tmp_path / f"a{suffix}").pixels, image)


# FITS


@pytest.fixture
def fits():
    return pytest.importorskip("astropy.io.fits")


def test_fits_scaling_and_blanks_are_those_of_the_source(tmp_path, fits):
    stored = pixels("int16")
    stored[3, 4] = -32768
    unit = fits.PrimaryHDU(stored)
    unit.header["BSCALE"], unit.header["BZERO"], unit.header["BLANK"] = 0.25, 100.0, -32768
    raw = unit.header.tostring(padding=True).encode() + stored.astype(">i2").tobytes()
    (tmp_path / "a.fits").write_bytes(raw + bytes(-len(raw) % 2880))
    frame = read(tmp_path / "a.fits").frame
    values = frame.read()
    assert values.dtype == np.float64
    assert math.isnan(frame.no_data)
    assert math.isnan(values[3, 4])
    assert values[0, 0] == stored[0, 0] * 0.25 + 100
    pass_on(tmp_path / "a.fits", tmp_path / "b.fits")
    assert (tmp_path / "b.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()
    pass_on(tmp_path / "a.fits", tmp_path / "c.fits", lambda image: image + 2.5)
    with fits.open(tmp_path / "c.fits", do_not_scale_image_data=True) as units:
        expected = np.where(stored == -32768, -32768, np.minimum(stored + 10.0, 32767))
        np.testing.assert_array_equal(units[0].data, expected)


def test_fits_integers_say_where_there_is_no_data(tmp_path, fits):
    unit = fits.PrimaryHDU(pixels("int32"))
    unit.header["BLANK"] = -1
    unit.writeto(tmp_path / "a.fits")
    assert read(tmp_path / "a.fits").frame.no_data == -1


def test_fits_checksums_of_other_pixels_are_removed(tmp_path, fits):
    fits.PrimaryHDU(pixels("float32")).writeto(tmp_path / "a.fits", checksum=True)
    pass_on(tmp_path / "a.fits", tmp_path / "b.fits", lambda image: image / 2)
    assert "DATASUM" in fits.getheader(tmp_path / "a.fits")
    assert "DATASUM" not in fits.getheader(tmp_path / "b.fits")


def test_fits_without_images_or_with_compressed_ones_is_refused(tmp_path, fits):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.arange(5.0))])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "a.fits")
    compressed = fits.CompImageHDU(pixels("int16"))
    fits.HDUList([fits.PrimaryHDU(), compressed]).writeto(tmp_path / "b.fits")
    for name, reason in (("a.fits", "without an image"), ("b.fits", "funpack")):
        with pytest.raises(FileError, match=reason):
            open_picture(tmp_path / name)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float64"])
def test_fits_can_be_made_of_others(tmp_path, fits, dtype):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([pixels(dtype)] * 2), photometric="minisblack")
    pass_on(tmp_path / "a.tif", tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as units:
        units.verify("exception")
        for unit in units:
            np.testing.assert_array_equal(unit.data, pixels(dtype))


# NumPy


def test_pickled_objects_are_never_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", np.array([{"a": 1}] * 400, object).reshape(20, 20))
    for name in ("a.npy", "b.npz"):
        with pytest.raises(FileError, match=f"{name}: "):
            open_picture(tmp_path / name)


@pytest.mark.parametrize("array", [np.zeros(5), np.zeros((4, 0)), np.zeros((3, 3), "complex64")])
def test_arrays_that_are_no_images_are_named(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(FileError, match=r"a\.npy: .*(shape|complex64|damaged)"):
        open_picture(tmp_path / "a.npy")


def test_archives_that_unpack_without_end_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(10**7))
    assert (tmp_path / "a.npz").stat().st_size < 20_000
    with pytest.raises(FileError, match=r"zeros.*more than the limit"):
        open_picture(tmp_path / "a.npz", max_bytes=10**6)


def test_an_array_file_that_promises_more_than_it_holds_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((10, 10)))
    data = (tmp_path / "a.npy").read_bytes().replace(b"(10, 10)", b"(99, 10)")
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(FileError, match="damaged"):
        open_picture(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (9, 2, 3)])
def test_the_single_array_of_an_archive_is_an_image_whatever_its_size(tmp_path, shape):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    write(tmp_path / "a.npz", array)
    np.testing.assert_array_equal(read(tmp_path / "a.npz").pixels, array)


# Others


def test_heif_is_turned_once(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    tall = pixels("uint8", (3,), size=(48, 32))
    file = pillow_heif.from_bytes("RGB", (32, 48), tall.tobytes())
    xmp = b'<x tiff:Orientation="6"/>'
    file.save(tmp_path / "a.heic", quality=95, exif=exif_bytes(), xmp=xmp)
    picture = read(tmp_path / "a.heic")
    assert picture.pixels.shape == (32, 48, 3)  # the decoder has turned it
    assert picture.metadata.orientation == 1
    assert b'Orientation="1"' in picture.metadata.xmp
    write(tmp_path / "a.png", picture.pixels, picture)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (48, 32)
        assert image.getexif()[0x0112] == 1


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I"])
def test_what_is_brighter_than_the_white_of_a_deep_heif_becomes_white(tmp_path, mode, bits):
    pillow_heif = pytest.importorskip("pillow_heif")
    channels = {"RGB": (3,), "RGBA": (4,), "I": ()}[mode]
    stored = pixels("uint16", channels, size=(48, 32)) % 2**bits
    file = pillow_heif.from_bytes(f"{mode};{bits}", (32, 48), stored.tobytes())
    file.save(tmp_path / "a.heic", quality=95)
    picture = read(tmp_path / "a.heic")
    white = int(picture.encoding["bits"])
    brighter = picture.pixels.copy()
    brighter[:20] = 2**white + 300
    write(tmp_path / "b.heic", brighter, picture)
    written = read(tmp_path / "b.heic").pixels
    assert written.dtype == np.uint16
    assert written[:12].min() > 0.95 * (2**white - 1)
    assert written.max() < 2**white


def test_deep_png_with_a_transparent_colour_has_alpha(tmp_path):
    import imagecodecs

    from vdn.image.codecs.png import _chunk

    data = imagecodecs.png_encode(pixels("uint16", (3,)))
    (tmp_path / "a.png").write_bytes(data[:33] + _chunk(b"tRNS", bytes(6)) + data[33:])
    assert read(tmp_path / "a.png").pixels.shape == (37, 45, 4)


def test_a_profile_that_inflates_without_end_is_refused(tmp_path):
    import zlib

    from vdn.image.codecs.png import _chunk

    Image.fromarray(pixels("uint8")).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    bomb = b"ICC\0\0" + zlib.compress(bytes(2**27), 9)
    (tmp_path / "a.png").write_bytes(data[:33] + _chunk(b"iCCP", bomb) + data[33:])
    with pytest.raises(FileError, match=r"without end|damaged"):
        read(tmp_path / "a.png")


def test_quality_can_be_chosen(tmp_path):
    Image.fromarray(pixels("uint8", (3,))).save(tmp_path / "a.jpg", quality=90, subsampling=0)
    sizes = []
    for quality in (30, 95):
        options = WriteOptions(quality=quality)
        pass_on(tmp_path / "a.jpg", tmp_path / f"{quality}.jpg", options=options)
        sizes.append((tmp_path / f"{quality}.jpg").stat().st_size)
    assert sizes[0] < sizes[1]
    with pytest.raises(InputError, match=r"quality=0"):
        WriteOptions(quality=0)


def test_a_note_leaves_the_rest_of_exif_where_it_is():
    block = exif_bytes().removeprefix(b"Exif\0\0")
    noted = with_note(with_note(block, "one"), "two")
    assert noted[8 : len(block)] == block[8:]
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + noted)
    assert exif[0x000B] == "one; two"
    before = Image.Exif()
    before.load(block)
    assert exif_notes(exif) == exif_notes(before)
    for broken in (b"", b"II", b"MM\0*\xff\xff\xff\xff", block[:20], b"nonsense" * 4):
        assert with_orientation(broken, 1) == broken
        with_note(broken, "x")


def test_exif_that_is_full_is_kept_without_a_note(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "x" * 65_450
    Image.fromarray(pixels("uint8")).save(tmp_path / "a.jpg", exif=exif)
    pass_on(tmp_path / "a.jpg", tmp_path / "b.jpg", options=NOTE)
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif()[0x010F] == exif[0x010F]


@pytest.mark.parametrize(
    ("start", "name", "module", "extra"),
    [
        (b"v/1\x01", "a.exr", "OpenEXR", "exr"),
        (b"SIMPLE  =                    T", "a.fits", "astropy", "astro"),
        (b"\0\0\0\x18ftypheic", "a.heic", "pillow_heif", "heif"),
        (b"FUJIFILMCCD-RAW ", "a.raf", "rawpy", "raw"),
    ],
)
def test_a_missing_package_is_named_with_what_to_install(
    tmp_path, monkeypatch, start, name, module, extra
):
    for loaded in [key for key in sys.modules if key.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(start + bytes(100))
    assert recognise(tmp_path / name) is not None
    with pytest.raises(MissingExtraError, match=rf"{name}: .*pip install 'vdn\[{extra}\]'"):
        open_picture(tmp_path / name)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"GIF89a", "GIF"),
        (b"8BPS", "Photoshop"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b"%PDF-1.7", "PDF"),
        (b"#!/bin/sh", "not a picture"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, start, reason):
    (tmp_path / "a.jpg").write_bytes(start)
    assert recognise(tmp_path / "a.jpg") is None
    with pytest.raises(FileError, match=rf"a\.jpg: is .*{reason}|a\.jpg: {reason}|{reason}"):
        open_picture(tmp_path / "a.jpg")


def test_parts_and_layers_of_openexr_are_frames(tmp_path):
    exr = pytest.importorskip("OpenEXR")
    header = {"type": exr.scanlineimage, "compression": exr.ZIPS_COMPRESSION}
    glow = {f"glow.{letter}": pixels("float32", seed=index) for index, letter in enumerate("RGB")}
    left = exr.Part(dict(header), {"RGB": pixels("float16", (3,))}, "left")
    right = exr.Part(dict(header), {"RGBA": pixels("float32", (4,)), **glow}, "right")
    exr.File([left, right]).write(str(tmp_path / "a.exr"))
    with open_picture(tmp_path / "a.exr") as picture:
        assert [frame.channels for frame in picture.frames] == ["colour", "colour+alpha", "colour"]
        assert [frame.name for frame in picture.frames] == ["layer 1", "layer 2", "layer glow"]
    pass_on(tmp_path / "a.exr", tmp_path / "b.exr", lambda image: image / 2, NOTE)
    before, after = (
        exr.File(str(tmp_path / name), separate_channels=True).parts for name in ("a.exr", "b.exr")
    )
    assert [part.name() for part in after] == ["left", "right"]
    for old, new in zip(before, after, strict=True):
        for name, channel in old.channels.items():
            np.testing.assert_array_equal(new.channels[name].pixels, channel.pixels / 2)
            assert new.channels[name].pixels.dtype == channel.pixels.dtype
