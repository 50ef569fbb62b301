"""What whiteness says of noise follows the picture into any units, and warns of nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vdn.data.pages import render_page
from vdn.noise.whiteness import measure_whiteness, robust_sigma

WHITE = np.random.default_rng(0).normal(0, 1, (128, 160))
CORRELATED = WHITE + np.roll(WHITE, 1, 0) + np.roll(WHITE, 1, 1) + np.roll(WHITE, (1, 1), (0, 1))


@settings(max_examples=40)
@given(
    exponent=st.integers(-36, 36),
    dtype=st.sampled_from([np.float32, np.float64]),
    noise=st.sampled_from([WHITE, CORRELATED]),
)
@pytest.mark.filterwarnings("error")
def test_units_change_the_sigma_alone(exponent, dtype, noise):
    plain = measure_whiteness(noise)
    scaled = measure_whiteness((noise * 10.0**exponent).astype(dtype))
    assert scaled.ratio == pytest.approx(plain.ratio, rel=1e-3)
    assert scaled.sigma == pytest.approx(plain.sigma * 10.0**exponent, rel=1e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.finfo(np.float64).max, np.inf, np.nan, -1e200])
def test_values_that_are_not_of_the_picture_are_no_warning(value):
    image = WHITE.copy()
    image[3, 4] = value
    measure_whiteness(image)
    assert measure_whiteness(CORRELATED).ratio < 0.5 < measure_whiteness(WHITE).ratio


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize("level", [0.004, 0.04, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_lines_and_edges_hardly_change_the_robust_sigma(level, channels, seed):
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, level, (256, 192, *channels))
    page = np.repeat(render_page(generator, 256)[:, :192, :1] / 255, *(channels or (1,)), axis=2)
    assert robust_sigma(noise) == pytest.approx(level, rel=0.1)
    lines = np.where(np.arange(256)[:, None] % 12 == 0, page[..., 0], 1.0).reshape(256, 192, 1)
    assert robust_sigma(lines.reshape(256, 192, *(1 for _ in channels)) + noise) < 1.3 * level


def test_the_robust_sigma_of_what_is_too_small_is_nothing():
    assert [robust_sigma(np.zeros(shape)) for shape in [(0, 0), (1, 1), (8, 200, 3)]] == [0, 0, 0]
