"""The priors and the filtered residual."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from vdn.model import filtered_squared_residual, noise_prior


@pytest.mark.parametrize("window", [5, 7, 11, 19])
def test_the_mode_of_the_noise_prior_is_xi(window):
    xi = torch.logspace(-8, 0, 9)
    prior = noise_prior(xi, window)
    torch.testing.assert_close(prior.mode, xi, rtol=1e-4, atol=0)
    torch.testing.assert_close(prior.alpha, torch.full_like(xi, window**2 / 2 - 1))


def test_no_residual_at_all_still_gives_a_proper_prior():
    prior = noise_prior(torch.zeros(3))
    assert prior.mode.isfinite().all()
    assert (prior.mode > 0).all()


@pytest.mark.parametrize(("window", "sigma"), [(7, 3.0), (7, 1.4), (5, 2.0)])
def test_filter_is_a_truncated_gaussian_with_reflected_borders(window, sigma):
    generator = np.random.default_rng(0)
    y, x = generator.random((2, 12, 9))
    offsets = np.arange(window) - window // 2
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    expected = (y - x) ** 2
    for axis in (0, 1):
        expected = ndimage.correlate1d(expected, kernel, axis=axis, mode="mirror")
    filtered = filtered_squared_residual(
        torch.tensor(y)[None, None], torch.tensor(x)[None, None], window, sigma
    )
    np.testing.assert_allclose(filtered[0, 0].numpy(), expected, rtol=1e-12)


def test_filter_floors_and_leaves_its_input_alone():
    y = torch.zeros(1, 3, 8, 8)
    assert filtered_squared_residual(y, y).min() == pytest.approx(1e-10)
    assert y.abs().max() == 0


def test_a_window_without_a_centre_is_refused():
    with pytest.raises(ValueError, match="window is 6"):
        filtered_squared_residual(torch.zeros(1, 1, 9, 9), torch.zeros(1, 1, 9, 9), window=6)
    with pytest.raises(ValueError, match="window is 1"):
        noise_prior(torch.ones(1), window=1)
