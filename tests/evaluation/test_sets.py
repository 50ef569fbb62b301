import shutil

import pytest
from PIL import Image

from vdn.errors import ConfigError, FileError, InputError
from vdn.evaluation.runner import choose_sets
from vdn.evaluation.sets import SetFolders, known_sets, pixel_digest
from vdn.evaluation.suites import find_suite


def test_sets_are_found_by_the_name_of_their_folder(root):
    folders = SetFolders.of([root])
    images = folders.find("Set5")
    assert [sample.name for sample in images.samples] == ["a", "b"]
    assert images.channels == 3
    assert folders.find("Set12").channels == 1
    assert folders.find("LIVE1") is None
    assert [pairs.name for pairs in folders.pairs()] == ["mine"]


def test_sets_named_in_a_file(root, tmp_path):
    config = tmp_path / "sets.toml"
    config.write_text('[sets]\nLIVE1 = "data/Set5"\nothers = "data/mine"\n')
    folders = SetFolders.of([config])
    assert len(folders.find("LIVE1").samples) == 2
    assert folders.pairs()[0].name == "others"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[sets]\nSet5 = "nowhere"', "no such folder"),
        ("[sets]\nSet5 = 3", "one table"),
        ('[set]\nSet5 = "data"', "one table"),
        ("sets", "TOML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, problem):
    path = tmp_path / "sets.toml"
    path.write_text(text)
    with pytest.raises((ConfigError, FileError), match=problem):
        SetFolders.of([path])


def test_the_digest_heeds_pixels_only(root):
    folders = SetFolders.of([root])
    before = pixel_digest(folders.find("Set5"))
    (root / "Set5/a.png").rename(root / "Set5/z.png")
    with Image.open(root / "Set5/b.png") as image:
        image.save(root / "Set5/b.webp", lossless=True)
    (root / "Set5/b.png").unlink()
    assert pixel_digest(folders.find("Set5")) == before
    shutil.copy(root / "CBSD68/c.png", root / "Set5/z.png")
    assert pixel_digest(folders.find("Set5")) != before


def test_a_set_that_is_not_the_published_one_is_said_to_be_so(root):
    folders = SetFolders.of([root])
    assert "should hold 5 pictures, and holds 2" in folders.find("Set5").verify()
    for name in "cde":
        shutil.copy(root / "CBSD68/c.png", root / f"Set5/{name}.png")
    assert "other pixels" in folders.find("Set5").verify()
    assert folders.find("mine").verify() == ""


def test_a_missing_set_says_what_and_where_from(root):
    suite = find_suite("paper")
    sets, missing = choose_sets(suite, SetFolders.of([root]))
    assert [images.name for images in sets] == ["Set5", "CBSD68"]
    (text,) = missing
    for word in ("LIVE1", "29 colour pictures", known_sets()["LIVE1"].pixels[:16], "VDNet"):
        assert word in text
    with pytest.raises(FileError, match="29 colour pictures"):
        choose_sets(suite, SetFolders.of([root]), ["LIVE1"])
    with pytest.raises(FileError, match="Set5 holds 5"):
        choose_sets(suite, SetFolders.of([root / "mine"]))


def test_an_unknown_set_is_gray_if_its_pictures_are(root):
    (root / "Set12").rename(root / "mine too")
    assert SetFolders.of([root]).find("mine too").channels == 1
    assert SetFolders.of([root]).find("mine").channels == 3


def test_pairs_are_refused_where_the_noise_is_made(root):
    with pytest.raises(InputError, match="suite real"):
        choose_sets(find_suite("paper"), SetFolders.of([root]), ["mine"])


def test_pairs_need_the_same_names(root):
    (root / "mine/noisy/y.png").write_bytes((root / "mine/noisy/x.png").read_bytes())
    with pytest.raises(FileError, match=r"y is in one of"):
        SetFolders.of([root]).find("mine")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileError, match="no such folder"):
        SetFolders.of([tmp_path / "none"])


def test_a_folder_that_itself_holds_pairs_is_a_set(root):
    folders = SetFolders.of([root / "mine"])
    (images,) = folders.pairs()
    assert (images.name, [sample.name for sample in images.samples]) == ("mine", ["x"])
    sets, _ = choose_sets(find_suite("real"), folders)
    assert [each.name for each in sets] == ["mine"]
