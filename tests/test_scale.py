"""A network whose output has more pixels than its input, through everything that is not its own.

The tiny model enlarges what its twin of scale 1 denoises by repeating pixels, so that every result
is known.
"""

import numpy as np
import pytest
from PIL import Image

import vdn
from image.cases import pixels
from tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    return [
        {
            channels: write_tiny_model(folder / f"x{scale}_{channels}.onnx", channels, scale=scale)
            for channels in (1, 3)
        }
        for scale in (1, 2)
    ]


def enlarged(array: np.ndarray) -> np.ndarray:
    return array.repeat(2, axis=0).repeat(2, axis=1)


@pytest.mark.parametrize(("model", "max_memory"), [(1, 2.0), (3, None)])
@pytest.mark.parametrize("shape", [(), (2,), (3,), (4,)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
def test_arrays_come_back_with_more_pixels(twins, dtype, shape, model, max_memory):
    image = pixels(dtype, shape)
    small, large = (
        vdn.restore(image, task, model=twin[model], max_memory=max_memory, precision="fp32")
        for task, twin in zip(("denoise", "upscale"), twins, strict=True)
    )
    assert large.image.shape == (2 * image.shape[0], 2 * image.shape[1], *shape)
    assert large.image.dtype == image.dtype
    if shape in ((2,), (4,)):  # of alpha another test tells
        large_image, small_image = large.image[..., :-1], small.image[..., :-1]
    else:
        large_image, small_image = large.image, small.image
    exact = np.dtype(dtype).kind in "ui" and dtype != "int32"
    np.testing.assert_allclose(
        large_image.astype(float),
        enlarged(small_image).astype(float),
        atol=1 if exact else 1e-5 * np.ptp(image.astype(float)),
    )
    np.testing.assert_allclose(large.noise_sigma, small.noise_sigma, rtol=1e-4)
    np.testing.assert_allclose(large.uncertainty, enlarged(small.uncertainty), rtol=1e-4)


def test_alpha_is_enlarged_by_cubic_convolution_in_windows_too(twins):
    image = pixels("uint8", (4,), size=(90, 70))
    whole, tiled = (
        vdn.restore(image, "upscale", model=twins[1][3], max_memory=memory, precision="fp32").image
        for memory in (None, 1.0)
    )
    np.testing.assert_array_equal(whole[..., 3], tiled[..., 3])
    alpha = Image.fromarray(image[..., 3].astype(np.float32))
    expected = np.asarray(alpha.resize((140, 180), Image.Resampling.BICUBIC)).clip(0, 255)
    inside = (slice(4, -4),) * 2  # beyond the border other pixels go on there
    np.testing.assert_allclose(whole[..., 3][inside], expected[inside], atol=0.6)


def test_outliers_are_repeated(twins):
    image = pixels("float32")
    image[7, 9] = 1e6
    large = vdn.restore(image, "upscale", model=twins[1][1]).image
    assert (large[14:16, 18:20] == 1e6).all()
    assert np.count_nonzero(large == 1e6) == 4
