"""The published layouts of SIDD, RENOIR, DND and Nam, in miniature."""

import base64
import csv

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from vdn.data import sidd as sidd_module
from vdn.data.dnd import Dnd, write_dnd_submission
from vdn.data.matlab import read_mat
from vdn.data.nam import nam
from vdn.data.renoir import renoir
from vdn.data.sidd import (
    SiddScene,
    sidd_benchmark,
    sidd_medium,
    sidd_validation,
    write_sidd_csv,
    write_sidd_submission,
)
from vdn.errors import FileError, InputError


def save(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), (value, value, value)).save(path)


SCENES = ("0001_001_S6_00100_00060_3200_L", "0200_010_GP_01600_03200_5500_N")


@pytest.fixture
def sidd(tmp_path):
    root = tmp_path / "SIDD_Medium_Srgb"
    for scene in SCENES:
        for shot in ("010", "011"):
            save(root / "Data" / scene / f"{scene[:4]}_NOISY_SRGB_{shot}.PNG", int(shot) + 50)
            save(root / "Data" / scene / f"{scene[:4]}_GT_SRGB_{shot}.PNG", int(shot))
    (root / "Scene_Instances.txt").write_text("\n".join(SCENES))
    return root


def test_sidd_medium_is_indexed_in_order(sidd):
    pairs = sidd_medium(sidd, complete=False)
    assert pairs.names == [f"{scene}_{shot}" for scene in SCENES for shot in ("010", "011")]
    noisy, clean = pairs[1]
    assert (noisy[0, 0, 0], clean[0, 0, 0]) == (61, 11)
    assert len(sidd_medium(sidd / "Data", complete=False)) == 4


def test_sidd_medium_refuses_what_is_not_whole(sidd, tmp_path):
    with pytest.raises(FileError, match=r"2 folders of scenes.*abdokamel"):
        sidd_medium(sidd)
    with pytest.raises(FileError, match=r"no such folder.*12 GB"):
        sidd_medium(tmp_path / "nowhere")
    (sidd / "Data" / SCENES[0] / "0001_GT_SRGB_011.PNG").unlink()
    with pytest.raises(FileError, match=r"lacks 0001_GT_SRGB_011\.PNG"):
        sidd_medium(sidd, complete=False)


def test_the_names_of_sidd_scenes_are_read():
    scene = SiddScene.from_name(SCENES[1])
    assert scene == SiddScene("0200", "010", "GP", 1600, 3200, 5500, "N")
    with pytest.raises(InputError, match="0001_001_XX"):
        SiddScene.from_name("0001_001_XX_00100_00060_3200_L")


def test_sidd_validation_blocks_pair_up(tmp_path):
    clean = np.random.default_rng(0).integers(0, 255, (2, 3, 8, 8, 3), dtype=np.uint8)
    savemat(tmp_path / "ValidationNoisyBlocksSrgb.mat", {"ValidationNoisyBlocksSrgb": clean + 1})
    savemat(tmp_path / "ValidationGtBlocksSrgb.mat", {"ValidationGtBlocksSrgb": clean})
    blocks = sidd_validation(tmp_path)
    assert len(blocks) == 6
    noisy, truth = blocks[4]
    assert np.array_equal(truth, clean[1, 1])
    assert np.array_equal(noisy, clean[1, 1] + 1)
    assert len(list(blocks)) == len(blocks[:]) == 6


def test_sidd_benchmark_says_what_it_lacks(tmp_path):
    with pytest.raises(FileError, match=r"BenchmarkNoisyBlocksSrgb\.mat.*abdokamel"):
        sidd_benchmark(tmp_path)
    path = tmp_path / "BenchmarkNoisyBlocksSrgb.mat"
    savemat(path, {"BenchmarkNoisyBlocksSrgb": np.zeros((2, 3))})
    with pytest.raises(FileError, match=r"float64 \(2, 3\)"):
        sidd_benchmark(tmp_path)
    savemat(path, {"SomethingElse": np.zeros((2, 3))})
    with pytest.raises(FileError, match="no variable BenchmarkNoisyBlocksSrgb"):
        sidd_benchmark(tmp_path)
    path.write_bytes(b"not a MATLAB file, whatever it is called" * 9)
    with pytest.raises(FileError, match="not a MATLAB file"):
        sidd_benchmark(tmp_path)


@pytest.fixture
def denoised_blocks(monkeypatch):
    """As many blocks as the benchmark has, but small ones."""
    assert sidd_module.BLOCKS_SHAPE == (40, 32, 256, 256, 3)
    monkeypatch.setattr(sidd_module, "BLOCKS_SHAPE", (40, 32, 4, 4, 3))
    blocks = np.zeros((40, 32, 4, 4, 3), np.uint8)
    blocks[3, 7, 0, 1] = 1, 2, 3
    return blocks


def test_the_sidd_submission_is_the_cell_array_of_the_official_script(tmp_path, denoised_blocks):
    path = tmp_path / "SubmitSrgb.mat"
    write_sidd_submission(path, denoised_blocks, 0.25, method="VDN", authors="A. Author")
    back = loadmat(path)
    assert back["DenoisedBlocksSrgb"].shape == (40, 32)
    assert back["DenoisedBlocksSrgb"][3, 7].dtype == np.uint8
    assert np.array_equal(back["DenoisedBlocksSrgb"][3, 7], denoised_blocks[3, 7])
    assert back["TimeMPSrgb"].item() == 0.25
    assert back["OptionalData"]["MethodName"].item().item() == "VDN"
    assert [p.name for p in tmp_path.iterdir()] == ["SubmitSrgb.mat"]


def test_the_sidd_table_holds_a_base64_row_a_block(tmp_path, denoised_blocks):
    write_sidd_csv(tmp_path / "SubmitSrgb.csv", denoised_blocks)
    with (tmp_path / "SubmitSrgb.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["ID", "BLOCK"]
    assert [int(row[0]) for row in rows[1:]] == list(range(1280))
    block = np.frombuffer(base64.b64decode(rows[1 + 3 * 32 + 7][1]), np.uint8)
    assert np.array_equal(block.reshape(4, 4, 3), denoised_blocks[3, 7])


def test_a_sidd_submission_of_another_shape_is_refused(tmp_path):
    with pytest.raises(InputError, match="uint8"):
        write_sidd_submission(tmp_path / "x.mat", np.zeros((2, 3)), 0, method="x")


def test_renoir_pairs_every_noisy_exposure_with_the_mean_of_the_clean(tmp_path):
    for camera, prefix in (
        ("Mi3_Aligned", "IMG_20160202_01"),
        ("S90_Aligned", "IMG_0"),
        ("T3i_Aligned", "IMG_1"),
    ):
        batch = tmp_path / camera / "Batch_001"
        save(batch / f"{prefix}5216Reference.bmp", 20)
        save(batch / f"{prefix}5247Noisy.bmp", 90)
        save(batch / f"{prefix}5250Noisy.bmp", 80)
        save(batch / f"{prefix}5299full.bmp", 24)
        (batch / "Mask.txt").write_text("something else")
    pairs = renoir(tmp_path)
    assert len(pairs) == 6
    assert pairs.names[:2] == [
        "Mi3_Aligned_Batch_001_IMG_20160202_015247",
        "Mi3_Aligned_Batch_001_IMG_20160202_015250",
    ]
    noisy, clean = pairs[1]
    assert (noisy[0, 0, 0], clean[0, 0, 0]) == (80, 22)
    (tmp_path / "Mi3_Aligned" / "Batch_001" / "IMG_20160202_015216Reference.bmp").unlink()
    (tmp_path / "Mi3_Aligned" / "Batch_001" / "IMG_20160202_015299full.bmp").unlink()
    with pytest.raises(FileError, match="0 clean and 2 noisy"):
        renoir(tmp_path)


def test_renoir_says_where_it_comes_from(tmp_path):
    with pytest.raises(FileError, match="abarbu"):
        renoir(tmp_path)
    save(tmp_path / "T3i_Aligned" / "Batch_001" / "IMG_1Reference.bmp", 20)
    save(tmp_path / "T3i_Aligned" / "Batch_001" / "IMG_2Noisy.bmp", 90)
    with pytest.raises(FileError, match="T3i_Aligned"):
        renoir(tmp_path)
    assert len(renoir(tmp_path, complete=False)) == 1


@pytest.fixture
def dnd(tmp_path):
    """As MATLAB writes it: axes reversed, fields of a struct array as references."""
    generator = np.random.default_rng(0)
    images = generator.random((50, 12, 16, 3), dtype=np.float32)
    corners = generator.integers(1, 5, (50, 20, 2))
    boxes = np.concatenate([corners, corners + np.array([5, 7])], axis=-1).astype(float)
    sigmas = generator.random((50, 20))
    (tmp_path / "images_srgb").mkdir()
    with h5py.File(tmp_path / "info.mat", "w") as file:
        info = file.create_group("info")
        for key, values in (("boundingboxes", boxes), ("sigma_srgb", sigmas[..., None])):
            column = info.create_dataset(key, (1, 50), dtype=h5py.ref_dtype)
            for i in range(50):
                column[0, i] = file.create_dataset(f"#refs#/{key}{i}", data=values[i].T).ref
    for i in range(50):
        with h5py.File(tmp_path / "images_srgb" / f"{i + 1:04d}.mat", "w") as file:
            file["InoisySRGB"] = images[i].T
    return tmp_path, images, boxes.astype(int), sigmas


def test_dnd_crops_are_matlab_s_boxes(dnd):
    folder, images, boxes, sigmas = dnd
    crops = list(Dnd(folder))
    assert len(crops) == len(Dnd(folder)) == 1000
    crop = crops[3 * 20 + 4]
    top, left, bottom, right = boxes[3, 4]
    assert (crop.photograph, crop.crop) == (3, 4)
    assert crop.noisy.shape == (6, 8, 3)
    assert np.array_equal(crop.noisy, images[3, top - 1 : bottom, left - 1 : right])
    assert crop.sigma == pytest.approx(sigmas[3, 4])


def test_dnd_says_what_it_lacks(dnd, tmp_path):
    folder = dnd[0]
    (folder / "images_srgb" / "0017.mat").unlink()
    with pytest.raises(FileError, match=r"0017\.mat.*visinf"):
        Dnd(folder)
    (folder / "images_srgb" / "0017.mat").write_bytes(b"x")
    (folder / "info.mat").write_bytes(b"x")
    with pytest.raises(FileError, match=r"info\.mat"):
        Dnd(folder)


def test_the_dnd_submission_is_the_authors_bundle(tmp_path):
    crops = [np.full((2, 3, 3), i / 999 * 1.5 - 0.1) for i in range(1000)]
    write_dnd_submission(tmp_path / "out", crops)
    assert [p.name for p in sorted((tmp_path / "out").iterdir())] == [
        f"{i:04d}.mat" for i in range(1, 51)
    ]
    back = loadmat(tmp_path / "out" / "0002.mat")
    assert back["Idenoised"].shape == (1, 20)
    assert back["Idenoised"][0, 3].dtype == np.float32
    np.testing.assert_allclose(back["Idenoised"][0, 3], crops[23].clip(0, 1), rtol=1e-6)
    assert not back["israw"].item()
    assert back["eval_version"].item() == "1.0"
    assert loadmat(tmp_path / "out" / "0050.mat")["Idenoised"][0, 19].max() == 1


def test_an_incomplete_dnd_submission_is_refused(tmp_path):
    with pytest.raises(InputError, match="999"):
        write_dnd_submission(tmp_path, [np.zeros((2, 2, 3))] * 999)
    with pytest.raises(InputError, match=r"crop 5 has shape \(2, 2\)"):
        write_dnd_submission(
            tmp_path, [np.zeros((2, 2) if i == 5 else (2, 2, 3)) for i in range(1000)]
        )


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_nam_scenes_are_read_in_both_versions_of_matlab_files(tmp_path, version):
    clean = np.random.default_rng(0).uniform(0, 250, (6, 7, 3))
    path = tmp_path / "Canon_EOS_5D_Mark3" / "ISO_3200" / "C_1.mat"
    path.parent.mkdir(parents=True)
    noisy = (clean + 4).astype(np.uint8)
    if version == "5":
        savemat(path, {"img_noisy": noisy, "img_mean": clean, "img_cov": clean})
    else:
        with h5py.File(path, "w", userblock_size=512) as file:
            file["img_noisy"], file["img_mean"] = noisy.T, clean.T
        header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
        path.write_bytes(header + path.read_bytes()[128:])
    scenes = nam(tmp_path)
    assert scenes.names == ["Canon_EOS_5D_Mark3_ISO_3200_C_1"]
    seen_noisy, seen_clean = scenes[0]
    assert np.array_equal(seen_noisy, noisy)
    assert np.array_equal(seen_clean, np.rint(clean).astype(np.uint8))
    assert len(scenes[:1]) == 1


def test_nam_says_where_it_comes_from(tmp_path):
    with pytest.raises(FileError, match="ccnoise"):
        nam(tmp_path)


def test_a_missing_variable_of_a_new_matlab_file_is_named(tmp_path):
    path = tmp_path / "x.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["a"] = np.zeros(3)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + path.read_bytes()[128:])
    with pytest.raises(FileError, match="no variable b"):
        read_mat(path, "b")
