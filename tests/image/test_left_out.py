"""What TIFF, AVIF and HEIF files hold beside the picture: kept, or left out with a warning."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from image.cases import pixels
from vdn.image import open_picture, write
from vdn.image.codecs.iso_media import color_label, other_pictures
from vdn.image.formats import format_by_name
from vdn.image.losses import left_out

COLOUR = pixels("uint8", (3,))


def lost(path, suffix):
    with open_picture(path) as picture:
        return left_out(picture, format_by_name(suffix))


def test_copies_masks_and_layers_of_a_tiff(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(COLOUR, metadata=None, subifds=1, extratags=[(37724, 7, 8, b"8BIM8BIM", True)])
        file.write(COLOUR[::2, ::2], metadata=None, subfiletype=1)
        file.write(COLOUR[..., 0] > 99, metadata=None, subfiletype=4)
    assert lost(path, ".tif") == (
        "transparency masks",
        "the layers of an image editor",
    )


def test_tags_of_a_tiff_are_missed_in_a_png(tmp_path):
    path = tmp_path / "a.tif"
    tags = [
        (33723, 7, 6, b"\x1c\2\x78\0\1a", True),
        (33550, 12, 3, (1.0, 1.0, 0.0), True),
        (65000, 3, 1, 7, True),
    ]
    tifffile.imwrite(path, COLOUR, metadata=None, software=False, extratags=tags)
    assert lost(path, ".tif") == ()
    assert lost(path, ".png") == ("IPTC", "the geographic place", "the tags 65000")


@pytest.mark.parametrize("label", [(12, 13), (9, 16), (1, 8)])
def test_the_colour_label_of_an_avif_stays(tmp_path, label):
    imagecodecs = pytest.importorskip("imagecodecs")
    path, again = tmp_path / "a.avif", tmp_path / "b.avif"
    primaries, transfer = label
    path.write_bytes(
        imagecodecs.avif_encode(COLOUR, level=95, primaries=primaries, transfer=transfer, matrix=6)
    )
    with open_picture(path) as picture:
        write(again, picture.pixels, picture)
    label = primaries.to_bytes(2) + transfer.to_bytes(2)
    assert color_label(again) == color_label(path) == label
    with Image.open(again) as after:
        assert np.abs(np.asarray(after, float) - COLOUR).mean() < 6
    assert lost(path, ".avif") == ()
    assert lost(path, ".png") == ("the colour label (CICP)",)


def test_what_else_is_in_the_boxes_is_told(tmp_path):
    words = {
        b"urn:com:apple:photo:2020:aux:hdrgainmap": "the gain map",
        b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth": "the depth map",
        b"urn:com:apple:photo:2018:aux:portraiteffectsmatte": "mattes of a camera",
        b"\0\0\0\x10thmb": "the thumbnail",
        b"mpvd": "the video behind the picture",
    }
    path = tmp_path / "a.heic"
    for name, told in words.items():
        path.write_bytes(b"\0\0\0\x18ftypheic" + name + b"mdat" + b"thmb mpvd tmap")
        assert other_pictures(path) == [told]
