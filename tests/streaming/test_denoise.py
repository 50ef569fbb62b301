from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vdn.denoiser import Denoiser
from vdn.errors import FileError, InputError
from vdn.image import open_picture, read, write
from vdn.streaming import Settings, Targets, denoise_picture, run_jobs, survey_picture


@pytest.fixture(scope="module")
def denoiser(weights):
    return Denoiser(threads=1, precision="fp32", weights=weights)


def denoise(denoiser, path, targets, **changes):
    """Denoise a file; return the report, or raise what went wrong."""
    results = []

    def work(job, picture, lanes, all_read):
        return denoise_picture(
            denoiser, picture, targets, Settings(**changes), lanes, all_read=all_read
        )

    run_jobs([path], open_picture, work, lambda job, result: results.append(result))
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def noisy(shape, dtype="float32", seed=0):
    values = np.random.default_rng(seed).random(shape)
    return (values * np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else values).astype(dtype)


def small_windows(monkeypatch, pixels):
    """Make bands small, whatever the memory, and let the network see no more at a time."""
    import vdn.streaming.frames as frames
    from vdn.windows import plan_window

    def plan(ready, frame, task, memory, row):
        allowed = ready.engine.bytes_per_pixel * task.graphs * pixels / 1e6
        return plan_window(ready, frame, task, allowed)

    monkeypatch.setattr(frames, "plan_window", plan)


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    height=st.integers(1, 170),
    width=st.integers(1, 170),
    channels=st.sampled_from([0, 3]),
    pixels=st.integers(56 * 56, 30_000),
    ahead=st.integers(1, 20_000),
)
def test_bands_give_what_the_whole_gives(
    denoiser, tmp_path, monkeypatch, height, width, channels, pixels, ahead
):
    import vdn.streaming.rows as rows

    monkeypatch.setattr(rows, "AHEAD", ahead)
    small_windows(monkeypatch, pixels)
    image = noisy((height, width, channels) if channels else (height, width))
    path = tmp_path / "a.tiff"
    photometric = "rgb" if channels else "minisblack"
    tifffile.imwrite(path, image, rowsperstrip=7, photometric=photometric)
    made = Targets(*(tmp_path / f"{name}.tiff" for name in ("image", "noise", "error")))
    report = denoise(denoiser, path, made, overwrite=True)
    whole = denoiser(image)
    for file, expected in (
        (made.image, whole.image),
        (made.noise_map, whole.noise_sigma),
        (made.uncertainty, whole.uncertainty),
    ):
        np.testing.assert_allclose(read(file).pixels, expected, rtol=0, atol=1e-5)
    mean = np.atleast_3d(whole.noise_sigma).mean(axis=(0, 1), dtype=np.float64)
    np.testing.assert_allclose(report.noise_sigma, mean, rtol=1e-4)
    assert (report.height, report.width, report.frames) == (height, width, 1)
