"""Blur and reduction against dense matrices, other libraries, and values of MATLAB."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from vdn.model import Gaussian, LinearDegradation, gaussian_kernel
from vdn.resampling import DOWNSAMPLING, bicubic_taps, direct_taps

DOUBLE = {"dtype": torch.float64}
IDENTITY = torch.ones(1, 1, 1, **DOUBLE)

# The input and the results of `imresize (in, factor, "bicubic")` in MATLAB that the tests of GNU
# Octave's image package state, rounded to 8 bits.
INPUT = """
116 227 153  69 146 194  59 130 139 106
  2  47 137 249  90  75  16  24 158  44
155  68  46  84 166 156  69 204  32 152
 71 221 137 230 210 153 192 115  30 118
107 143 108  52  51  73 101  21 175  90
 54 158 143  77  26 168 113 229 165 225
  9  47 133 135 130 207 236  43  19  73
129  60  59 243  64 181  249  56 32  86
"""
MATLAB = {
    2: "105 140 126 81 109  110 134 153 114 93  108 108 94 127 146  67 126 162 149 62",
    3: "115 135 97 101  113 119 124 125  81 157 118 64",
}


def reduced(image: torch.Tensor, scale: int, name: str = "bicubic") -> torch.Tensor:
    identity = IDENTITY.expand(len(image), 1, 1)
    return LinearDegradation.of_blur(identity, DOWNSAMPLING[name](scale), scale)(image)


def reduced_rows(image: torch.Tensor, scale: int) -> torch.Tensor:
    """Reduce (H, W) along its columns alone: each is an image of width 1."""
    return reduced(image.T[:, None, :, None], scale)[:, 0, :, 0].T


@pytest.mark.parametrize("scale", MATLAB)
def test_bicubic_reduction_gives_what_matlab_gives(scale):
    # MATLAB reduces whole numbers along one axis after the other, and rounds after each.
    image = torch.tensor([float(value) for value in INPUT.split()], **DOUBLE).view(8, 10)
    expected = [float(value) for value in MATLAB[scale].split()]
    for _ in range(2):
        image = torch.floor(reduced_rows(image, scale).clamp(0, 255) + 0.5).T
    assert image.flatten().tolist() == expected


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_reduction_is_pillows_away_from_the_border(scale):
    image = np.random.default_rng(0).random((36, 48), dtype=np.float32)
    ours = reduced(torch.from_numpy(image)[None, None].double(), scale)[0, 0].numpy()
    theirs = Image.fromarray(image).resize((48 // scale, 36 // scale), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(ours[2:-2, 2:-2], np.asarray(theirs)[2:-2, 2:-2], atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 12), (7, 9), (1, 2)])
def test_direct_reduction_keeps_every_nth_pixel(shape):
    image = torch.rand(2, 3, *shape, **DOUBLE)
    degrade = LinearDegradation.of_blur(IDENTITY.expand(2, 1, 1), direct_taps(2), 2)
    torch.testing.assert_close(degrade(image), image[..., ::2, ::2])


@pytest.mark.parametrize("name", DOWNSAMPLING)
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_the_weights_of_every_reduction_add_up_to_one_and_fit_its_grid(name, scale):
    taps = DOWNSAMPLING[name](scale)
    assert taps.sum() == pytest.approx(1)
    assert (len(taps) - scale) % 2 == 0


def test_every_image_is_blurred_by_its_own_kernel_with_mirrored_borders():
    parameters = torch.tensor([[1.0, 2.0, 0.5], [0.3, 0.3, 0.0]], **DOUBLE)
    kernels = gaussian_kernel(parameters, 9)
    images = torch.rand(2, 3, 12, 15, **DOUBLE)
    found = LinearDegradation(kernels)(images).numpy()
    for blurred, image, kernel in zip(found, images.numpy(), kernels.numpy(), strict=True):
        for channel in range(3):
            expected = ndimage.correlate(image[channel], kernel, mode="reflect")
            np.testing.assert_allclose(blurred[channel], expected, atol=1e-12)


@pytest.mark.parametrize("name", DOWNSAMPLING)
def test_blur_then_reduction_is_one_operator(name):
    kernel = gaussian_kernel(torch.tensor([[1.5, 0.8, -0.4]], **DOUBLE), 7)
    kernel = kernel.roll(1, 1)  # off its centre, so that no symmetry hides a mistake
    image = torch.rand(1, 3, 32, 40, **DOUBLE)
    both = LinearDegradation.of_blur(kernel, DOWNSAMPLING[name](2), 2)
    one_by_one = reduced(LinearDegradation(kernel)(image), 2, name)
    inside = (..., slice(both.margin, -both.margin), slice(both.margin, -both.margin))
    torch.testing.assert_close(both(image)[inside], one_by_one[inside])


def test_marginals_are_those_of_the_matrix():
    torch.manual_seed(0)
    kernel = gaussian_kernel(torch.tensor([[1.5, 0.8, -0.4]], **DOUBLE), 5)
    degrade = LinearDegradation.of_blur(kernel, bicubic_taps(2), 2)
    size = 18
    pixels = torch.eye(size * size, **DOUBLE).view(-1, 1, size, size)
    columns = LinearDegradation(degrade.kernel.expand(len(pixels), -1, -1), 2)(pixels)
    matrix = columns.flatten(1).T
    mean = torch.rand(1, 1, size, size, **DOUBLE)
    variance = torch.rand(1, 1, size, size, **DOUBLE)
    found = degrade.marginals(Gaussian(mean, variance.log()))
    torch.testing.assert_close(found.mean.flatten(), matrix @ mean.flatten())
    expected = (matrix.square() @ variance.flatten()).view(9, 9)
    inside = (slice(degrade.margin, -degrade.margin),) * 2
    assert expected[inside].numel() >= 9
    torch.testing.assert_close(found.variance[0, 0][inside], expected[inside])


def test_a_kernel_off_the_grid_is_refused():
    with pytest.raises(ValueError, match="side 3 and scale is 2"):
        LinearDegradation(torch.ones(1, 3, 3), 2)
