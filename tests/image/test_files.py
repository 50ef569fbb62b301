"""What goes through a file comes back: pixels, metadata and encoding, for every format."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image, JpegImagePlugin, PngImagePlugin

from vdn.errors import FileError
from vdn.image import Metadata, Picture, read, write

ICC = b"not really a profile, but bytes are bytes" * 3
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a/></x:xmpmeta>"


def random_pixels(dtype="uint8", shape=(13, 17), seed=0):
    values = np.random.default_rng(seed).random(shape)
    largest = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 2
    return (values * largest).astype(dtype)


def exif_block():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x829A] = 0.005  # exposure time
    exif.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes().removeprefix(b"Exif\0\0")


def assert_exif(metadata):
    assert metadata.orientation == 6
    assert metadata.exif_tags()[0x010F] == "Maker"
    directories = metadata.exif_directories()
    assert float(directories[0x8769][0x829A]) == pytest.approx(0.005)
    assert directories[0x8769][0x9003] == "2026:01:02 03:04:05"
    assert directories[0x8825][1] == "N"


@pytest.mark.parametrize(
    ("suffix", "dtypes"),
    [
        (".png", ["uint8", "uint16"]),
        (".tiff", ["uint8", "uint16", "float16", "float32", "float64"]),
    ],
)
@pytest.mark.parametrize("layout", [(), (2,), (3,), (4,)])
def test_pixels_come_back_exactly(tmp_path, suffix, dtypes, layout):
    for dtype in dtypes:
        pixels = random_pixels(dtype, (13, 17, *layout))
        path = tmp_path / f"{dtype}{suffix}"
        write(path, pixels)
        back = read(path)
        assert back.pixels.dtype == pixels.dtype
        np.testing.assert_array_equal(back.pixels, pixels)
        again = tmp_path / f"again-{dtype}{suffix}"
        write(again, back.pixels, back)
        np.testing.assert_array_equal(read(again).pixels, pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_one_channel_is_written_as_gray(tmp_path, suffix):
    pixels = random_pixels(shape=(5, 6, 1))
    write(tmp_path / f"a{suffix}", pixels)
    np.testing.assert_array_equal(read(tmp_path / f"a{suffix}").pixels, pixels[..., 0])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("suffix", [".png", ".tiff", ".jpg"])
def test_metadata_passes_from_file_to_file(tmp_path, suffix, dtype):
    if suffix == ".jpg" and dtype != "uint8":
        return
    metadata = Metadata(exif_block(), ICC, XMP, dpi=(300.0, 150.0))
    path, again = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    pixels = random_pixels(dtype, (16, 16, 3))
    write(path, pixels, Picture.of(pixels, metadata))
    first = read(path)
    write(again, first.pixels, first)
    for found in (first.metadata, read(again).metadata):
        assert found.icc == ICC
        assert found.xmp == XMP
        assert found.dpi == pytest.approx((300, 150), rel=1e-3)
        assert_exif(found)


@pytest.mark.parametrize("source", [".png", ".tiff", ".jpg"])
@pytest.mark.parametrize("target", [".png", ".tiff", ".jpg"])
def test_metadata_survives_a_change_of_format(tmp_path, source, target):
    metadata = Metadata(exif_block(), ICC, XMP, dpi=(300.0, 300.0))
    pixels = random_pixels(shape=(16, 16, 3))
    write(tmp_path / f"a{source}", pixels, Picture.of(pixels, metadata))
    first = read(tmp_path / f"a{source}")
    write(tmp_path / f"b{target}", first.pixels, first)
    found = read(tmp_path / f"b{target}").metadata
    assert (found.icc, found.xmp) == (ICC, XMP)
    assert found.dpi == pytest.approx((300, 300), rel=1e-3)
    assert_exif(found)


def test_orientation_is_a_tag_and_pixels_are_as_stored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    pixels = random_pixels(shape=(4, 9))
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    found = read(tmp_path / "a.png")
    np.testing.assert_array_equal(found.pixels, pixels)
    assert found.metadata.orientation == 8
    assert found.metadata.geometry().orientation == 8
    write(tmp_path / "a.tiff", pixels, found)
    with tifffile.TiffFile(tmp_path / "a.tiff") as file:
        assert file.pages[0].tags["Orientation"].value == 8


def test_texts_in_other_alphabets_survive(tmp_path):
    pixels = random_pixels()
    texts = [(33432, 2, 0, "© Jürgen".encode(), True)]
    tifffile.imwrite(tmp_path / "a.tif", pixels, description="µm".encode(), extratags=texts)
    for name, before in (("b.tif", "a.tif"), ("c.jpg", "b.tif"), ("d.tif", "c.jpg")):
        first = read(tmp_path / before)
        write(tmp_path / name, first.pixels, first)
    with tifffile.TiffFile(tmp_path / "d.tif") as file:
        assert file.pages[0].description == "µm"
        assert file.pages[0].tags["Copyright"].value == "© Jürgen"


def test_a_broken_exif_block_is_passed_on(tmp_path):
    metadata = Metadata(exif=b"broken")
    assert metadata.orientation == 1
    pixels = random_pixels()
    write(tmp_path / "a.jpg", pixels, Picture.of(pixels, metadata))
    assert read(tmp_path / "a.jpg").metadata.exif == b"broken"


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [40, 75, 98])
def test_jpeg_is_written_as_it_came(tmp_path, quality, subsampling):
    image = Image.fromarray(random_pixels(shape=(32, 40, 3)))
    options = {"quality": quality, "subsampling": subsampling, "progressive": quality == 75}
    image.save(tmp_path / "a.jpg", **options)
    first = read(tmp_path / "a.jpg")
    write(tmp_path / "b.jpg", first.pixels, first)
    with Image.open(tmp_path / "a.jpg") as a, Image.open(tmp_path / "b.jpg") as b:
        assert b.quantization == a.quantization
        assert JpegImagePlugin.get_sampling(b) == subsampling
        assert b.info.get("progressive") == a.info.get("progressive")


def test_png_keeps_its_colour_chunks_and_texts(tmp_path):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "a cell")
    texts.add_itxt("Author", "Jürgen")
    texts.add(b"gAMA", (100_000).to_bytes(4))
    Image.fromarray(random_pixels()).save(tmp_path / "a.png", pnginfo=texts)
    first = read(tmp_path / "a.png")
    write(tmp_path / "b.png", first.pixels, first)
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["gamma"] == 1
        assert image.text == {"Title": "a cell", "Author": "Jürgen"}


def test_jpeg_keeps_its_comment(tmp_path):
    Image.fromarray(random_pixels()).save(tmp_path / "a.jpg", comment=b"hello")
    first = read(tmp_path / "a.jpg")
    write(tmp_path / "b.jpg", first.pixels, first)
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.info["comment"] == b"hello"


def test_palettes_become_colour(tmp_path):
    image = Image.fromarray(random_pixels(shape=(8, 8, 3))).quantize(16)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png").pixels, np.array(image.convert("RGB")))
    image.save(tmp_path / "b.png", transparency=3)
    assert read(tmp_path / "b.png").pixels.shape == (8, 8, 4)


@pytest.mark.parametrize("mode", ["1", "L"])
def test_gray_stays_gray(tmp_path, mode):
    Image.fromarray(random_pixels()).convert(mode).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").pixels.dtype == np.uint8
    assert read(tmp_path / "a.png").pixels.shape == (13, 17)


def test_tiff_keeps_its_encoding_and_tags(tmp_path):
    pixels = random_pixels("uint16", (64, 48))
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        compression="zlib",
        predictor=True,
        tile=(16, 32),
        byteorder=">",
        bigtiff=True,
        resolution=(9.5, 9.25),
        resolutionunit="none",
        description="a cell, unit=micron",
        software="Microscope 1.0",
        metadata=None,
        extratags=[(42113, "s", 0, "-9999", True), (33550, "d", 3, (1.0, 2.0, 0.0), True)],
    )
    first = read(tmp_path / "a.tif")
    write(tmp_path / "b.tif", first.pixels, first)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        page = file.pages[0]
        assert (file.byteorder, file.is_bigtiff) == (">", True)
        assert (page.compression.name, page.predictor) == ("ADOBE_DEFLATE", 2)
        assert (page.tilelength, page.tilewidth) == (16, 32)
        assert page.resolution == (9.5, 9.25)
        assert page.resolutionunit == 1
        assert page.description == "a cell, unit=micron"
        assert page.software == "Microscope 1.0"
        assert page.tags[42113].value == "-9999"
        assert page.tags[33550].value == (1.0, 2.0, 0.0)
        np.testing.assert_array_equal(page.asarray(), pixels)


def test_tiff_alpha_keeps_its_kind(tmp_path):
    pixels = random_pixels(shape=(8, 9, 4))
    options = {"photometric": "rgb", "extrasamples": ["assocalpha"]}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    first = read(tmp_path / "a.tif")
    write(tmp_path / "b.tif", first.pixels, first)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages[0].extrasamples == (1,)


def test_tiff_layouts_come_as_rows_columns_channels(tmp_path):
    planar = random_pixels(shape=(3, 8, 9))
    tifffile.imwrite(tmp_path / "a.tif", planar, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, np.moveaxis(planar, 0, -1))
    white = random_pixels("uint16")
    tifffile.imwrite(tmp_path / "w.tif", white, photometric="miniswhite")
    np.testing.assert_array_equal(read(tmp_path / "w.tif").pixels, 65535 - white)


def test_the_content_says_the_format_of_an_input(tmp_path):
    pixels = random_pixels()
    write(tmp_path / "a.png", pixels)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert read(tmp_path / "a.jpg").format == "png"


def test_inputs_that_are_no_pictures_are_refused_in_one_line(tmp_path):
    path = tmp_path / "a.png"

    def refused(reason):
        with pytest.raises(FileError, match=reason) as caught:
            read(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)

    refused("cannot be opened")
    path.write_bytes(b"")
    refused("empty")
    path.write_bytes(b"GIF89a and so on")
    refused("GIF.*convert it")
    path.write_bytes(b"something else")
    refused("PNG, JPEG, .*TIFF")
    path.unlink()
    path.mkdir()
    refused("is a folder")


@pytest.mark.parametrize("keep", [9, 20, 60, 0.5, 0.9])
@pytest.mark.parametrize("name", ["a.png", "deep.png", "a.jpg", "a.tif", "packed.tif"])
def test_files_cut_short_are_refused(tmp_path, name, keep):
    path = tmp_path / name
    pixels = random_pixels("uint16" if name == "deep.png" else "uint8", (64, 64, 3))
    if name == "packed.tif":
        tifffile.imwrite(path, pixels, compression="zlib", photometric="rgb")
    else:
        write(path, pixels)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(FileError, match=name):
        read(path)


def test_pictures_too_large_to_decode_are_refused_before(tmp_path):
    for name in ("a.png", "a.jpg", "a.tif"):
        write(tmp_path / name, random_pixels())
        with pytest.raises(FileError, match=r"0\.0 MB when decoded, more than the limit"):
            read(tmp_path / name, max_bytes=12)


def test_kinds_that_cannot_be_denoised_yet_are_named(tmp_path):
    frames = [Image.fromarray(random_pixels(seed=s)) for s in range(3)]
    frames[0].convert("CMYK").save(tmp_path / "cmyk.jpg")
    tifffile.imwrite(tmp_path / "pages.tif", np.stack(frames), photometric="minisblack")
    tifffile.imwrite(tmp_path / "stack.tif", np.stack(frames), imagej=True)
    tifffile.imwrite(tmp_path / "lab.tif", random_pixels(shape=(8, 8, 3)), photometric="cielab")
    reasons = {
        "cmyk.jpg": "CMYK",
        "pages.tif": "3 images",
        "stack.tif": "3 images",
        "lab.tif": "CIELAB",
    }
    for name, reason in reasons.items():
        with pytest.raises(FileError, match=rf"{name}.*{reason}"):
            read(tmp_path / name)


def test_outputs_are_not_replaced_unless_asked(tmp_path):
    path = tmp_path / "a.png"
    write(path, random_pixels(seed=1))
    with pytest.raises(FileError, match="exists"):
        write(path, random_pixels(seed=2))
    write(path, random_pixels(seed=2), overwrite=True)
    np.testing.assert_array_equal(read(path).pixels, random_pixels(seed=2))


def test_the_input_is_never_replaced(tmp_path):
    path = tmp_path / "a.png"
    write(path, random_pixels())
    with pytest.raises(FileError, match="is the input"):
        write(path, random_pixels(), read(path), overwrite=True)


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "reason"),
    [
        ("a.gif", "uint8", (4, 4), r"'\.gif' is not one of \.png"),
        ("a", "uint8", (4, 4), "''"),
        ("a.jpg", "uint16", (4, 4), "JPEG holds uint8"),
        ("a.jpg", "uint8", (4, 4, 4), "gray, colour, not uint8 as colour.alpha"),
        ("a.png", "float32", (4, 4), "PNG holds uint8, uint16"),
        ("a.tif", "bool", (4, 4), "uint8"),
        ("a.png", "uint8", (4, 4, 5), "planes"),
        ("none/a.png", "uint8", (4, 4), "cannot be written"),
    ],
)
def test_outputs_that_cannot_be_are_refused(tmp_path, name, dtype, shape, reason):
    with pytest.raises(FileError, match=reason):
        write(tmp_path / name, random_pixels(dtype, shape))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["too wide", "disk"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, fault):
    path = tmp_path / "a.jpg"
    pixels = random_pixels()
    write(path, pixels)
    before = path.read_bytes()
    reason, wide = r"a\.jpg: JPEG holds 65500 pixels a side at most", (1, 70_000)
    if fault == "disk":
        reason, wide = r"a\.jpg: cannot be written \(No space left", (4, 4)

        def full(*arguments, **options):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(FileError, match=reason):
        write(path, np.zeros(wide, np.uint8), overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_foreign_decoder_error_names_the_file(tmp_path, monkeypatch):
    def fail(*_):
        raise KeyError("inner\nerror")

    write(tmp_path / "a.png", random_pixels())
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    with pytest.raises(FileError, match=r"a\.png: is damaged"):
        read(tmp_path / "a.png")


def test_importing_loads_no_codecs():
    program = (
        "import sys, vdn.image; "
        "print({'PIL', 'tifffile', 'imagecodecs', 'torch', 'scipy'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
