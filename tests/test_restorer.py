"""Restoring: the model by task and scale, the kernel of the whole, and what is sharp stays."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vdn
from image.cases import pixels
from tiny_model import tiny_card, write_tiny_model, write_tiny_restorers
from vdn.blur_kernel import KernelStatistics
from vdn.errors import InputError
from vdn.export import write_cards
from vdn.models import Goal, Models
from vdn.runtime.cards import find_model
from vdn.runtime.engine import Posterior
from vdn.runtime.kernel import average_with_input, log_variances, turned_back
from vdn.runtime.predict import predict


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Path:
    """A folder of models as they ship, for every task."""
    folder = tmp_path_factory.mktemp("shipped")
    write_tiny_model(folder / "photo.onnx")
    write_tiny_restorers(folder)
    write_tiny_model(folder / "upscale-x2-gray.onnx", 1, scale=2, kernel=True)
    write_cards(folder)
    return folder


@cache
def restorer_of(task, scale, weights):
    return vdn.Restorer(task, scale, threads=1, precision="fp32", weights=weights)


@pytest.mark.parametrize(
    ("task", "scale", "shape", "name"),
    [
        ("denoise", None, (40, 40, 3), "photo"),
        ("upscale", None, (40, 40, 3), "upscale-x2"),
        ("upscale", 2, (40, 40), "upscale-x2-gray"),
        ("upscale", 4, (40, 40), "upscale-x4"),
        ("deblur", None, (40, 40, 4), "deblur"),
    ],
)
def test_the_cards_say_which_model_is_for_what(shipped, task, scale, shape, name):
    result = vdn.restore(pixels("uint8", shape[2:], size=shape[:2]), task, scale, weights=shipped)
    assert result.model == name
    factor = find_model(name, shipped)[0].scale
    assert result.image.shape == (40 * factor, 40 * factor, *shape[2:])
    assert (result.kernel is None) == (task == "denoise")


@settings(max_examples=60, deadline=None)
@given(
    task=st.sampled_from([("denoise", None), ("upscale", 2), ("upscale", 4), ("deblur", None)]),
    dtype=st.sampled_from(["u1", "u2", ">u2", "f2", "f4", ">f4", "f8"]),
    sides=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    channels=st.sampled_from([(), (1,), (2,), (3,), (4,)]),
    masked=st.sampled_from([None, 0.0, 0.1, 1.0]),
    strength=st.sampled_from([0.0, 0.5, 1.0]),
    ensemble=st.sampled_from([1, 4]),
)
def test_what_comes_back_is_like_what_went_in(
    shipped, task, dtype, sides, channels, masked, strength, ensemble
):
    rng = np.random.default_rng(sides)
    values = rng.random((*sides, *channels))
    dtype = np.dtype(dtype)
    image = (values * (np.iinfo(dtype).max if dtype.kind == "u" else 1)).astype(dtype)
    if masked is not None:
        image = np.ma.masked_array(image, rng.random(image.shape) < masked)
    before = image.copy()
    result = restorer_of(*task, shipped)(image, strength, ensemble=ensemble)
    scale = task[1] or 1
    assert result.image.shape == (scale * sides[0], scale * sides[1], *channels)
    assert result.image.dtype == dtype
    assert type(result.image) is type(image)
    assert np.isfinite(np.ma.getdata(result.image).astype(float)).all()
    assert np.isfinite(result.noise_sigma).all()
    assert np.isfinite(result.uncertainty).all()
    if masked is not None:
        hidden = image.mask.repeat(scale, 0).repeat(scale, 1)
        np.testing.assert_array_equal(result.image.mask, hidden)
    np.testing.assert_array_equal(np.ma.getdata(image), np.ma.getdata(before))


@pytest.mark.parametrize("channels", [(), (3,)])
def test_what_is_masked_is_enlarged_as_it_is(shipped, channels):
    values = pixels("uint16", channels, size=(40, 48))
    image = np.ma.masked_array(values, np.zeros(values.shape, bool), fill_value=7)
    image[3:5, 4:9] = np.ma.masked
    result = vdn.restore(image, "upscale", 2, weights=shipped).image
    masked = image.mask.repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(result.mask, masked)
    np.testing.assert_array_equal(result.data[masked], values.repeat(2, 0).repeat(2, 1)[masked])
    assert result.fill_value == 7
    bare = vdn.restore(np.ma.masked_array(values), "upscale", 2, weights=shipped).image
    assert bare.mask is np.ma.nomask
    assert bare.shape == result.shape


def test_the_least_scale_that_suffices_is_taken(shipped):
    models = Models(weights=shipped, goal=Goal("upscale"))
    from vdn.image.frame import Frame

    frame = Frame.of(np.zeros((8, 8, 3), np.uint8))
    scales = [models.choose(frame, least).card.scale for least in (0.5, 1.5, 2, 2.01, 4)]
    assert scales == [2, 2, 2, 4, 4]
    with pytest.raises(InputError, match="largest scale that ships is 4"):
        models.choose(frame, 4.1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"task": "upscale", "scale": 3}, "no model for upscale x3 ships.*deblur.*--model"),
        ({"task": "sharpen"}, "task='sharpen'; give one of denoise, upscale"),
        ({"task": "upscale", "scale": 0}, "scale=0"),
        ({"task": "deblur", "model": "photo"}, "model='photo' is for denoise, not for deblur"),
        ({"task": "upscale", "scale": 4, "model": "upscale-x2"}, "is for upscale x2, not for"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_way_out(shipped, arguments, words):
    with pytest.raises(InputError, match=words):
        vdn.restore(np.zeros((8, 8, 3), np.uint8), weights=shipped, **arguments)


def test_deblocking_tells_the_compression(shipped):
    from vdn.noise.jpeg import Jpeg

    image = Jpeg(40).apply(pixels("uint8", (3,), size=(256, 256)))
    result = vdn.restore(image, "deblock", weights=shipped)
    low, high = result.jpeg.quality_interval
    assert low <= 40 <= high
    assert result.kernel is None  # its K-Net has nothing to tell


@pytest.mark.parametrize("name", ["upscale-x2", "upscale-x4", "deblur"])
@pytest.mark.parametrize("size", [(150, 131), (97, 203)])
def test_windows_give_what_the_whole_gives(shipped, name, size):
    card, path = find_model(name, shipped)
    image = pixels("float32", (3,), size=size)
    whole, tiled = (
        vdn.restore(image, card.purpose, model=path, max_memory=memory, precision="fp32")
        for memory in (None, 3.0)
    )
    for attribute in ("image", "noise_sigma", "uncertainty"):
        one, other = getattr(whole, attribute), getattr(tiled, attribute)
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tiled.kernel.sigma, whole.kernel.sigma, rtol=1e-5)
    np.testing.assert_allclose(tiled.kernel.correlation, whole.kernel.correlation, atol=1e-5)


def test_strength_0_still_enlarges_and_a_denoiser_returns_the_input(shipped):
    image = pixels("uint8", (3,))
    result = vdn.restore(image, "denoise", strength=0, weights=shipped)
    np.testing.assert_array_equal(result.image, image)
    result = vdn.restore(image, "upscale", strength=0, weights=shipped)
    assert result.image.shape == (2 * image.shape[0], 2 * image.shape[1], 3)
    deblurred = vdn.restore(image, "deblur", strength=0, weights=shipped)
    assert (deblurred.uncertainty != deblurred.noise_sigma).any()  # the network has run


def said(width_x, width_y, slope=0.0, log_alpha=5.0, log_variance=-6.0, size=(6, 7)):
    log_beta = [2 * np.log(width) + np.log1p(np.exp(log_alpha)) for width in (width_x, width_y)]
    each = np.array([log_alpha, log_alpha, *log_beta, slope, log_variance], np.float32)
    return np.tile(each[:, None, None], (1, *size))


def test_a_kernel_is_told_by_the_places_that_know_it():
    statistics = KernelStatistics()
    statistics.add(said(1.3, 0.8, np.arctanh(0.4)))
    statistics.add(said(6.0, 6.0, log_alpha=0.0, log_variance=0.0, size=(40, 40)))  # the sky
    statistics.add(said(3.0, 0.1, size=(2, 2)))  # a few that are wrong
    kernel = statistics.kernel
    np.testing.assert_allclose(kernel.sigma, (1.3, 0.8), rtol=0.15)
    assert kernel.correlation == pytest.approx(0.4, abs=0.1)
    for value, (low, high) in zip(kernel.sigma, kernel.sigma_interval, strict=True):
        assert low < value < high
    array = kernel.array()
    assert array.sum() == pytest.approx(1)
    y, x = np.indices(array.shape) - array.shape[0] // 2
    np.testing.assert_allclose(
        [(array * x * x).sum(), (array * x * y).sum(), (array * y * y).sum()],
        kernel.covariance[[0, 0, 1], [0, 1, 1]],
        rtol=0.05,
    )
    assert KernelStatistics().kernel is None


def test_intervals_hold_as_many_kernels_as_they_say():
    """Draws of what is said of neighbourhoods: the ratio is an inverse gamma about the truth."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        truth, alpha = rng.uniform(0.6, 3), rng.uniform(5, 60)
        ratio = (alpha + 1) / rng.gamma(alpha)
        width = np.sqrt(max((truth**2 + 0.09) / ratio - 0.09, 1e-4))
        statistics = KernelStatistics()
        statistics.add(said(width, width, log_alpha=np.log(alpha)))
        low, high = statistics.kernel.sigma_interval[0]
        inside += low <= truth <= high
    assert 170 <= inside <= 192


def test_the_moments_are_those_of_the_inverse_gamma():
    special = pytest.importorskip("scipy.special")
    for alpha in (1.0, 4.0, 50.0):
        mean, deviation = log_variances(said(2.0, 1.0, log_alpha=np.log(alpha), size=(1, 1)))
        exact = np.log(alpha + 1) - special.digamma(alpha) + np.log(4.09)
        assert mean[0].item() == pytest.approx(exact, abs=0.01)
        assert deviation[0].item() == pytest.approx(special.polygamma(1, alpha) ** 0.5, rel=0.02)


@pytest.mark.parametrize("which", range(8))
def test_a_turned_image_has_the_same_kernel(which):
    """The kernel of every symmetry, turned back, is that of the image."""

    def covariance(planes):
        x, y = np.exp(0.5 * (planes[2:4, 0, 0] - np.log1p(np.exp(planes[:2, 0, 0]))))
        across = np.tanh(planes[4, 0, 0]) * x * y
        return np.array([[x * x, across], [across, y * y]])

    kernel = covariance(said(1.3, 0.8, 0.5))
    swap, flip_y, flip_x = which & 4, which & 2, which & 1
    turn = np.diag([-1 if flip_x else 1, -1 if flip_y else 1]) @ (
        np.array([[0, 1], [1, 0]]) if swap else np.eye(2)
    )
    seen = turn @ kernel @ turn.T
    x, y = np.sqrt(np.diag(seen))
    planes = said(x, y, np.arctanh(seen[0, 1] / (x * y)), size=(3, 5))
    np.testing.assert_allclose(covariance(turned_back(planes, which)), kernel, rtol=1e-4)


def test_an_ensemble_has_one_kernel(shipped):
    card, path = find_model("deblur", shipped)
    from vdn.runtime.openvino_engine import OpenVinoEngine

    planes = np.random.default_rng(0).random((3, 32, 24), dtype=np.float32)
    engine = OpenVinoEngine(path, "fp32", threads=1)
    assert predict(engine, card, planes, ensemble=8).kernel.shape == (6, 8, 6)
    assert predict(engine, card, planes[:1]).kernel.shape == (6, 8, 6)


def psnr(one, other):
    return -10 * np.log10(np.mean(np.square(one - other)) + 1e-12)


@pytest.mark.parametrize(
    ("width", "sigma", "stays"),
    [(0.1, 1e-4, True), (0.25, 1e-3, True), (0.9, 1e-4, False), (0.1, 0.03, False)],
)
def test_what_is_sharp_and_clean_stays(width, sigma, stays):
    """However wrong the network is, where its posteriors say that there is nothing to do."""
    rng = np.random.default_rng(0)
    planes = rng.random((3, 24, 28), dtype=np.float32)
    log_alpha = np.full(planes.shape, 3.0, np.float32)
    posterior = Posterior(
        planes + rng.normal(0, 0.05, planes.shape).astype(np.float32),
        log_alpha,
        2 * np.log(np.float32(sigma)) + np.log1p(np.exp(log_alpha)),
        np.full(planes.shape, -6.0, np.float32),
        said(width, 0.1, log_alpha=3.0),
    )
    averaged = average_with_input(posterior, planes)
    assert psnr(posterior.mean, planes) < 27
    if stays:
        assert psnr(averaged.mean, planes) > 40
    else:
        assert psnr(averaged.mean, posterior.mean) > 60
    assert np.isfinite(averaged.log_error_variance).all()
    known = average_with_input(posterior, planes, sigma=np.full_like(planes, 0.05))
    np.testing.assert_allclose(known.mean, posterior.mean, atol=1e-6)


def test_cards_of_before_denoise(tmp_path):
    path = write_tiny_model(tmp_path / "old.onnx", card={**tiny_card("old")})
    card, _ = find_model(path)
    assert (card.purpose, card.infers, card.only_denoises) == ("denoise", ("noise",), True)
    assert json.loads(json.dumps(card.to_mapping()))["infers"] == ["noise"]
