"""TIFF samples of fewer bits than a byte or two, and bands that are not alpha."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from vdn.image import read, write


def packed_file(path, samples, bits, photometric):
    tifffile.imwrite(path, samples, bitspersample=bits, photometric=photometric)
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].bitspersample == bits


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb"])
@pytest.mark.parametrize("width", [31, 32])
def test_packed_samples_come_back_at_their_depth_and_brightness(tmp_path, bits, photometric, width):
    rgb = photometric == "rgb"
    largest = 2**bits - 1
    dtype = np.uint8 if bits < 8 else np.uint16
    shape = (20, width, 3) if rgb else (20, width)
    samples = np.random.default_rng(bits).integers(0, largest, shape, dtype, endpoint=True)
    packed_file(tmp_path / "a.tif", samples, bits, photometric)
    picture = read(tmp_path / "a.tif")
    shown = largest - samples if photometric == "miniswhite" else samples
    white = 255 if bits < 8 else largest
    np.testing.assert_array_equal(picture.pixels, np.rint(shown * (white / largest)))
    write(tmp_path / "b.tif", picture.pixels, picture)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages[0].bitspersample == bits
        np.testing.assert_array_equal(file.pages[0].asarray(), samples)
    if bits == 4 and not rgb:
        with Image.open(tmp_path / "a.tif") as before, Image.open(tmp_path / "b.tif") as after:
            np.testing.assert_array_equal(before.convert("L"), after.convert("L"))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(
    ("extra", "channels"),
    [("unspecified", "planes"), ("unassalpha", "colour+alpha"), ("assocalpha", "colour+alpha")],
)
def test_a_fourth_band_is_alpha_only_where_its_tag_says_so(tmp_path, planar, extra, channels):
    bands = np.random.default_rng(0).integers(0, 65535, (24, 30, 4), np.uint16)
    stored = bands if planar == "contig" else np.moveaxis(bands, -1, 0)
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="rgb", extrasamples=[extra], planarconfig=planar
    )
    picture = read(tmp_path / "a.tif")
    assert picture.frames[0].channels == channels
    write(tmp_path / "b.tif", picture.pixels, picture)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        page = file.pages[0]
        assert page.photometric == tifffile.PHOTOMETRIC.RGB
        assert [int(each) for each in page.extrasamples] == [
            int(tifffile.EXTRASAMPLE[extra.upper()])
        ]
    np.testing.assert_array_equal(read(tmp_path / "b.tif").pixels, bands)
