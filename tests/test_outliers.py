"""A few values far from all others change nothing but themselves."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vdn
from vdn.image import find_ranges
from vdn.image.frame import Frame

SHIPPED = ("gaussian", "gray", "photo")


@pytest.fixture(scope="module")
def denoisers():
    return {name: vdn.Denoiser(name, precision="fp32", threads=2) for name in SHIPPED}


def scene(size=160, seed=0, channels=()):
    """A smooth picture in [0, 1] and the noise of a standard deviation of 0.03."""
    rows, columns = np.mgrid[:size, :size]
    clean = 0.5 + 0.3 * np.sin(rows / 17) * np.cos(columns / 23)
    clean = clean.reshape(size, size, *(1 for _ in channels)) * np.ones(channels)
    noise = np.random.default_rng(seed).normal(0, 0.03, clean.shape)
    return clean, noise


def rms(values):
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def maps(result):
    return (result.image, result.noise_sigma, result.uncertainty, *result.noise_sigma_interval())


@settings(max_examples=24, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(SHIPPED),
    dtype=st.sampled_from(["uint16", "int32", "uint32", "int64", "float16", "float32", "float64"]),
    exponent=st.integers(1, 12),
    negative=st.booleans(),
    count=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_outliers_pass_through_and_spoil_nothing(
    denoisers, name, dtype, exponent, negative, count, seed
):
    clean, noise = scene(seed=seed, channels=() if name == "gray" else (3,))
    unit = 1.0 if np.dtype(dtype).kind == "f" else 1000.0
    limits = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    plain = ((clean + noise) * unit).astype(dtype)
    value = (-1 if negative else 1) * unit * 10.0**exponent
    value = np.array(min(max(value, float(limits.min)), float(limits.max) * 0.999)).astype(dtype)
    places = np.random.default_rng(seed).integers(20, 140, (count, 2))
    spoilt = plain.copy()
    spoilt[tuple(places.T)] = value
    result, reference = denoisers[name](spoilt), denoisers[name](plain)
    assert all(np.isfinite(map_).all() for map_ in maps(result))
    far = np.ones(clean.shape[:2], bool)
    for row, column in places:
        far[row - 8 : row + 9, column - 8 : column + 9] = False
    error, before = (
        rms(found.image[far].astype(float) / unit - clean[far]) for found in (result, reference)
    )
    assert 20 * math.log10(error / before) < 0.3
    near = ~far
    near[tuple(places.T)] = False
    change = np.abs(np.asarray(spoilt, float) - np.asarray(result.image, float))
    assert change[near].max() <= 8 * 0.03 * unit
    if abs(float(value)) > 20 * unit:  # an outlier beyond doubt comes back as it was
        assert (result.image[tuple(places.T)] == value).all()


@pytest.mark.parametrize("mark", [-9999.0, -32768.0, 65535.0])
@pytest.mark.parametrize("share", [0.002, 0.3])
def test_marks_of_missing_data_that_nobody_declared(denoisers, mark, share):
    clean, noise = scene()
    heights = ((clean + noise) * 1000).astype(np.float32)
    spoilt = heights.copy()
    spoilt[-int(160 * share + 1) :] = mark
    result, reference = denoisers["gray"](spoilt), denoisers["gray"](heights)
    kept = np.s_[: 160 - int(160 * share + 1) - 24]
    assert (result.image[spoilt == mark] == mark).all()
    assert rms(result.image[kept] - 1000 * clean[kept]) < 1.1 * rms(
        reference.image[kept] - 1000 * clean[kept]
    )


@pytest.mark.parametrize("bar", [4095, 65535])
def test_a_scale_bar_leaves_the_micrograph_alone(denoisers, bar):
    clean, noise = scene(256)
    counts = np.rint((clean + noise) * 400).astype(np.uint16)
    spoilt = counts.copy()
    spoilt[240:244, 100:200] = bar
    result, reference = denoisers["gray"](spoilt), denoisers["gray"](counts)
    away = np.s_[:232]
    assert (result.image[240:244, 100:200] == bar).all()
    assert rms(result.image[away] - 400 * clean[away]) < 1.1 * rms(
        reference.image[away] - 400 * clean[away]
    )


def test_stars_do_not_hide_the_noise_of_the_sky(denoisers):
    generator = np.random.default_rng(1)
    sky = np.full((256, 256), 0.001)
    rows, columns = np.mgrid[:256, :256]
    for y, x, light in zip(
        *(generator.uniform(9, 246, (2, 60))), generator.random(60), strict=True
    ):
        spot = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 3.4)
        sky += light**2.5 * spot
    noisy = (sky + generator.normal(0, 2e-4, sky.shape)).astype(np.float32)
    result = denoisers["gray"](noisy)
    dark = sky < 0.00102
    assert rms(result.image[dark] - sky[dark]) < 1e-4
    assert np.median(result.noise_sigma[dark]) == pytest.approx(2e-4, rel=0.2)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["gray", "gaussian"]),
    shift=st.sampled_from([-0.3, -0.7, -1.0, -10.0, 3.0, 100.0]),
    factor=st.sampled_from([1e-6, 0.2, 3.0, 1e4]),
)
def test_shifted_and_scaled_pictures_differ_in_their_units_alone(denoisers, name, shift, factor):
    clean, noise = scene(channels=() if name == "gray" else (3,))
    plain = denoisers[name](clean + noise)
    moved = denoisers[name]((clean + noise) * factor + shift * factor)
    errors = [rms(plain.image - clean), rms(moved.image / factor - shift - clean)]
    assert abs(20 * math.log10(errors[1] / errors[0])) < 0.1
    np.testing.assert_allclose(moved.noise_sigma / factor, plain.noise_sigma, rtol=1e-2)


def test_blocks_in_the_range_of_the_whole_equal_the_whole(denoisers):
    clean, noise = scene(400)
    image = ((clean + noise) * 900 + 100).astype(np.float32)
    (found,) = find_ranges(Frame.of(image), nominal=False)
    ends = found.offset, found.offset + found.scale
    whole = denoisers["gray"](image)
    block = denoisers["gray"](image[:328], range=ends)
    np.testing.assert_allclose(block.image[:200], whole.image[:200], atol=1e-2)
    with pytest.raises(vdn.InputError, match="range"):
        denoisers["gray"](image, range=(1, 1))


def test_noise_beyond_the_range_is_an_error_that_names_the_picture(run, tmp_path, monkeypatch):
    clean, noise = scene(64)
    tifffile.imwrite(tmp_path / "a.tif", (clean + noise).astype(np.float32))
    monkeypatch.setattr(
        "vdn.results.noise_deviation", lambda noise: np.full_like(noise.log_beta, np.inf)
    )
    monkeypatch.setattr("vdn.predictions.noise_deviation", vdn.results.noise_deviation)
    done = run("denoise", tmp_path / "a.tif", "--json")
    assert done.exit_code == 1
    assert "a.tif" in json.loads(done.stdout)["input"]
    assert "noise of inf" in json.loads(done.stdout)["error"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    assert run("noise", tmp_path / "a.tif").exit_code == 1


TWIN = Path(__file__).parents[1] / "docs/results/twins/known_map.onnx"


@pytest.mark.skipif(not TWIN.exists(), reason="not in a source distribution")
def test_a_model_that_cannot_estimate_noise_wants_it_given(run, tmp_path):
    clean, noise = scene(64, channels=(3,))
    image = (clean + noise).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb")
    denoiser = vdn.Denoiser(TWIN, precision="fp32")
    for call in (denoiser, denoiser.estimate_noise):
        with pytest.raises(vdn.InputError, match="cannot estimate noise"):
            call(image)
    result = denoiser(image, noise_sigma=0.03)
    assert rms(result.image - clean) < 0.015
    assert result.sigma == pytest.approx((0.03,) * 3, rel=1e-3)
    for command in ("denoise", "noise"):
        done = run(command, tmp_path / "a.tif", "--model", TWIN)
        assert done.exit_code == 1
        assert "cannot estimate noise" in done.stderr
