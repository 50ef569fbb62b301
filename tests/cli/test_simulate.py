"""`vdn simulate` with a degradation: sizes, the truth beside it, and what is refused."""

import numpy as np
import pytest

from vdn.image import read, write
from vdn.noise.degrade import degrade


@pytest.fixture
def clean(tmp_path):
    rows, columns = np.mgrid[:30, :44]
    waves = 128 + 100 * np.sin(rows / 3) * np.cos(columns / 4)
    path = tmp_path / "clean.png"
    alpha = np.where(columns < 22, 0, 255)
    write(path, np.stack([waves, waves[::-1], 255 - waves, alpha], -1).astype(np.uint8))
    return path


def test_the_picture_the_kernel_and_the_noise_are_written(run, clean, tmp_path):
    out, kernel, sigma = (tmp_path / name for name in ("out.png", "kernel.tif", "sigma.tif"))
    way = "anisotropic_blur:2,1,45+bicubic:2"
    done = run(
        *("simulate", clean, out, "--degradation", way, "--noise", "gaussian:5"),
        *("--kernel", kernel, "--sigma-map", sigma),
    )
    assert done.exit_code == 0, done.output
    assert "blur of 2 x 1 pixels at 45 degrees, 2 times smaller; noise of 5" in done.stdout
    pixels = read(out).pixels
    assert pixels.shape == (15, 22, 4)
    assert pixels.dtype == np.uint8
    assert pixels[:, :11, 3].max() == 0
    assert pixels[:, 11:, 3].min() == 255
    made = degrade(read(clean).pixels[..., :3] / 255, way, np.random.default_rng(0))
    error = pixels[..., :3] - 255 * made.image
    assert np.std(error) == pytest.approx(5, rel=0.1)
    np.testing.assert_allclose(read(kernel).pixels, made.kernel, atol=1e-7)
    np.testing.assert_allclose(read(sigma).pixels, 5, rtol=1e-5)
    assert read(sigma).pixels.shape == (15, 22, 3)


def test_a_blur_alone_adds_no_noise_and_a_seed_draws_it_again(run, clean, tmp_path):
    first, again, other = (tmp_path / f"{name}.tif" for name in "abc")
    for path, seed in ((first, 1), (again, 1), (other, 2)):
        words = ("--degradation", "motion:3..9", "--seed", seed)
        assert run("simulate", clean, path, *words).exit_code == 0
    pictures = [read(path).pixels for path in (first, again, other)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[0] != pictures[2]).any()
    assert pictures[0].shape == (30, 44, 4)


@pytest.mark.parametrize(
    ("words", "status", "answer"),
    [
        ((), 2, "--degradation or both"),
        (("--noise", "clean", "--kernel", "k.tif"), 2, "--degradation"),
        (("--degradation", "rain:3"), 1, "known are identity"),
        (("--degradation", "bicubic:2", "--noise", "rain"), 1, "not known"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    run, clean, tmp_path, words, status, answer
):
    done = run("simulate", clean, tmp_path / "out.png", *words)
    assert done.exit_code == status
    assert answer in " ".join(done.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["clean.png"]


def test_existing_files_are_kept(run, clean, tmp_path):
    kernel = tmp_path / "kernel.tif"
    kernel.write_bytes(b"mine")
    words = ("--degradation", "gaussian_blur:1", "--kernel", kernel)
    done = run("simulate", clean, tmp_path / "out.png", *words)
    assert done.exit_code == 1
    assert "kernel.tif: exists" in done.stderr
    assert kernel.read_bytes() == b"mine"
    assert not (tmp_path / "out.png").exists()
    assert run("simulate", clean, tmp_path / "out.png", *words, "--overwrite").exit_code == 0
    assert read(kernel).pixels.shape == (9, 9)
