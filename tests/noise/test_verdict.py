"""Texture is told from noise by what is flat and by colour."""

import numpy as np
import pytest

from vdn.noise.texture import TextureCount
from vdn.noise.verdict import judge_noise


def texture_of(image, ends=(0, 255)):
    count = TextureCount(image.shape[:2], ends)
    count.add(image, 0, 0)
    return count.texture


def gray_texture(seed=0):
    """Fine detail of one colour, everywhere."""
    detail = np.random.default_rng(seed).normal(0, 9, (256, 256, 1))
    return 120 + detail * [1.0, 0.95, 0.9]


def coloured_noise(level, seed=0):
    return 120 + np.random.default_rng(seed).normal(0, level, (256, 256, 3))


def test_what_the_network_finds_in_colourless_texture_is_no_noise():
    found = texture_of(gray_texture())
    assert judge_noise([8.0] * 3, 255, [6.0] * 3, found).kind == "clean"
    # Compression takes the colour of noise away, so then its lack says nothing.
    assert judge_noise([8.0] * 3, 255, [6.0] * 3, found, compressed=True).kind == "noisy"
    # But where nothing is flat, noise of much less could not be seen.
    assert judge_noise([4.0] * 3, 255, [3.0] * 3, found, compressed=True).kind == "clean"


@pytest.mark.parametrize("level", [3, 5, 10, 50])
def test_noise_stays_noise_on_flat_ground_and_on_texture(level):
    for image in (coloured_noise(level), coloured_noise(level) + gray_texture() - 120):
        assert judge_noise([level] * 3, 255, [level] * 3, texture_of(image)).kind == "noisy"


def test_flat_parts_bound_the_noise():
    image = np.full((256, 256, 3), 120.0)
    image[:, 128:] = coloured_noise(20)[:, 128:]  # half of it detailed, half without anything
    assert judge_noise([9.0] * 3, 255, [4.0] * 3, texture_of(image)).kind == "clean"


def test_gray_pictures_have_no_colours_to_go_by():
    found = texture_of(gray_texture()[..., :1])
    assert found.colour is found.colour_share is None
    assert judge_noise([8.0], 255, [6.0], found).kind == "noisy"


@pytest.mark.parametrize("rows", [8, 64, 100])
def test_parts_give_what_the_whole_gives(rows):
    image = coloured_noise(7)
    count = TextureCount((256, 256), (0, 255))
    for top in range(0, 256, rows):
        count.add(image[top : top + rows], top, 0)
    found, whole = count.texture, texture_of(image)
    assert found.flat == pytest.approx(whole.flat, rel=0.01)
    assert found.colour_share == pytest.approx(whole.colour_share, rel=0.01)


def test_a_large_picture_is_sampled_and_clipped_blocks_do_not_count():
    image = coloured_noise(7)
    large = TextureCount((8192, 8192), (0, 255))
    for row in range(0, 1024, 256):
        for column in range(0, 8192, 256):
            large.add(image, row, column)
    assert large.texture.flat == pytest.approx(texture_of(image).flat, rel=0.1)
    image[:, :200] = 255
    assert texture_of(image).flat > 5
    assert texture_of(np.full((64, 64, 3), 255.0)) is None
