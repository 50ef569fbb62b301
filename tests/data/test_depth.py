"""Pictures deeper than 8 bits are trained on and measured as what they are."""

import numpy as np
import pytest
import torch

from vdn.data.images import read_image
from vdn.data.pair_noise import PairPool, measure_pair
from vdn.data.pairs import pair_folder, write_tiles
from vdn.evaluation.sets import read_picture
from vdn.image import write

RAMP = np.tile(np.linspace(0, 1, 4096), (64, 1))


def stored(path, dtype, image):
    scale = 1 if dtype == np.float32 else np.iinfo(dtype).max
    write(path, (image * scale).astype(dtype))
    return path


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("colour", [False, True])
def test_a_deep_ramp_keeps_its_values(tmp_path, dtype, channels, colour):
    image = np.repeat(RAMP[..., None], 3, axis=2) if colour else RAMP
    path = stored(tmp_path / "a.tif", dtype, image)
    pixels = read_image(path, channels)
    assert pixels.shape == (64, 4096, channels)
    np.testing.assert_allclose(pixels[..., 0], 255 * RAMP, atol=0.01)
    assert len(np.unique(read_picture(path, 1))) > 4000


def test_eight_bits_stay_bytes(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 4), dtype=np.uint8)
    write(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels[..., :3])
    from PIL import Image

    expected = np.asarray(Image.fromarray(pixels[..., :3]).convert("L"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", 1)[..., 0], expected)


@pytest.fixture
def pairs(tmp_path):
    """A dark pair of 16 bits with noise of 300, some of it below black."""
    rng = np.random.default_rng(0)
    clean = np.tile(np.linspace(1000, 9000, 80), (80, 1))
    noisy = clean + 300 * rng.standard_normal(clean.shape)
    for side, image in (("noisy", noisy), ("clean", clean)):
        (tmp_path / side).mkdir()
        write(tmp_path / side / "a.tif", np.clip(np.rint(image), 0, 65535).astype(np.uint16))
    return pair_folder(tmp_path)


def test_a_pair_has_the_range_of_its_clean_side(pairs, tmp_path):
    noisy, clean = pairs[0]
    scale = np.ptp(clean) / 8000
    assert np.std(noisy - clean) == pytest.approx(300 * scale, rel=0.03)
    assert len(np.unique(clean)) == 80
    pool = PairPool([measure_pair(noisy, clean)], 32, torch.device("cpu"))
    sides = pool.take([0], np.random.default_rng(0))
    residual = (sides[0] - sides[1]).std()
    assert float(residual) == pytest.approx(300 * scale / 255, rel=0.1)
    assert float(sides[2].mean()) == pytest.approx(300 * scale / 255, rel=0.1)


def test_tiles_of_a_deep_pair_keep_its_depth(pairs, tmp_path):
    assert write_tiles(pairs, tmp_path / "tiles", size=64, stride=64) == 4
    tiles = pair_folder(tmp_path / "tiles")
    noisy, clean = tiles[0]
    assert noisy.dtype == np.float32
    whole = pairs[0]
    ratio = np.std(noisy - clean) / np.ptp(clean)
    expected = np.std((whole[0] - whole[1])[:64, :64]) / np.ptp(whole[1][:64, :64])
    assert ratio == pytest.approx(expected, rel=1e-3)


def test_a_deep_picture_is_measured_in_its_depth(tmp_path):
    from vdn.evaluation.runner import observe, plan
    from vdn.evaluation.sets import SetFolders
    from vdn.evaluation.suites import find_suite

    (tmp_path / "mine").mkdir()
    stored(tmp_path / "mine" / "a.tif", np.uint16, RAMP[:, :128])
    folders = SetFolders((tmp_path,), {})
    (item, *_) = plan(find_suite("awgn"), [folders.find("mine")])
    assert len(np.unique(observe(item).clean)) > 120
