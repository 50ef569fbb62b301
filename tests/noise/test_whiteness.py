"""What whiteness says of noise follows the picture into any units, and warns of nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vdn.noise.whiteness import measure_whiteness

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
