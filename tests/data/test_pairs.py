"""Pairs in files: found, decoded when asked for, mixed and cut into tiles."""

import numpy as np
import pytest
from PIL import Image

from vdn.data.nam import cc
from vdn.data.pairs import FilePairs, Mixture, PairFiles, pair_folder, write_tiles
from vdn.data.polyu import polyu
from vdn.errors import FileError, InputError


def save(path, value, size=(4, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 2 * value, 0)).save(path)


@pytest.fixture
def folder(tmp_path):
    for index in range(4):
        save(tmp_path / "noisy" / f"{index}.png", 10 + index)
        save(tmp_path / "clean" / f"{index}.png", index)
    return tmp_path


def test_a_folder_of_pairs(folder):
    pairs = pair_folder(folder)
    assert pairs.names == ["0", "1", "2", "3"]
    noisy, clean = pairs[2]
    assert noisy.dtype == np.uint8
    assert noisy.shape == (3, 4, 3)
    assert noisy[0, 0].tolist() == [12, 24, 0]
    assert clean[0, 0].tolist() == [2, 4, 0]
    assert len(list(pairs)) == 4
    assert pairs[1:3].names == ["1", "2"]
    assert pairs.select(lambda name: name != "0").names == ["1", "2", "3"]


def test_a_pair_without_a_partner_is_named(folder):
    (folder / "clean" / "3.png").unlink()
    with pytest.raises(FileError, match=r"3\.png"):
        pair_folder(folder)


def test_several_clean_exposures_are_averaged(tmp_path):
    for name, value in (("n", 50), ("a", 10), ("b", 13)):
        save(tmp_path / f"{name}.png", value)
    files = PairFiles("x", tmp_path / "n.png", (tmp_path / "a.png", tmp_path / "b.png"))
    assert files.read()[1][0, 0].tolist() == [12, 23, 0]
    save(tmp_path / "b.png", 13, size=(5, 3))
    with pytest.raises(FileError, match=r"b\.png.*\(3, 5, 3\)"):
        files.read()


def test_a_mixture_keeps_its_shares_and_reaches_every_pair():
    def marked(count, colour):
        values = [np.full((1, 1, 3), colour + i, np.uint8) for i in range(count)]
        return [(value, value) for value in values]

    mixture = Mixture([marked(20, 0), marked(6, 100)], (7, 3))
    values = [int(noisy[0, 0, 0]) for noisy, _ in mixture]
    assert np.mean(np.array(values) >= 100) == pytest.approx(0.3)
    assert set(values) == {*range(20), *range(100, 106)}
    assert np.ptp(np.unique(values, return_counts=True)[1][20:]) <= 3
    assert mixture[-1][0][0, 0, 0] == values[-1]
    with pytest.raises(IndexError):
        mixture[len(mixture)]


def test_mixtures_that_make_no_sense_are_refused():
    pairs = [(np.zeros((1, 1, 3), np.uint8),) * 2]
    with pytest.raises(InputError, match="shares"):
        Mixture([pairs], (1, 2))
    with pytest.raises(InputError, match="empty"):
        Mixture([pairs, []], (1, 2))


def test_tiles_cover_the_photograph_and_stay_aligned(tmp_path):
    generator = np.random.default_rng(0)
    sides = {side: generator.integers(0, 256, (21, 16, 3), dtype=np.uint8)
             for side in ("noisy", "clean")}  # fmt: skip
    for side, image in sides.items():
        Image.fromarray(image).save(tmp_path / f"{side}.png")
    pairs = FilePairs((PairFiles("p", tmp_path / "noisy.png", (tmp_path / "clean.png",)),))
    out = tmp_path / "tiles"
    assert write_tiles(pairs, out, size=8, stride=6) == 4 * 3
    covered = np.zeros((21, 16), bool)
    tiles = pair_folder(out)
    for name, tile in zip(tiles.names, tiles, strict=True):
        top, left = (int(part) for part in name.split("_")[1:])
        for side, part in zip(("noisy", "clean"), tile, strict=True):
            assert np.array_equal(part, sides[side][top : top + 8, left : left + 8])
        covered[top : top + 8, left : left + 8] = True
    assert covered.all()


def test_an_interrupted_cut_goes_on(folder, tmp_path):
    out = tmp_path / "tiles"
    write_tiles(pair_folder(folder), out, size=3, stride=3)
    kept = out / "noisy" / "0_00000_00000.png"
    stamp = kept.stat().st_mtime_ns
    (out / "clean" / "1_00000_00000.png").unlink()
    assert write_tiles(pair_folder(folder), out, size=3, stride=3) == 8
    assert kept.stat().st_mtime_ns == stamp
    assert len(pair_folder(out)) == 8


def test_polyu_and_cc_pair_by_the_end_of_the_name(tmp_path):
    crops = tmp_path / "polyu" / "CroppedImages"
    for scene in ("Canon5D2_5_160_3200_chair_11", "Nikon800_4-5_160_1800_classroom_9"):
        save(crops / f"{scene}_real.JPG", 90)
        save(crops / f"{scene}_mean.JPG", 80)
    for root in (tmp_path / "polyu", crops):
        pairs = polyu(root)
        assert pairs.names == ["Canon5D2_5_160_3200_chair_11", "Nikon800_4-5_160_1800_classroom_9"]
        noisy, clean = pairs[0]
        assert noisy[0, 0, 0] > clean[0, 0, 0]
    save(tmp_path / "cc" / "5dmark3_iso3200_1_real.png", 9)
    save(tmp_path / "cc" / "5dmark3_iso3200_1_mean.png", 8)
    assert cc(tmp_path / "cc").names == ["5dmark3_iso3200_1"]


def test_missing_sets_say_where_they_come_from(tmp_path):
    with pytest.raises(FileError, match=r"github\.com/csjunxu/PolyU"):
        polyu(tmp_path / "nowhere")
    save(tmp_path / "a_real.png", 1)
    with pytest.raises(FileError, match="a has no _real or no _mean"):
        cc(tmp_path)


def test_training_draws_from_pairs_in_files(folder):
    import torch

    from vdn.data.batches import Batches
    from vdn.data.pair_noise import PairPool

    device = torch.device("cpu")
    pool = PairPool(pair_folder(folder).files, 2, device)
    numbers = Mixture([range(2), range(2, 4)], (7, 3))
    make = Batches(None, pool, numbers, {}, pair_share=1.0, batch=20, seed=0, device=device)
    seen = []
    for batch in map(make, range(10)):
        difference = (batch["noisy"] - batch["clean"])[:, 0] * 255
        assert difference.numpy() == pytest.approx(np.full((20, 2, 2), 10))
        seen += (batch["clean"][:, 0, 0, 0] * 255).round().int().tolist()
    assert set(seen) == {0, 1, 2, 3}
    assert np.mean(np.array(seen) < 2) == pytest.approx(0.7, abs=0.1)
