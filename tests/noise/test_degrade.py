"""Arrays are degraded as the operator of the likelihood does it, and compressed as libjpeg does."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from vdn.errors import InputError
from vdn.model import LinearDegradation
from vdn.noise.degradation import parse_degradation
from vdn.noise.degrade import degrade
from vdn.noise.simulate import simulate


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("shape", [(36, 48, 3), (37, 50), (7, 5)])
@pytest.mark.parametrize(
    "text",
    [
        *("identity", "gaussian_blur:1.2", "motion:9,30+bicubic:2", "direct:3", "bicubic:4"),
        *("anisotropic_blur:3,1,20+bicubic:3", "defocus:3..5+gaussian_blur:1+direct:2"),
    ],
)
def test_an_array_is_degraded_like_a_tensor(text, shape):
    image = generator().random(shape)
    made = degrade(image, text, generator(1))
    way = parse_degradation(text)
    kernel, covariance = way.draw(1, generator(1))
    planes = torch.as_tensor(np.atleast_3d(image)).permute(2, 0, 1)[None]
    operator = LinearDegradation.of_blur(torch.as_tensor(kernel), way.taps, way.scale)
    expected = operator(planes)[0].permute(1, 2, 0).numpy().reshape(made.image.shape)
    np.testing.assert_allclose(made.image, expected, atol=1e-6)
    np.testing.assert_array_equal(made.kernel, kernel[0])
    np.testing.assert_array_equal(made.covariance, covariance[0])


@pytest.mark.parametrize("angle", [0, 30, 90, 135])
def test_the_angle_of_a_blur_is_that_of_its_smear(angle):
    point = np.zeros((41, 41))
    point[20, 20] = 1
    for text in (f"motion:15,{angle}", f"anisotropic_blur:4,1,{angle}"):
        made = degrade(point, text, generator())
        along, across, turned = made.widths
        assert along > 3 * across
        assert abs((turned - angle + 90) % 180 - 90) < 3
        step = np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])  # row, column
        on, off = (np.rint(20 + 4 * way).astype(int) for way in (step, step[::-1] * [1, -1]))
        assert made.image[tuple(on)] > 5 * made.image[tuple(off)]


def test_what_is_no_picture_is_refused():
    with pytest.raises(InputError, match="shape"):
        degrade(np.zeros(4), "identity", generator())


@pytest.mark.parametrize("quality", [10, 40])
def test_jpeg_on_the_grid_of_the_picture_is_what_a_file_holds(quality):
    rows, columns = np.mgrid[:61, :83]
    gray = 128 + 60 * np.sin(rows / 5) * np.cos(columns / 7) + generator().normal(0, 8, (61, 83))
    gray = np.clip(np.rint(gray), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(gray).save(file, "jpeg", quality=quality)
    stored = np.asarray(Image.open(file)).astype(float)
    ours = simulate(gray / 255, f"clean+jpeg:{quality},0", generator())[0] * 255
    assert (np.abs(ours - stored) < 0.5).mean() > 0.9  # libjpeg computes in whole numbers
    assert np.abs(ours - stored).mean() < 0.2
    shifted = simulate(gray / 255, f"clean+jpeg:{quality},1", generator())[0] * 255
    inner = simulate(gray[1:, 1:] / 255, f"clean+jpeg:{quality},0", generator())[0] * 255
    np.testing.assert_allclose(shifted[1:49, 1:65], inner[:48, :64], atol=1e-3)
    assert np.abs(shifted - ours).mean() > 0.5
