"""A profile says of a camera what its pictures say, in our file and in those of others."""

import json

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from vdn.errors import FileError, InputError
from vdn.noise.law import NoiseLaw, fit_law
from vdn.noise.profiles import (
    CameraProfile,
    ChannelLaw,
    Setting,
    darktable,
    profile_path,
    read_profile,
    write_profile,
)
from vdn.noise.profiles.combine import combine_laws

LAW = ChannelLaw(0.004, 0.0003, (0.0039, 0.0041), (0.0002, 0.0004), -0.8, (0.02, 0.9))


def profile(*settings, **more):
    return CameraProfile(settings or (Setting(400, (LAW,), 3),), **more)


def colour(iso=400.0):
    laws = tuple(ChannelLaw(a, a * a) for a in (0.002, 0.003, 0.004))
    return profile(Setting(iso, laws), make="ACME", model="One", white=1.0)


def photographed(law, seed=0, size=256, low=0.0, high=1.0):
    rng = np.random.default_rng(seed)
    clean = np.tile(np.linspace(low, high, size), (size, 1))
    read = np.sqrt(law.b) * rng.standard_normal(clean.shape)
    return law.a * rng.poisson(clean / law.a) + read


def test_one_law_of_several_pictures_is_nearer_than_that_of_one():
    found = [fit_law(photographed(LAW, seed))[0] for seed in range(8)]
    together = combine_laws(found)
    assert together.a == pytest.approx(LAW.a, rel=0.03)
    assert together.b == pytest.approx(LAW.b, rel=0.06)
    one = found[0].a_interval[1] - found[0].a_interval[0]
    assert together.a_interval[1] - together.a_interval[0] < 0.6 * one


def simulated_laws(rng, count, spread=1.0):
    """Laws with the errors that their intervals say, times `spread`."""
    cov = np.array([[4e-8, -6e-9], [-6e-9, 1.6e-9]])
    half = 1.645 * np.sqrt(np.diag(cov))
    together = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
    for _ in range(count):
        a, b = rng.multivariate_normal([LAW.a, LAW.b], cov * spread**2)
        yield NoiseLaw(
            a,
            b,
            (a - half[0], a + half[0]),
            (b - half[1], b + half[1]),
            (0, 1),
            True,
            True,
            1,
            together,
        )


@pytest.mark.parametrize(("count", "spread"), [(1, 1), (2, 1), (6, 1), (6, 3)])
def test_the_intervals_of_a_series_hold_as_often_as_they_say(count, spread):
    rng = np.random.default_rng(count)
    held = []
    for _ in range(60):
        law = combine_laws(list(simulated_laws(rng, count, spread)))
        held.append(law.a_interval[0] <= LAW.a <= law.a_interval[1])
        held.append(law.b_interval[0] <= LAW.b <= law.b_interval[1])
    assert 0.8 < np.mean(held) <= 0.99


def test_a_picture_that_is_far_off_hardly_counts():
    laws = list(simulated_laws(np.random.default_rng(0), 6))
    wrong = NoiseLaw(0.02, 0.002, (0.0197, 0.0203), (0.0019, 0.0021), (0, 1), True, True, 1, -0.7)
    assert combine_laws([*laws, wrong]).a == pytest.approx(LAW.a, rel=0.1)


@given(iso=st.floats(100, 1600))
def test_between_isos_the_law_grows_as_a_power_and_beyond_there_is_none(iso):
    found = profile(
        *(Setting(each, (ChannelLaw(each * 1e-5, each**2 * 1e-10),)) for each in (100, 400, 1600))
    )
    (law,) = found.at(iso).channels
    assert law.a == pytest.approx(iso * 1e-5)
    assert law.b == pytest.approx(iso**2 * 1e-10)
    with pytest.raises(InputError, match=r"ISO 1700 is beyond.*the nearest, ISO 1600"):
        found.at(1700)
    with pytest.raises(InputError, match="say which ISO"):
        found.at()


def test_the_map_follows_the_brightness_of_each_channel():
    image = np.dstack([np.full((32, 32), value) for value in (0.1, 0.5, 0.9)])
    sigma = colour().at(400).sigma(image)
    expected = [
        np.sqrt(a * x + a * a) for a, x in zip((0.002, 0.003, 0.004), (0.1, 0.5, 0.9), strict=True)
    ]
    np.testing.assert_allclose(sigma[16, 16], expected, rtol=1e-5)
    with pytest.raises(InputError, match="3 channels"):
        colour().at(400).sigma(image[..., :2])


def test_ours_comes_back_and_says_what_it_is(tmp_path):
    path = tmp_path / "a.json"
    before = profile(Setting(100, (LAW,), 4), Setting(200, (LAW,)), make="A", white=255.0)
    write_profile(before, path)
    assert read_profile(path) == before
    record = json.loads(path.read_text())
    assert (record["format"], record["version"]) == ("vdn noise profile", 1)
    with pytest.raises(FileError, match="exists"):
        write_profile(before, path)
    write_profile(profile(), path, overwrite=True)
    assert read_profile(path) == profile()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2; this vdn reads version 1"),
        ({"format": "x"}, "no noise profile"),
        ({"settings": []}, "damaged"),
        ({"settings": [{"iso": 1}]}, "'channels' is missing"),
        ({"white": "x"}, "damaged"),
    ],
)
def test_files_that_are_none_are_refused_by_name(tmp_path, change, message):
    path = write_profile(profile(), tmp_path / "a.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FileError, match=message) as raised:
        read_profile(path)
    assert str(path) in str(raised.value)


def test_a_bare_name_is_kept_among_the_settings_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setattr("click.get_app_dir", lambda name: str(tmp_path / name))
    path = write_profile(profile(), "my camera")
    assert path == tmp_path / "vdn" / "noise-profiles" / "my camera.json"
    assert read_profile("my camera") == profile()
    with pytest.raises(FileError, match="there are: my camera"):
        read_profile("other")
    assert profile_path("./a").parts == ("a",)


@pytest.mark.parametrize("suffix", [".json", ".dng", ".fits", ".npz"])
@pytest.mark.parametrize("content", [b"", b"{}", b"II*\0\x08\0\0\0\0\0", b"SIMPLE  =", b"PK\3\4"])
def test_damaged_files_are_refused(tmp_path, suffix, content):
    if suffix == ".fits":
        pytest.importorskip("astropy")
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"a\."):
        read_profile(path)


def test_dng_has_the_tag_and_comes_back(tmp_path):
    path = write_profile(colour(), tmp_path / "a.dng")
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags[51041]
        kind, value = tag.dtype, tag.value
    assert kind == tifffile.DATATYPE.DOUBLE
    assert value == pytest.approx((0.002, 4e-6, 0.003, 9e-6, 0.004, 1.6e-5))
    found = read_profile(path)
    assert (found.camera, found.isos, found.white) == ("ACME One", "ISO 400", 1)
    assert [law.a for law in found.at(400).channels] == pytest.approx([0.002, 0.003, 0.004])


def test_dng_counts_from_0_to_1(tmp_path):
    write_profile(
        profile(Setting(100, (ChannelLaw(65.535, 65535.0**2),)), white=65535.0), tmp_path / "a.dng"
    )
    (law,) = read_profile(tmp_path / "a.dng").at(100).channels
    assert (law.a, law.b) == pytest.approx((0.001, 1.0))


def test_a_tiff_without_the_tag_has_no_profile(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), np.uint8))
    with pytest.raises(FileError, match="no noise profile"):
        read_profile(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "keywords",
    [
        {"GAIN": 2.0, "RDNOISE": 6.0},
        {"EGAIN": 2.0, "GAIN": 120, "READNOIS": 6.0},  # GAIN is then the setting of the amplifier
        {"CCDGAIN": 2.0, "RON": 6},
        {"HIERARCH ESO DET OUT1 CONAD": 2.0, "HIERARCH ESO DET OUT1 RON": 6.0},
    ],
)
def test_fits_says_gain_and_read_out_in_electrons(tmp_path, keywords):
    fits = pytest.importorskip("astropy.io.fits")
    header = fits.Header()
    for name, value in keywords.items():
        header[name] = value
    fits.PrimaryHDU(np.zeros((4, 4), np.int16), header).writeto(tmp_path / "a.fits")
    (law,) = read_profile(tmp_path / "a.fits").at().channels
    assert (law.a, law.b) == (0.5, 9.0)


def test_fits_comes_back_and_refuses_what_is_no_gain(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    path = write_profile(profile(Setting(None, (ChannelLaw(0.5, 9.0),))), tmp_path / "a.fits")
    with fits.open(path) as units:
        assert (units[0].header["GAIN"], units[0].header["RDNOISE"]) == (2.0, 6.0)
        assert units[0].data is None
    (law,) = read_profile(path).at().channels
    assert (law.a, law.b) == pytest.approx((0.5, 9.0))
    with pytest.raises(InputError, match="take off the bias"):
        write_profile(profile(Setting(None, (ChannelLaw(0.5, -9.0),))), tmp_path / "b.fits")
    with fits.open(path, mode="update") as units:
        units[0].header["GAIN"], units[0].header["EGAIN"] = 250, 250
    with pytest.raises(FileError, match="not electrons per ADU"):
        read_profile(path)


def test_the_noise_model_has_the_layout_and_the_likelihood_of_pn2v(tmp_path):
    law = ChannelLaw(3.0, -200.0, span=(100.0, 4000.0))
    path = write_profile(profile(Setting(None, (law,))), tmp_path / "a.npz")
    with np.load(path) as file:
        weight, low, high, least = (file[name] for name in file.files)
        assert file.files == ["trained_weight", "min_signal", "max_signal", "min_sigma"]
    signal = np.linspace(100, 6000, 50)
    # As both packages compute it: polynomials of the place between the ends, exponents of weights.
    place = (signal - low) / (high - low)
    variance = np.maximum(np.exp(weight[1, 0]) + np.exp(weight[1, 1]) * place, least)
    np.testing.assert_allclose(variance, law.a * signal + law.b, rtol=1e-5)
    assert weight.shape == (3, 2)
    assert not weight[[0, 2]].any()
    (found,) = read_profile(path).at().channels
    assert (found.a, found.b, *found.span) == pytest.approx((3, -200, 100, 4000), rel=1e-4)


def test_a_mixture_of_several_gaussians_is_no_line(tmp_path):
    np.savez(
        tmp_path / "a.npz", trained_weight=np.zeros((9, 2)), min_signal=0, max_signal=1, min_sigma=1
    )
    with pytest.raises(FileError, match=r"\(9, 2\)"):
        read_profile(tmp_path / "a.npz")


@pytest.mark.parametrize(("a", "b"), [(1e-3, 1e-4), (4e-4, 1e-5), (1e-4, 1e-6)])
def test_darktable_s_numbers_of_a_raw_picture_lead_back_to_its_law(tmp_path, a, b):
    """Gradients of known law, measured with darktable's own operator, read as a file of its."""
    law = ChannelLaw(a, b)
    plane = photographed(law, size=1024, low=0.02, high=0.8)
    measured_a, measured_b = darktable.measure(plane)
    entry = {"name": "x", "iso": 400, "a": [measured_a] * 3, "b": [measured_b] * 3}
    models = [{"model": "One", "profiles": [entry]}]
    path = tmp_path / "noiseprofiles.json"
    path.write_text(
        json.dumps({"version": 0, "noiseprofiles": [{"maker": "ACME", "models": models}]})
    )
    found = read_profile(path)
    for channel in found.at(400).channels:
        assert channel.a == pytest.approx(a, rel=0.05)
        assert channel.b == pytest.approx(b, rel=0.15)
    written = write_profile(found, tmp_path / "my-noiseprofiles.json")
    again = json.loads(written.read_text())["noiseprofiles"][0]["models"][0]["profiles"][0]
    assert again["a"] == pytest.approx(entry["a"])
    assert again["b"] == pytest.approx(entry["b"])


def test_the_band_of_darktable_holds_a_quarter_of_the_variance():
    noise = np.random.default_rng(0).standard_normal((512, 512))
    _, band = darktable.haar_band(noise)
    assert np.var(band) == pytest.approx(0.25, rel=0.02)
    assert darktable.KEPT == 0.25


def test_of_several_cameras_one_is_named(tmp_path):
    path = write_profile(colour(), tmp_path / "noiseprofiles.json")
    record = json.loads(path.read_text())
    maker = record["noiseprofiles"][0]
    maker["models"].append(maker["models"][0] | {"model": "Two"})
    path.write_text(json.dumps(record))
    with pytest.raises(FileError, match="2 cameras; name one, such as 'ACME One'"):
        read_profile(path)
    assert read_profile(path, "ACME Two").model == "Two"


@pytest.mark.parametrize("name", ["a.dng", "a.fits", "noiseprofiles.json"])
def test_the_profile_of_developed_pictures_is_none_of_light(tmp_path, name):
    if name == "a.fits":
        pytest.importorskip("astropy")
    developed = profile(make="A", model="B", white=255.0, source="network")
    with pytest.raises(InputError, match="developed"):
        write_profile(developed, tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["a.dng", "a.fits", "a.npz"])
def test_formats_of_one_setting_want_one(tmp_path, name):
    if name == "a.fits":
        pytest.importorskip("astropy")
    several = profile(Setting(100, (LAW,)), Setting(200, (LAW,)), white=1.0)
    with pytest.raises(InputError, match="ISO 100, 200; choose one"):
        write_profile(several, tmp_path / name)
