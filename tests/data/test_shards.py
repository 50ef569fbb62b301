"""Pictures in tar files: packed, drawn once an epoch, safe to read."""

import io
import itertools
import struct
import tarfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from vdn.data.shards import Shards, find_shards, pack
from vdn.errors import ConfigError, FileError
from vdn.training import Config
from vdn.training.samples import training_data

CPU = torch.device("cpu")


@pytest.fixture
def pictures(tmp_path):
    """Twenty flat pictures, each of a level of its own."""
    (tmp_path / "pictures").mkdir()
    for number in range(20):
        level = np.full((20, 24, 3), 10 * number, np.uint8)
        Image.fromarray(level).save(tmp_path / "pictures" / f"{number}.png")
    return sorted((tmp_path / "pictures").iterdir())


def config(tmp_path, **data):
    data = {"patch": 8, "workers": 0, "noise": {"clean": 1.0}, "holdout_every": 0} | data
    data = {"shards": [str(tmp_path / "s-*.tar")]} | data
    return Config.from_dict({"name": "x", "data": data, "schedule": {"images": 8, "batch": 4}})


def levels(batch):
    return [round(float(patch.mean()) * 255 / 10) for patch in batch["clean"]]


def png(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def write_tar(path, members):
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return path


def test_what_is_packed_is_there_as_it_was(tmp_path, pictures):
    (tmp_path / "notes.txt").write_text("no picture")
    packed = pack([*pictures, tmp_path / "notes.txt"], tmp_path / "s", shard_bytes=5000)
    assert (packed.pictures, len(packed.left_out)) == (20, 1)
    assert len(packed.shards) > 2
    found = []
    for shard in packed.shards:
        with tarfile.open(shard) as tar:
            found += [tar.extractfile(member).read() for member in tar]
    assert sorted(found) == sorted(path.read_bytes() for path in pictures)
    with pytest.raises(FileExistsError):
        pack(pictures, tmp_path / "s", shard_bytes=5000)


def test_an_epoch_has_every_picture_once_on_any_number_of_processes(tmp_path, pictures):
    pack(pictures, tmp_path / "s", shard_bytes=3000)
    batches, *_ = training_data(config(tmp_path), CPU)
    alone = [levels(batches(index)) for index in range(15)]  # three epochs
    for epoch in range(3):
        drawn = itertools.chain.from_iterable(alone[5 * epoch : 5 * epoch + 5])
        assert sorted(drawn) == list(range(20))
    assert alone[:5] != alone[5:10]
    # One process stops after 3 batches, two go on, each with batches made anew.
    resumed = alone[:3]
    several = [training_data(config(tmp_path), CPU)[0] for _ in range(2)]
    for step in range(3, 15, 2):
        resumed += [levels(each(step + rank)) for rank, each in enumerate(several)]
    assert resumed == alone


def test_crops_of_a_picture_follow_each_other_and_some_pictures_are_held_out(tmp_path, pictures):
    pack(pictures, tmp_path / "s", shard_bytes=3000)
    batches, held, _ = training_data(config(tmp_path, crops=2, holdout_every=5), CPU)
    drawn = [level for index in range(8) for level in levels(batches(index))]
    assert drawn[::2] == drawn[1::2]
    apart = {round(float(picture.mean()) / 10) for picture in held}
    assert len(apart) == 4
    assert sorted(drawn[::2]) == sorted({*range(20)} - apart)


def test_the_order_is_that_of_the_seed(tmp_path, pictures):
    pack(pictures, tmp_path / "s", shard_bytes=1000)
    paths = find_shards([str(tmp_path)])
    orders = [[Shards(paths, seed).at(n) for n in range(40)] for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    with pytest.raises(FileError, match="no shard"):
        find_shards([str(tmp_path / "t-*.tar")])


def test_a_shard_leads_nowhere_else(tmp_path):
    """Names that climb, links, folders: content is read where it lies, nothing is unpacked."""
    good = png(Image.new("RGB", (9, 9), (7, 7, 7)))
    path = write_tar(tmp_path / "s-0.tar", [("../../up.png", good), ("/etc/a.png", good)])
    with tarfile.open(path, "a") as tar:
        for kind, name in ((tarfile.SYMTYPE, "link.png"), (tarfile.DIRTYPE, "folder")):
            about = tarfile.TarInfo(name)
            about.type, about.linkname = kind, "/etc/passwd"
            tar.addfile(about)
    shards = Shards([path])
    assert len(shards) == 2
    assert shards.read(0).shape == (9, 9, 3)
    assert [each.name for each in tmp_path.iterdir()] == ["s-0.tar"]


def test_damage_and_bombs_are_named(tmp_path):
    good = png(Image.new("L", (9, 9)))
    size = struct.pack(">4sII5B", b"IHDR", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = good[:12] + size + struct.pack(">I", zlib.crc32(size)) + good[33:]
    path = write_tar(tmp_path / "s-0.tar", [("a.png", b"cut"), ("b.png", bomb), ("c.png", good)])
    shards = Shards([path])
    for number, words in ((0, "at byte 512"), (1, "limit of 512|537")):
        with pytest.raises(FileError, match=words):
            shards.read(number)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(FileError, match=r"s-0\.tar"):
        Shards([path]).read(1)
    (tmp_path / "t.tar").write_bytes(b"no tar")
    with pytest.raises(FileError, match="no uncompressed tar"):
        Shards([tmp_path / "t.tar"])


def test_shards_stand_alone(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.shards"):
        config(tmp_path, folders=["a"])


def test_the_command(tmp_path, pictures, run):
    done = run("pack", tmp_path / "pictures", "-o", tmp_path / "s", "--shard-size", 0.003)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("20 pictures in ")
    assert run("pack", tmp_path / "pictures", "-o", tmp_path / "s").exit_code == 1
