"""Batches are pure functions of (seed, index), aligned, and made where they are used."""

import numpy as np
import pytest
import torch
from PIL import Image

from vdn.data.batches import Batches
from vdn.data.detail import Detail
from vdn.data.images import image_files, read_image, split_holdout
from vdn.data.pair_noise import PairPool, measure_pair
from vdn.data.pool import Crops, ImagePool, symmetry
from vdn.errors import FileError
from vdn.noise.registry import NOISE, parse_noise

CPU = torch.device("cpu")


def batches(
    device=CPU, noise=("gaussian:0..75", "bump"), pairs=(), channels=3, images=(), **changes
):
    generator = np.random.default_rng(0)
    shape = (40, 50, channels)
    images = images or [generator.integers(0, 256, shape, dtype=np.uint8) for _ in range(3)]
    settings = {"pair_share": 0.0, "batch": 8, "seed": 5} | changes
    return Batches(
        ImagePool(images, 24, device),
        PairPool(pairs, 24, device) if pairs else None,
        range(len(pairs)),
        {parse_noise(name): 1.0 for name in noise},
        device=device,
        **settings,
    )


def many(count=10, **changes):
    """The samples of several batches together."""
    made = [batches(**changes)(index) for index in range(count)]
    return {name: torch.cat([batch[name] for batch in made]) for name in made[0]}


def ratios(samples):
    """The deviation of the noise of every sample over the one it states."""
    noise = (samples["noisy"] - samples["clean"]).square().mean((1, 2, 3)).sqrt()
    return (noise / samples["sigma"].square().mean((1, 2, 3)).sqrt()).numpy()


def test_a_batch_depends_on_seed_and_index_alone():
    first, again, other = batches()(3), batches(), batches(seed=6)(3)
    again(7)
    for name, value in again(3).items():
        assert torch.equal(value, first[name]), name
        assert not torch.equal(value, other[name]), name
    assert not torch.equal(again(4)["clean"], first["clean"])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_is_made_on_its_device_and_reads_nothing_back(channels):
    # A tensor on the device "meta" has no values: reading one, or mixing devices, raises.
    noise = ["gaussian:0..75", "poisson:20", "photons:0..50", "correlated:25", "camera+jpeg:50..90"]
    noise += [f"{name}:9" for name in ("common", "per_channel", "speckle", "grain", "resized")]
    noise += ["rows:2", "hot:1", "grain:9+8bit", "bump", "case1", "gradient", "clean", "camera"]
    assert {name.partition(":")[0] for name in noise} >= set(NOISE) - {"case2", "case3"}
    pair = np.zeros((30, 40, channels), np.uint8)
    make = batches(
        torch.device("meta"), noise, [measure_pair(pair, pair)], channels, batch=64,
        pair_share=0.1, gray_share=0.3,
    )  # fmt: skip
    for plane in make(0).values():
        assert plane.shape == (64, channels, 24, 24)
        assert plane.device.type == "meta"
        assert plane.dtype == torch.float32


def test_the_noise_has_the_sigma_the_sample_states():
    samples = many()
    z = (samples["noisy"] - samples["clean"]) / samples["sigma"]
    assert z.std().item() == pytest.approx(1, abs=0.01)
    assert z.mean().item() == pytest.approx(0, abs=0.01)


def test_half_of_the_patches_have_one_sigma_and_half_a_bump():
    sigma = many(25)["sigma"]
    flat = sigma.amax((1, 2, 3)) == sigma.amin((1, 2, 3))
    assert 0.38 < flat.float().mean() < 0.62


def test_pairs_stay_aligned():
    clean = np.random.default_rng(1).integers(0, 200, (40, 40, 3), dtype=np.uint8)
    batch = batches(pairs=[measure_pair(clean + 7, clean)], pair_share=1.0)(3)
    difference = batch["noisy"] - batch["clean"]
    torch.testing.assert_close(difference, torch.full((8, 3, 24, 24), 7 / 255))
    assert batch["sigma"].max() < 0.5 / 255  # a shift of the brightness is no noise


def moved_and_noisy():
    """A pair with noise that grows with brightness and something that has moved; and its sigma."""
    generator = np.random.default_rng(2)
    rows, columns = np.mgrid[:160, :160]
    clean = np.repeat((40 + 0.5 * rows + 0.4 * columns)[..., None], 3, axis=2)
    sigma = 2 + 4 * clean / 255
    noisy = clean + sigma * generator.standard_normal(clean.shape)
    noisy[60:80, 40:130] += 25 * (columns[60:80, 40:130] % 4 > 1)[..., None]  # what has moved
    eight_bit = [np.rint(np.clip(image, 0, 255)).astype(np.uint8) for image in (noisy, clean)]
    return measure_pair(*eight_bit), clean, sigma


def test_the_noise_of_a_pair_is_read_off_its_smooth_parts():
    pair, clean, sigma = moved_and_noisy()
    found = 255 * pair.sigma((clean / 255).astype(np.float32))
    assert np.abs(found / sigma - 1).mean() < 0.08


def test_a_batch_has_the_sigma_of_the_curves_of_its_pairs():
    pair, _, _ = moved_and_noisy()
    batch = batches(pairs=[pair], pair_share=1.0)(0)
    for clean, sigma in zip(batch["clean"].numpy(), batch["sigma"].numpy(), strict=True):
        expected = pair.sigma(clean.transpose(1, 2, 0)).transpose(2, 0, 1)
        np.testing.assert_allclose(sigma, expected, rtol=0.01)


def test_a_camera_patch_comes_with_the_noise_of_that_camera():
    rows, columns = np.mgrid[:64, :64]  # smooth, for what JPEG does to the scene is no noise
    smooth = np.stack([40 + rows, 200 - columns, rows + columns], -1).astype(np.uint8)
    found = ratios(many(20, noise=["camera"], images=[smooth]))
    assert np.median(found) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("exposure", [1.0, 0.25])
def test_photon_noise_has_the_sigma_it_states_in_the_dark_too(exposure):
    samples = many(noise=["photons:0..75"], exposure=(exposure, exposure))
    assert samples["clean"].max() <= exposure + 1e-6
    assert 0.8 < np.median(ratios(samples)) < 1.02  # what is below 0 may be cut off


@pytest.mark.parametrize("noise", ["gaussian:0..75", "bump", "camera", "clean"])
def test_a_gray_patch_is_gray_in_its_noise_too(noise):
    batch = batches(noise=[noise], gray_share=1.0)(0)
    for plane in batch.values():
        assert torch.equal(plane, plane[:, :1].expand_as(plane))
    assert (ratios(batch) <= 1.3).all()


def test_the_share_of_gray_patches_is_the_one_asked_for():
    clean = many(25, gray_share=0.3)["clean"]
    gray = (clean[:, :1] == clean).all(1).flatten(1).all(1)
    assert 0.2 < gray.float().mean() < 0.4


def test_clean_patches_are_left_clean():
    batch = batches(noise=["clean"])(0)
    assert torch.equal(batch["noisy"], batch["clean"])
    assert 0 < batch["sigma"].max() < 0.3 / 255


def test_there_are_eight_symmetries():
    image = np.arange(27).reshape(3, 3, 3)
    assert len({symmetry(image, which).tobytes() for which in range(8)}) == 8


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_every_crop_is_a_turned_square_of_its_picture(channels, dtype):
    shapes = [(9, 13), (20, 7), (3, 4)]
    images = [np.random.default_rng(0).random((*shape, channels)) * 255 for shape in shapes]
    images = [image.astype(dtype) for image in images]
    pool = ImagePool(images, 7, CPU)
    crops = Crops(np.random.default_rng(1).integers(3, size=60), np.random.default_rng(2))
    taken = pool.take(crops).numpy()
    corners = {which: set() for which in range(3)}
    for which, turn, crop in zip(crops.images, crops.symmetries, taken, strict=True):
        padding = [(0, max(7 - side, 0)) for side in shapes[which]]
        whole = np.pad(images[which], [*padding, (0, 0)], mode="symmetric").astype(np.float32)
        rows, columns = (side - 6 for side in whole.shape[:2])
        found = [
            (row, column)
            for row, column in np.ndindex(rows, columns)
            if np.array_equal(
                symmetry(whole[row : row + 7, column : column + 7], turn),
                crop.transpose(1, 2, 0),
            )
        ]
        assert len(found) == 1
        corners[which] |= set(found)
    assert len(corners[0]) > 10  # of 21 places
    assert corners[2] == {(0, 0)}


def test_images_are_found_read_and_held_out(tmp_path):
    for index in range(5):
        Image.new("RGB", (6, 4), (index, 0, 0)).save(tmp_path / f"{index}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    files = image_files(tmp_path)
    training, held_out = split_holdout(files, 2)
    assert [path.stem for path in held_out] == ["0", "2", "4"]
    assert [path.stem for path in training] == ["1", "3"]
    assert read_image(files[3])[0, 0].tolist() == [3, 0, 0]
    assert read_image(files[3], channels=1).shape == (4, 6, 1)


def test_missing_folders_and_broken_images_are_named(tmp_path):
    with pytest.raises(FileError, match="nowhere"):
        image_files(tmp_path / "nowhere")
    with pytest.raises(FileError, match="holds no image"):
        image_files(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no")
    with pytest.raises(FileError, match=r"broken\.png"):
        read_image(tmp_path / "broken.png")


def test_a_share_of_the_patches_is_the_most_detailed_of_four():
    flat = [np.full((40, 50, 3), value, np.uint8) for value in (10, 100, 200)]
    fur = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    images = [*flat, fur]

    def of_fur(share):
        clean = many(40, noise=["clean"], images=images, detail=Detail(images, 24),
                     detailed_share=share)["clean"]  # fmt: skip
        return (clean.std((1, 2, 3)) > 0.05).float().mean().item()

    assert of_fur(0.0) == pytest.approx(0.25, abs=0.08)
    assert of_fur(1.0) == pytest.approx(1 - 0.75**4, abs=0.08)


def test_a_share_of_the_patches_tells_the_noise():
    told = many(40, told_share=0.25)["told"]
    assert told.shape == (320, 1, 1, 1)
    assert told.float().mean().item() == pytest.approx(0.25, abs=0.08)
    assert "told" not in batches()(0)
