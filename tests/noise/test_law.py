"""The law read off a picture is that of its noise, with intervals that hold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vdn.noise.law import fit_law, fit_white
from vdn.noise_report import _law


def scene(size=320, texture=True):
    """Brightness from black to white, with edges and a corner of fine texture."""
    rows, columns = np.mgrid[:size, :size] / size
    clean = 0.5 + 0.5 * np.sin(7 * rows) * np.cos(5 * columns)
    clean[size // 4 : size // 2, size // 3 :] *= 0.4
    if texture:
        stripes = np.random.default_rng(9).random((size // 3, size // 3))
        clean[: size // 3, : size // 3] = stripes
    return clean


def photographed(clean, gain, read, seed=0):
    rng = np.random.default_rng(seed)
    return gain * rng.poisson(clean / gain) + read * rng.standard_normal(clean.shape)


GAINS, READS = (0.002, 0.01, 0.02, 0.05), (0.0002, 0.005, 0.02)


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("read", READS)
def test_gain_and_read_noise_are_found_or_said_to_be_unknown(gain, read):
    found = [fit_law(photographed(scene(224), gain, read, seed))[0] for seed in range(4)]
    assert np.median([law.a / gain for law in found]) == pytest.approx(1, abs=0.05)
    known = [law.b / read**2 for law in found if law.b_known]
    assert known == pytest.approx([1] * len(known), abs=0.15)
    if read**2 > 0.1 * gain:
        assert len(known) >= 3
    if read**2 < 0.01 * gain:  # the darkest part is too bright
        assert not known
    held = [law.a_interval[0] <= gain <= law.a_interval[1] for law in found]
    held += [law.b_interval[0] <= read**2 <= law.b_interval[1] for law in found]
    assert np.mean(held) >= 0.75


def test_intervals_and_bands_hold_as_often_as_they_say():
    held, in_band = [], []
    for seed in range(50):
        (law,) = fit_law(photographed(scene(160), 0.01, 0.05, seed))
        held.append(law.a_interval[0] <= 0.01 <= law.a_interval[1])
        held.append(law.b_interval[0] <= 0.0025 <= law.b_interval[1])
        x = np.linspace(*law.span, 9)
        low, high = law.sigma_band(x)
        truth = np.sqrt(0.01 * x + 0.0025)
        in_band.append((low <= truth) & (truth <= high))
        assert np.all((low < law.sigma_at(x)) & (law.sigma_at(x) < high))
    assert 0.85 < np.mean(held) <= 1
    assert 0.85 < np.mean(in_band) <= 1
    assert (high - low)[4] < (high - low)[-1]  # narrowest where most of the picture is


def test_a_slope_that_few_brightnesses_tell_is_said_to_be_rough():
    (law,) = fit_law(photographed(0.5 + scene(96) / 10, 0.002, 0.02))
    assert not law.a_known
    assert law.a_interval[1] - law.a_interval[0] >= 0.3 * abs(law.a)
    (law,) = fit_law(photographed(scene(), 0.02, 0.005))
    assert law.a_known
    assert law.a == pytest.approx(0.02, rel=0.1)
    assert "roughly" not in _law(law)
    assert "roughly 0.02 " in _law(replace(law, a=0.02, a_known=False))


def test_what_is_too_bright_says_nothing_of_black():
    (law,) = fit_law(photographed(0.5 + scene() / 2, 0.02, 0.005))
    assert not law.b_known
    assert law.depends_on_signal
    assert law.a == pytest.approx(0.02, rel=0.15)


def test_constant_noise_does_not_depend_on_the_signal():
    noisy = scene() + 0.05 * np.random.default_rng(0).standard_normal((320, 320))
    (law,) = fit_law(noisy)
    assert not law.depends_on_signal
    assert law.b == pytest.approx(0.0025, rel=0.1)


@settings(max_examples=15)
@given(exponent=st.floats(-12, 12), dtype=st.sampled_from([np.float32, np.float64]))
def test_the_law_follows_the_units(exponent, dtype):
    unit = 10.0**exponent
    noisy = photographed(scene(160), 0.01, 0.03)
    (plain,), (scaled,) = (fit_law((noisy * each).astype(dtype)) for each in (1.0, unit))
    assert scaled.a == pytest.approx(plain.a * unit, rel=1e-3)
    assert scaled.b == pytest.approx(plain.b * unit**2, rel=1e-3)
    assert scaled.span == pytest.approx([end * unit for end in plain.span], rel=1e-3)


@pytest.mark.parametrize("share", [0.3, 0.6])
@pytest.mark.parametrize("whole", [False, True])
def test_a_constant_border_does_not_count(share, whole):
    image = 100 + 60 * scene(192, texture=False)
    image += np.random.default_rng(0).normal(0, 3, image.shape)
    image = np.rint(image) if whole else image
    image[:, : int(192 * share)] = 100
    (law,) = fit_law(image)
    assert law.b + law.a * 130 == pytest.approx(9, rel=0.15)


def test_every_channel_has_its_own_law_and_clipped_pixels_do_not_count():
    clean = scene()
    channels = [photographed(clean, gain, 0.02) for gain in (0.005, 0.02)]
    clipped = np.clip(np.stack(channels, -1), 0.1, 0.9)
    first, second = fit_law(clipped)
    assert first.a == pytest.approx(0.005, rel=0.15)
    assert second.a == pytest.approx(0.02, rel=0.15)
    assert first.span[0] > 0.1


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((200, 200)),
        np.full((200, 200), np.nan),
        np.random.default_rng(0).random((20, 300)),
        np.zeros((0, 5)),
    ],
)
def test_where_nothing_is_to_be_seen_there_is_no_law(image):
    assert fit_law(image) == (None,)


def test_correlated_noise_has_no_law_of_independent_noise():
    rng = np.random.default_rng(0)
    white = rng.standard_normal((320, 320))
    smooth = white + np.roll(white, 1, 0) + np.roll(white, 1, 1) + np.roll(white, (1, 1), (0, 1))
    assert fit_white(scene(texture=False) + 0.05 * smooth) is None
    assert fit_white(scene(texture=False) + 0.05 * white) is not None
