"""A series of one camera becomes a profile, and the profile denoises its pictures."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

import vdn.runtime.cards
from vdn import Denoiser, denoise_file, read_profile
from vdn.image import Metadata, Picture, open_picture, read, write
from vdn.image.metadata import build_exif


@pytest.fixture(autouse=True)
def shipped(weights, monkeypatch, tmp_path):
    monkeypatch.setattr(vdn.runtime.cards, "_folder", lambda folder: folder or weights)
    monkeypatch.setattr("click.get_app_dir", lambda name: str(tmp_path / "config" / name))


def exposed(path, iso, seed=0, model="One", gain=0.02, size=160):
    """Write a gray picture of 16 bits whose gain goes with the ISO."""
    rng = np.random.default_rng(seed)
    clean = np.tile(np.linspace(2_000, 58_000, 6).repeat(size // 6 + 1)[:size], (size, 1))
    a = gain * (iso or 100)
    pixels = np.rint(a * rng.poisson(clean / a)).clip(0, 65535).astype(np.uint16)
    below = {} if iso is None else {0x8769: {0x8827: iso}}
    exif = build_exif({271: "ACME", 272: model}, below)
    write(path, pixels, Picture.of(pixels, Metadata(exif=exif)))
    return pixels


@pytest.fixture
def series(tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    for seed in range(2):
        for iso in (100, 400):
            exposed(folder / f"iso{iso}_{seed}.tif", iso, seed)
    exposed(folder / "no-iso.tif", None)
    exposed(folder / "other.tif", 100, model="Two")
    return folder


def test_a_series_becomes_a_profile_that_names_what_it_leaves_out(series, run):
    done = run("noise", series, "--profile", "acme")
    assert done.exit_code == 0, done.output
    assert "no-iso.tif: does not say its ISO" in done.stderr
    assert "other.tif: is of another camera: ACME Two, not ACME One" in done.stderr
    assert "ACME One: ISO 100, 400, read off the pixels, white at 65535" in done.stdout
    profile = read_profile("acme")
    for setting, gain in zip(profile.settings, (2.0, 8.0), strict=True):
        (law,) = setting.channels
        assert setting.pictures == 2
        assert law.a == pytest.approx(gain, rel=0.1)
        assert law.a_interval[0] < gain < law.a_interval[1]
        assert law.span[0] < 15_000 < 40_000 < law.span[1]
    assert run("noise", series, "--profile", "acme").exit_code == 1


def test_the_profile_of_a_series_as_json(series, run, tmp_path):
    (series / "broken.tif").write_bytes(b"II*\0")
    done = run("noise", series, "--profile", tmp_path / "a.json", "--json")
    assert done.exit_code == 1  # one file is broken; the others are summed up all the same
    *records, last = (json.loads(line) for line in done.stdout.splitlines())
    assert len(records) == 7
    assert [each["iso"] for each in last["settings"]] == [100, 400]
    assert {each["input"].rpartition("/")[2] for each in last["left_out"]} == {
        "no-iso.tif",
        "other.tif",
    }


def test_pictures_that_say_nothing_make_no_profile(tmp_path, run):
    write(tmp_path / "flat.png", np.full((64, 64), 9, np.uint8))
    (tmp_path / "empty").mkdir()
    done = run("noise", tmp_path / "empty", "--profile", tmp_path / "a.json")
    assert done.exit_code == 1
    assert "no picture says" in done.stderr
    assert not (tmp_path / "a.json").exists()


def test_developed_pictures_have_the_law_of_the_network(tmp_path, run):
    rng = np.random.default_rng(0)
    for name in "ab":
        small = rng.normal(120, 12, (48, 48, 3)).clip(0, 255).astype(np.uint8)
        exif = build_exif({272: "Phone"}, {0x8769: {0x8827: 800}})
        image = Image.fromarray(small).resize((192, 192), Image.Resampling.BICUBIC)
        image.save(tmp_path / f"{name}.jpg", quality=90, exif=b"Exif\0\0" + exif)
    done = run("noise", tmp_path, "--profile", tmp_path / "p.json")
    assert done.exit_code == 0, done.output
    profile = read_profile(tmp_path / "p.json")
    assert (profile.source, profile.white, len(profile.at(800).channels)) == ("network", 255, 3)
    done = run("denoise", tmp_path / "a.jpg", "--profile", tmp_path / "p.json")
    assert "Phone profile at ISO 800" in done.stdout


@pytest.fixture
def profile(tmp_path):
    from vdn.noise.profiles import CameraProfile, ChannelLaw, Setting, write_profile

    settings = tuple(Setting(iso, (ChannelLaw(0.02 * iso, 10.0 * iso),)) for iso in (100.0, 400.0))
    found = CameraProfile(settings, "ACME", "ACME One", 65535.0)
    write_profile(found, tmp_path / "acme.json")
    return found


def test_the_profile_is_the_map_that_its_law_makes(tmp_path, run, profile):
    pixels = exposed(tmp_path / "a.tif", 200)
    setting = profile.at(200)
    map_ = setting.sigma(pixels.astype(np.float32))
    known = Denoiser("gray")(pixels, noise_sigma=map_).image
    arguments = ("--profile", tmp_path / "acme.json", "--model", "gray", "--json")
    done = run("denoise", tmp_path / "a.tif", "-o", tmp_path / "b.tif", *arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["profile"] == "ACME One profile at ISO 200"
    np.testing.assert_allclose(read(tmp_path / "b.tif").pixels, known.astype(int), atol=1)
    by_setting = Denoiser("gray")(pixels, noise_sigma=setting).image
    np.testing.assert_allclose(by_setting, known.astype(int), atol=1)
    report = denoise_file(
        tmp_path / "a.tif", tmp_path / "c.tif", noise_sigma=profile, iso=400, model="gray"
    )
    assert report.profile == "ACME One profile at ISO 400"


def test_windows_change_nothing_with_a_profile(tmp_path, profile):
    pixels = exposed(tmp_path / "a.tif", 200, size=320)
    whole = Denoiser("gray")(pixels, noise_sigma=profile.at(200)).image.astype(int)
    parts = Denoiser("gray", max_memory=20)(pixels, noise_sigma=profile.at(200)).image
    np.testing.assert_allclose(parts, whole, atol=1)


def test_8_bits_are_a_257th_of_16(tmp_path, run, profile):
    pixels = exposed(tmp_path / "a.tif", 200)
    exif = build_exif({271: "ACME", 272: "ACME One"}, {0x8769: {0x8827: 200}})
    small = Picture.of(np.rint(pixels / 257).astype(np.uint8), Metadata(exif=exif))
    write(tmp_path / "b.png", small.pixels, small)
    for name in ("a.tif", "b.png"):
        done = run(
            "denoise",
            tmp_path / name,
            "-o",
            tmp_path / f"out-{name}",
            "--profile",
            tmp_path / "acme.json",
        )
        assert done.exit_code == 0, done.output
    large = read(tmp_path / "out-a.tif").pixels / 257
    np.testing.assert_allclose(read(tmp_path / "out-b.png").pixels, large, atol=1.5)


@pytest.mark.parametrize(
    ("iso", "more", "message"),
    [
        (800, (), "ISO 800 is beyond the noise profile, which has ISO 100, 400"),
        (None, (), "say which ISO it is (--iso)"),
        (None, ("--iso", 200), None),
        (800, ("--iso", 400), None),
    ],
)
def test_nothing_is_guessed_about_the_iso(tmp_path, run, profile, iso, more, message):
    exposed(tmp_path / "a.tif", iso)
    done = run("denoise", tmp_path / "a.tif", "--profile", tmp_path / "acme.json", *more)
    assert done.exit_code == (0 if message is None else 1)
    assert message is None or message in done.stderr
    assert (tmp_path / "a.denoised.tif").exists() == (message is None)


def test_another_camera_is_refused(tmp_path, run, profile):
    exposed(tmp_path / "a.tif", 200, model="Two")
    done = run("denoise", tmp_path / "a.tif", "--profile", tmp_path / "acme.json")
    assert done.exit_code == 1
    assert "is of the camera ACME Two, and the noise profile of ACME One" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--profile", "absent"),
        ("--profile", "acme.json", "--noise-sigma", "3"),
        ("--iso", "100"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(tmp_path, run, profile, words):
    exposed(tmp_path / "a.tif", 200)
    words = [tmp_path / word if word == "acme.json" else word for word in words]
    assert run("denoise", tmp_path / "a.tif", *words).exit_code == 2


def test_a_profile_is_shown_and_changed_into_other_formats(tmp_path, run, profile):
    shown = run("profile", tmp_path / "acme.json")
    assert "ACME One: ISO 100, 400" in shown.stdout
    assert "variance 2 x brightness + 1e+03" in shown.stdout
    assert run("profile", tmp_path / "acme.json", "-o", tmp_path / "a.npz").exit_code == 1
    words = ("--iso", 400, "-o", tmp_path / "a.npz")
    assert run("profile", tmp_path / "acme.json", *words).exit_code == 0
    record = json.loads(run("profile", tmp_path / "a.npz", "--json").stdout)
    assert record["settings"][0]["channels"][0]["a"] == pytest.approx(8, rel=1e-4)
    exposed(tmp_path / "a.tif", 400)
    done = run("denoise", tmp_path / "a.tif", "--profile", tmp_path / "a.npz")
    assert done.exit_code == 0, done.output


def test_a_linear_profile_is_not_for_developed_pictures(tmp_path, run, profile):
    run("profile", tmp_path / "acme.json", "--iso", 400, "-o", tmp_path / "a.dng")
    run("profile", tmp_path / "acme.json", "-o", tmp_path / "noiseprofiles.json")
    write(tmp_path / "a.png", np.full((32, 32), 100, np.uint8))
    done = run("denoise", tmp_path / "a.png", "--profile", tmp_path / "a.dng", "--iso", 400)
    assert "is developed" in done.stderr
    done = run("denoise", tmp_path / "a.png", "--profile", tmp_path / "noiseprofiles.json")
    assert "one Haar band" in done.stderr


@pytest.fixture
def stack(tmp_path):
    """Three pages with noise of 1, 2 and 3 times the first."""
    rng = np.random.default_rng(0)
    with tifffile.TiffWriter(tmp_path / "stack.tif") as writer:
        for level in (100, 200, 300):
            page = 20_000 + 10_000 * np.tile(np.linspace(0, 1, 192), (160, 1))
            page += level * rng.standard_normal(page.shape)
            writer.write(page.astype(np.uint16), photometric="minisblack")
    return tmp_path / "stack.tif"


def test_every_page_is_reported_and_what_they_have_in_common(stack, run):
    done = run("noise", stack)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].endswith("(3 images)")
    assert sum(": noisy, sigma" in line or ": clean, sigma" in line for line in lines) == 3
    *pages, together = (
        json.loads(line) for line in run("noise", stack, "--json").stdout.splitlines()
    )
    assert [page["frame"] for page in pages] == [0, 1, 2]
    for page, level in zip(pages, (100, 200, 300), strict=True):
        (law,) = page["laws"]
        middle = law["a"] * 25_000 + law["b"]
        assert np.sqrt(middle) == pytest.approx(level, rel=0.1)
        assert {"correlation", "clipped", "defects", "fits"} <= set(page)
    assert (together["frames"], together["laws_of_images"]) == (3, 3)
    sigmas = [page["noise_sigma"][0] for page in pages]
    assert together["noise_sigma"][0] == pytest.approx(np.sqrt(np.mean(np.square(sigmas))))


def test_a_page_of_a_stack_is_reported_as_if_it_were_alone(stack, run, tmp_path):
    with open_picture(stack) as picture:
        write(tmp_path / "alone.tif", picture.frames[1].read())
    alone = json.loads(run("noise", tmp_path / "alone.tif", "--json").stdout)
    page = json.loads(run("noise", stack, "--json").stdout.splitlines()[1])
    for key in ("frame", "frames", "input"):
        page.pop(key), alone.pop(key, None)
    assert page == alone


def test_the_page_in_html_has_all_images(stack, run, tmp_path):
    pytest.importorskip("matplotlib")
    done = run("noise", stack, "--html", tmp_path / "a.html")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "a.html").read_text()
    assert text.count("<section>") == 3
    assert "of 3 images are noisy" in text
    assert run("noise", stack, "--plot", tmp_path / "a.png").exit_code == 1


def test_animations_and_cubes_too(tmp_path, run):
    fits = pytest.importorskip("astropy.io.fits")
    frames = np.random.default_rng(0).integers(90, 110, (3, 64, 64)).astype(np.uint8)
    first, *others = map(Image.fromarray, frames)
    first.save(tmp_path / "a.png", save_all=True, append_images=others)
    fits.PrimaryHDU(frames.astype(np.int16)).writeto(tmp_path / "a.fits")
    for name in ("a.png", "a.fits"):
        records = run("noise", tmp_path / name, "--json").stdout.splitlines()
        assert len(records) == 4
        assert json.loads(records[-1])["frames"] == 3
