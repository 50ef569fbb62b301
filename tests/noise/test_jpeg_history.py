"""JPEG compression is told from tables, and from pixels that went through it."""

import io

import numpy as np
import pytest
from PIL import Image

from vdn.noise.jpeg import Jpeg
from vdn.noise.jpeg_history import find_jpeg_traces, quality_of_tables


@pytest.fixture(scope="module")
def picture():
    """A picture with smooth parts, edges and texture, (144, 144, 3)."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:144, :144] / 144
    made = 120 + 60 * np.sin(9 * rows + 2 * columns) * np.cos(7 * columns)
    made[40:120, 60:90] -= 50
    made += rng.normal(0, 1, made.shape) * 12 * (columns > 0.5)
    colours = made[..., None] * [1.0, 0.95, 0.85] + 8 * np.sin(5 * rows)[..., None]
    return np.clip(np.rint(colours), 1, 254).astype(np.uint8)


def saved(pixels, quality, **options):
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=quality, **options)
    return Image.open(buffer)


def decoded(pixels, quality):
    return np.asarray(saved(pixels, quality))


def own(quality):
    return Jpeg(quality).steps()[0]


@pytest.mark.parametrize("quality", [1, 10, 50, 75, 93, 100])
def test_the_tables_of_libjpeg_tell_their_quality(quality, picture):
    for pixels in (picture, picture[..., 0]):
        found = quality_of_tables(saved(pixels, quality).quantization)
        assert (found.quality, found.standard) == (quality, True)


def test_other_tables_get_the_closest_quality():
    tables = [np.rint(own(80) * 1.05).astype(int).ravel().tolist()]
    found = quality_of_tables(dict(enumerate(tables)))
    assert not found.standard
    assert abs(found.quality - 79) <= 1


@pytest.mark.parametrize("quality", [30, 85])
def test_pixels_of_a_jpeg_bear_its_traces_in_another_file(quality, picture):
    found = find_jpeg_traces(decoded(picture, quality))
    assert abs(found.quality - quality) <= 1
    assert not found.shifted
    cropped = find_jpeg_traces(decoded(picture, quality)[3:, 5:])
    assert abs(cropped.quality - quality) <= 1
    assert (cropped.row, cropped.column) == (5, 3)


def test_the_traces_of_a_part_are_placed_in_the_whole(picture):
    found = find_jpeg_traces(decoded(picture, 60)[3:, 5:], origin=(11, 21))
    assert (found.row, found.column) == (0, 0)


def test_a_finer_file_does_not_hide_the_coarser_one_before(picture):
    again = decoded(decoded(picture, 50), 92)
    assert find_jpeg_traces(again, steps=own(92)).quality == pytest.approx(50, abs=1)
    moved = decoded(decoded(picture, 50)[2:, 7:], 95)
    found = find_jpeg_traces(moved, steps=own(95))
    assert found.quality == pytest.approx(50, abs=1)
    assert (found.row, found.column) == (6, 1)


@pytest.mark.parametrize("quality", [50, 90])
def test_a_file_that_was_compressed_once_does_not_contradict_itself(quality, picture):
    assert find_jpeg_traces(decoded(picture, quality), steps=own(quality)) is None


def test_pictures_that_were_never_compressed_bear_none(picture):
    noisy = picture + np.random.default_rng(1).normal(0, 10, picture.shape)
    for pixels in (
        picture,
        np.clip(noisy, 0, 255).astype(np.uint8),
        np.zeros((64, 64), np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
        np.zeros((8, 8), np.uint8),
    ):
        assert find_jpeg_traces(pixels) is None
