"""A noise model means the same in torch, batched, as in NumPy, picture by picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vdn.data.torch_generator import TorchGenerator
from vdn.noise.camera import Exposure, sample_camera
from vdn.noise.jpeg import Jpeg
from vdn.noise.level_map import photograph_with_sigma, predicted_sigma

CPU = torch.device("cpu")


class Given:
    """A source whose noise is an array prepared in NumPy, whatever asks for it."""

    def __init__(self, seed, tensor):
        self.host, self.tensor = np.random.default_rng(seed), tensor
        self.integers = self.host.integers

    def standard_normal(self, size, dtype=None):
        values = self.host.standard_normal(size, dtype=np.float32)
        return torch.from_numpy(values) if self.tensor else values


def cameras(count, jpeg):
    """As many cameras of the same parts."""
    generator, found = np.random.default_rng(3), []
    while len(found) < count:
        camera = replace(sample_camera(generator), jpeg=jpeg)
        if camera.bayer is not None and camera.smooths:
            found.append(camera)
    return found


@pytest.mark.parametrize("jpeg", [None, Jpeg(90), Jpeg(90, halved_colour=True)])
def test_a_batch_of_cameras_in_torch_is_each_camera_in_numpy(jpeg):
    clean = np.random.default_rng(0).random((4, 3, 40, 52), dtype=np.float32)
    each = cameras(4, jpeg)
    batch = Exposure.of(each, torch.from_numpy(clean))
    photographs = batch.photograph(Given(1, tensor=True), (3, 15))
    alike = Exposure.of(each, clean).photograph(Given(1, tensor=False), (3, 15))
    difference = np.abs(photographs.numpy() - alike) * 255
    # A coefficient half-way between two whole ones is rounded either way, as sums fall on a CPU,
    # and changes its block by a step; a quality that is off by one changes the mean by 5.
    assert np.mean(difference) < (0.2 if jpeg else 1e-3)
    torch.testing.assert_close(
        batch.linear_variance(), torch.from_numpy(Exposure.of(each, clean).linear_variance())
    )


def test_the_parts_of_a_batch_do_not_touch_each_other():
    clean = np.random.default_rng(0).random((3, 3, 40, 52), dtype=np.float32)
    each = cameras(3, None)
    each[1] = replace(each[1], bayer=None)  # other parts than the rest
    _, together = photograph_with_sigma(each, torch.from_numpy(clean), TorchGenerator((0,), CPU))
    for which, camera in enumerate(each):
        image = clean[which].transpose(1, 2, 0)
        expected = predicted_sigma(camera, image, np.random.default_rng(0)).transpose(2, 0, 1)
        np.testing.assert_allclose(together[which], expected, rtol=1e-3, atol=1e-5)


def test_photographs_in_torch_are_distributed_as_in_numpy():
    clean = np.full((1, 3, 512, 512), 128 / 255, np.float32)
    each = cameras(1, Jpeg(92))
    one = Exposure.of(each, clean).photograph(np.random.default_rng(0))
    other = Exposure.of(each, torch.from_numpy(clean)).photograph(TorchGenerator((0,), CPU))
    bins = np.arange(257) - 0.5
    cumulated = [
        np.cumsum(np.histogram(values * 255, bins)[0]) / values.size
        for values in (one, other.numpy())
    ]
    # Smoothed noise counts for fewer independent values than there are.
    assert np.abs(cumulated[0] - cumulated[1]).max() < 0.01
    np.testing.assert_allclose(other.numpy().std(), one.std(), rtol=0.02)
