"""Deconvolution with a kernel that is known undoes what the kernel did."""

import numpy as np
import pytest

from vdn.errors import InputError
from vdn.external.deconvolution import DECONVOLUTIONS
from vdn.noise.degrade import degrade


def rms(a, b):
    return float(np.sqrt(np.mean(np.square(np.subtract(a, b)))))


@pytest.fixture
def clean():
    rows, columns = np.mgrid[:64, :80]
    squares = 0.2 + 0.6 * ((rows // 12 + columns // 12) % 2)
    return np.stack([squares, squares[::-1], 1 - squares], -1)


@pytest.mark.parametrize("name", DECONVOLUTIONS)
@pytest.mark.parametrize("blur", ["gaussian_blur:1.6", "motion:9,0"])
def test_a_blur_is_undone_as_far_as_the_noise_allows(clean, name, blur):
    generator = np.random.default_rng(0)
    made = degrade(clean, blur, generator)
    errors = []
    for sigma in (1 / 255, 10 / 255):
        noisy = (made.image + generator.normal(0, sigma, clean.shape)).astype(np.float32)
        before = noisy.copy()
        restored = DECONVOLUTIONS[name](noisy, made.kernel, sigma)
        np.testing.assert_array_equal(noisy, before)
        assert restored.dtype == np.float32
        errors.append(rms(restored, clean) / rms(noisy, clean))
    assert errors[0] < errors[1] < 1
    assert errors[0] < 0.85


@pytest.mark.parametrize("name", DECONVOLUTIONS)
def test_a_sharp_picture_stays_as_it_is_and_gray_is_gray(clean, name):
    gray = clean[..., 0].astype(np.float32)
    np.testing.assert_array_equal(DECONVOLUTIONS[name](gray, np.ones((1, 1)), 0.1), gray)
    blurred = degrade(gray, "gaussian_blur:1", np.random.default_rng(0))
    assert DECONVOLUTIONS[name](blurred.image, blurred.kernel, 0.0).shape == gray.shape


def test_a_kernel_without_a_centre_is_refused(clean):
    with pytest.raises(InputError, match="odd"):
        DECONVOLUTIONS["wiener"](clean, np.ones((2, 2)) / 4, 0.1)
