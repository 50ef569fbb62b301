"""Samples are pure functions of (seed, index), and aligned."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from vdn.data.corruption import corrupt
from vdn.data.images import image_files, read_rgb, split_holdout
from vdn.data.pair_noise import measure_pair
from vdn.data.patches import Patches, augment, random_crop
from vdn.errors import ConfigError, FileError


def patches(**changes) -> Patches:
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(3)]
    settings = {
        "pair_share": 0.0, "sigma_max": 75 / 255, "patch": 24, "seed": 5, "length": 12,
        "noise": {"gaussian": 0.5, "bump": 0.5}, "pairs": [],
    } | changes  # fmt: skip
    return Patches(images, **settings)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_changes_nothing(workers):
    dataset = patches()
    alone = [dataset[i] for i in range(12)]
    for index, batch in enumerate(DataLoader(dataset, batch_size=3, num_workers=workers)):
        for name, value in batch.items():
            expected = torch.stack([sample[name] for sample in alone[3 * index : 3 * index + 3]])
            assert torch.equal(value, expected), name


def test_another_seed_gives_other_samples():
    assert not torch.equal(patches()[0]["clean"], patches(seed=6)[0]["clean"])


def test_the_noise_has_the_sigma_the_sample_states():
    z = []
    for index in range(60):
        sample = patches(length=60)[index]
        z.append((sample["noisy"] - sample["clean"]) / sample["sigma"].clamp_min(1e-6))
    z = torch.stack(z)
    assert z.std().item() == pytest.approx(1, abs=0.01)
    assert z.mean().item() == pytest.approx(0, abs=0.01)


def test_half_of_the_patches_have_one_sigma_and_half_a_bump():
    flat = [float(np.ptp(patches(length=200)[i]["sigma"].numpy())) == 0 for i in range(200)]
    assert 0.38 < np.mean(flat) < 0.62


def test_pairs_stay_aligned():
    clean = np.random.default_rng(1).integers(0, 200, (40, 40, 3), dtype=np.uint8)
    dataset = patches(pairs=[measure_pair(clean + 7, clean)], pair_share=1.0)
    sample = dataset[3]
    torch.testing.assert_close(sample["noisy"] - sample["clean"], torch.full((3, 24, 24), 7 / 255))
    assert sample["sigma"].max() < 0.5 / 255  # a shift of the brightness is no noise


def test_the_noise_of_a_pair_is_read_off_its_smooth_parts():
    generator = np.random.default_rng(2)
    rows, columns = np.mgrid[:160, :160]
    clean = np.repeat((40 + 0.5 * rows + 0.4 * columns)[..., None], 3, axis=2)
    sigma = 2 + 4 * clean / 255
    noisy = clean + sigma * generator.standard_normal(clean.shape)
    noisy[60:80, 40:130] += 25 * (columns[60:80, 40:130] % 4 > 1)[..., None]  # what has moved
    eight_bit = [np.rint(np.clip(image, 0, 255)).astype(np.uint8) for image in (noisy, clean)]
    found = 255 * measure_pair(*eight_bit).sigma((clean / 255).astype(np.float32))
    assert np.abs(found / sigma - 1).mean() < 0.08


def test_a_camera_patch_comes_with_the_noise_of_that_camera():
    z = []
    dataset = patches(noise={"camera": 1.0}, length=80)
    for sample in (dataset[index] for index in range(80)):
        noise = (sample["noisy"] - sample["clean"]).square().mean().sqrt()
        z.append(float(noise / sample["sigma"].square().mean().sqrt()))
    assert np.median(z) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("exposure", [1.0, 0.25])
def test_photon_noise_has_the_sigma_it_states_in_the_dark_too(exposure):
    z = []
    dataset = patches(noise={"photons": 1.0}, exposure=(exposure, exposure), length=80)
    for sample in (dataset[index] for index in range(80)):
        assert sample["clean"].max() <= exposure
        noise = (sample["noisy"] - sample["clean"]).square().mean().sqrt()
        z.append(float(noise / sample["sigma"].square().mean().sqrt()))
    assert 0.8 < np.median(z) < 1.02  # what is below 0 may be cut off


@pytest.mark.parametrize("noise", ["gaussian", "bump", "camera", "clean"])
def test_a_gray_patch_is_gray_in_its_noise_too(noise):
    sample = patches(noise={noise: 1.0}, gray_share=1.0)[0]
    for plane in sample.values():
        assert torch.equal(plane, plane[:1].expand_as(plane))
    residual = (sample["noisy"] - sample["clean"]).square().mean().sqrt()
    assert residual <= 1.3 * sample["sigma"].square().mean().sqrt()


def test_the_share_of_gray_patches_is_the_one_asked_for():
    dataset = patches(gray_share=0.3, length=200)
    gray = [torch.equal(s["clean"][0], s["clean"][1]) for s in (dataset[i] for i in range(200))]
    assert 0.2 < np.mean(gray) < 0.4


def test_clean_patches_are_left_clean():
    sample = patches(noise={"clean": 1.0})[0]
    assert torch.equal(sample["noisy"], sample["clean"])
    assert 0 < sample["sigma"].max() < 0.3 / 255


def test_augment_gives_the_eight_symmetries_and_moves_all_images_alike():
    image = np.arange(27).reshape(3, 3, 3)
    seen = {augment([image], which)[0].tobytes() for which in range(8)}
    assert len(seen) == 8
    for which in range(8):
        first, second = augment([image, image + 100], which)
        assert np.array_equal(second - first, np.full((3, 3, 3), 100))


def test_crops_larger_than_the_image_reflect():
    image = np.arange(12).reshape(3, 4, 1)
    (crop,) = random_crop([image], 6, np.random.default_rng(0))
    assert crop.shape == (6, 6, 1)
    assert set(crop.ravel()) == set(image.ravel())


def test_unknown_noise_is_refused_by_name():
    with pytest.raises(ConfigError, match="salt"):
        corrupt(np.zeros((8, 8, 3), np.float32), {"salt": 1}, 0.3, np.random.default_rng(0))


def test_images_are_found_read_and_held_out(tmp_path):
    for index in range(5):
        Image.new("RGB", (6, 4), (index, 0, 0)).save(tmp_path / f"{index}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    files = image_files(tmp_path)
    training, held_out = split_holdout(files, 2)
    assert [path.stem for path in held_out] == ["0", "2", "4"]
    assert [path.stem for path in training] == ["1", "3"]
    assert read_rgb(files[3])[0, 0].tolist() == [3, 0, 0]
    assert read_rgb(files[3], channels=1).shape == (4, 6, 1)


def test_missing_folders_and_broken_images_are_named(tmp_path):
    with pytest.raises(FileError, match="nowhere"):
        image_files(tmp_path / "nowhere")
    with pytest.raises(FileError, match="holds no image"):
        image_files(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no")
    with pytest.raises(FileError, match=r"broken\.png"):
        read_rgb(tmp_path / "broken.png")
