"""Every noise model does what its name says, alike in NumPy and in torch."""

import numpy as np
import pytest

from vdn.noise.arrays import namespace
from vdn.noise.fields import peaks
from vdn.noise.models import Map, Poisson, Span
from vdn.noise.registry import parse_noise

KINDS = ["numpy", "torch"]
NORMAL = ["gaussian:25", "bump:10..40", "case1", "case2", "case3", "gradient", "correlated:20,1.5"]
OTHER = ["poisson:50,3", "photons:5..40", "camera", "clean"]
STRUCTURED = [
    *("common:20", "per_channel:5..40", "speckle:30", "grain:20", "resized:20,1.7"),
    *("resized:20,0.6", "rows:12", "gaussian:10+rows:5", "poisson:80+grain:10", "speckle:20+8bit"),
    *("gaussian:20+jpeg:90", "grain:15+jpeg:60..95+jpeg:80", "clean+jpeg:50"),
]


def batch(kind, shape, value=0.5):
    if kind == "numpy":
        return np.full(shape, value, np.float32), np.random.default_rng(0)
    torch = pytest.importorskip("torch")
    from vdn.data.torch_generator import TorchGenerator

    return torch.full(shape, value), TorchGenerator((0,), torch.device("cpu"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [*NORMAL, *OTHER, *STRUCTURED, "awgn10-8bit"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_stated_sigma_is_that_of_the_noise(kind, noise, channels):
    clean, generator = batch(kind, (6, channels, 96, 96))
    noisy, sigma = parse_noise(noise)(clean, generator)
    xp = namespace(clean)
    assert type(noisy) is type(sigma) is type(clean)
    assert noisy.shape == clean.shape
    assert noisy.dtype == clean.dtype
    sigma = sigma + xp.zeros_like(clean)
    assert float(xp.abs(clean - 0.5).max()) == 0  # left as it was
    if noise == "clean":
        assert float(xp.abs(noisy - clean).max()) == float(sigma.max()) == 0
        return
    found = xp.square(noisy - clean).mean((1, 2, 3))
    stated = xp.square(sigma).mean((1, 2, 3))
    if noise == "clean+jpeg:50":
        assert float(abs(found - stated).max()) < 1e-9
        return
    rough = 0.15 if noise.startswith(("camera", "photons", "rows", "grain")) else 0.05
    ratio = xp.sqrt(found / stated)
    assert float(abs(ratio.mean() - 1)) < rough
    if rough < 0.1:
        assert float(abs(ratio - 1).max()) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_draws_its_own_level(kind):
    clean, generator = batch(kind, (40, 1, 16, 16))
    _, sigma = parse_noise("gaussian:0..50")(clean, generator)
    levels = np.asarray(sigma).ravel() * 255
    assert len(set(levels.tolist())) == 40
    assert levels.min() >= 0
    assert levels.max() <= 50
    assert levels.mean() == pytest.approx(25, abs=8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_scales_every_channel_and_channels_are_independent(kind):
    clean, generator = batch(kind, (1, 3, 200, 200), 0.0)
    noisy, sigma = Map(peaks)(clean, generator)
    normal = np.asarray(noisy / sigma)[0]
    np.testing.assert_allclose(np.asarray(sigma)[0, 0], peaks((200, 200)))
    np.testing.assert_allclose(np.cov(normal.reshape(3, -1)), np.eye(3), atol=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_counted_photons_keep_the_mean_and_have_the_sigma_stated(kind):
    clean, generator = batch(kind, (1, 6, 100, 200))
    levels = np.linspace(-0.1, 1, 6)
    for channel, level in enumerate(levels):
        clean[:, channel] = level
    noisy, sigma = Poisson(Span(50), Span(12.75))(clean, generator)
    noisy, sigma = np.asarray(noisy)[0], np.asarray(sigma)[0]
    np.testing.assert_allclose(noisy.mean((1, 2)), levels, atol=0.005)
    np.testing.assert_allclose(noisy.std((1, 2)), sigma.mean((1, 2)), rtol=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_without_read_noise_photons_are_counted_whole(kind):
    clean, generator = batch(kind, (1, 1, 20, 20))
    noisy, _ = parse_noise("poisson:10")(clean, generator)
    counts = np.asarray(noisy) * 10
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_half_of_the_detectors_cut_off_what_is_below_zero(kind):
    clean, generator = batch(kind, (400, 1, 24, 24), 0.01)
    noisy, _ = parse_noise("photons:60..80")(clean, generator)
    lowest = np.asarray(noisy).min((1, 2, 3))
    assert (lowest >= 0).mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("noise", ["gaussian:25", "poisson:20,2", "correlated:20,0.5..2"])
def test_in_torch_noise_is_distributed_as_in_numpy(noise):
    found = []
    for kind in KINDS:
        clean, generator = batch(kind, (8, 1, 128, 128))
        found.append(np.sort(np.asarray(parse_noise(noise)(clean, generator)[0]).ravel()))
    quantiles = np.linspace(0.01, 0.99, 33)
    first, second = (np.quantile(values, quantiles) for values in found)
    assert np.abs(first - second).max() < 0.06 * found[0].std()


@pytest.mark.parametrize("kind", KINDS)
def test_grain_has_the_memory_it_says_and_follows_luma(kind):
    clean, generator = batch(kind, (1, 3, 300, 300))
    clean[:, :, :150] = 0.1
    noisy, sigma = parse_noise("grain:20,0.6,0")(clean, generator)
    grain = np.asarray((noisy - clean) / sigma)[0]
    np.testing.assert_allclose(grain[0], grain[2], atol=1e-4)
    assert grain.std() == pytest.approx(1, abs=0.05)
    plane = grain[0]
    assert np.mean(plane[:, 1:] * plane[:, :-1]) == pytest.approx(0.6, abs=0.05)
    assert np.mean(plane[2:] * plane[:-2]) == pytest.approx(0.36, abs=0.05)
    levels = np.asarray(sigma)[0, 0]
    assert np.ptp(levels[:150]) < 1e-6
    assert levels[0, 0] != pytest.approx(levels[-1, 0], rel=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_of_another_resolution_has_the_variance_of_its_place(kind):
    clean, generator = batch(kind, (400, 1, 12, 12))
    noisy, sigma = parse_noise("resized:20,1.7")(clean, generator)
    found = np.asarray(noisy - clean)[:, 0].std(0)
    np.testing.assert_allclose(found, np.asarray(sigma)[0, 0], rtol=0.2)
    assert np.ptp(np.asarray(sigma)) > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_channels_share_what_they_share(kind):
    clean, generator = batch(kind, (2, 3, 20, 30))
    rows = np.asarray(parse_noise("rows:9")(clean, generator)[0] - clean)
    assert np.ptp(rows, axis=(1, 3)).max() < 1e-6
    common = np.asarray(parse_noise("common:9")(clean, generator)[0] - clean)
    np.testing.assert_allclose(common[:, 0], common[:, 2], atol=1e-6)
    assert np.ptp(common[0, 0]) > 0.05
    _, sigma = parse_noise("per_channel:0..50")(clean, generator)
    assert len(np.unique(np.asarray(sigma))) == 6


@pytest.mark.parametrize("kind", KINDS)
def test_hot_pixels_are_as_many_as_said_and_only_brighter(kind):
    clean, generator = batch(kind, (1, 3, 200, 200))
    noisy, sigma = parse_noise("hot:5")(clean, generator)
    raised = np.asarray(noisy - clean)
    assert (raised > 0).mean() == pytest.approx(0.005, rel=0.2)
    assert raised.min() == 0
    assert np.asarray(noisy).max() <= 1
    assert not np.asarray(sigma).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_second_compression_changes_the_picture_again(kind, channels):
    clean, generator = batch(kind, (4, channels, 40, 56))
    once = parse_noise("gaussian:15+jpeg:70")
    twice = parse_noise("gaussian:15+jpeg:70+jpeg:70")
    for model in (once, twice):
        noisy, sigma = (np.asarray(side) for side in model(clean, generator))
        np.testing.assert_allclose(noisy * 255, np.rint(noisy * 255), atol=1e-3)
        residual = np.sqrt(np.square(noisy - np.asarray(clean)).mean((2, 3)))
        np.testing.assert_allclose(residual, sigma.mean((2, 3)), rtol=1e-3)


@pytest.mark.parametrize("noise", ["gaussian:5+", "+gaussian:5", "gaussian:5+fog", "8bit:2+jpeg:9"])
def test_chains_that_make_no_sense_are_quoted(noise):
    with pytest.raises(ValueError, match="noise") as refused:
        parse_noise(noise)
    assert repr(noise) in str(refused.value)


def test_the_level_of_a_camera_is_the_one_asked_for():
    clean, generator = batch("numpy", (40, 3, 48, 48))
    _, sigma = parse_noise("camera:5..6+8bit")(clean, generator)
    levels = np.sqrt(np.square(sigma).mean((1, 2, 3))) * 255
    assert np.median(levels) == pytest.approx(5.5, abs=1)


def test_a_function_of_ones_own(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "def salt(clean, generator):\n"
        "    hit = generator.random(clean.shape[:2]) < 0.1\n"
        "    return np.where(hit[..., None], 1, clean), 0.3 * np.ones(clean.shape[:2])\n"
        "def wrong(clean, generator):\n"
        "    return clean\n"
        "def infinite(clean, generator):\n"
        "    return clean / 0, 1\n"
    )
    clean = np.full((2, 3, 20, 30), 0.5, np.float32)
    noisy, sigma = parse_noise(f"{file}:salt")(clean, np.random.default_rng(0))
    assert noisy.shape == sigma.shape == clean.shape
    assert 0.02 < (noisy == 1).mean() < 0.2
    for name in ("wrong", "infinite"):
        with pytest.raises(ValueError, match=r"mine\.py"), np.errstate(all="ignore"):
            parse_noise(f"{file}:{name}")(clean, np.random.default_rng(0))
    with pytest.raises(OSError, match="no function 'none'"):
        parse_noise(f"{file}:none")
