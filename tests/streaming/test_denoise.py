import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiny_model import write_tiny_model
from vdn.denoiser import Denoiser
from vdn.errors import FileError, InputError
from vdn.image import open_picture, read, write
from vdn.restorer import Restorer
from vdn.runtime.tiling import round_up
from vdn.streaming import Settings, Targets, estimate_picture_noise, restore_picture, run_jobs


@pytest.fixture(scope="module")
def denoiser(weights):
    return Denoiser(threads=1, precision="fp32", weights=weights)


def denoise(denoiser, path, targets, **changes):
    """Denoise a file; return the report, or raise what went wrong."""
    results = []

    def work(job, picture, io_threads, all_read):
        return restore_picture(
            denoiser.models, picture, targets, Settings(**changes), io_threads, all_read=all_read
        )

    run_jobs([path], open_picture, work, lambda job, result: results.append(result))
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def noisy(shape, dtype="float32", seed=0):
    values = np.random.default_rng(seed).random(shape)
    return (values * np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else values).astype(dtype)


def small_windows(monkeypatch, pixels):
    """Make bands small, whatever the memory, and let the network see few pixels at a time."""
    import vdn.streaming.frames as frames
    from vdn.predictions import plan_window

    def plan(ready, frame, task, memory, row, held):
        multiple = ready.card.multiple
        side = 2 * round_up(task.halo(ready.card), multiple) + multiple
        height, width = (min(side, round_up(length, multiple)) for length in frame.shape[:2])
        allowed = task.bytes_per_pixel(ready.engine) * max(pixels, height * width) / 1e6
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
    pixels=st.integers(1, 30_000),
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
    squares = np.square(np.atleast_3d(whole.noise_sigma), dtype=np.float64)
    np.testing.assert_allclose(report.noise_sigma, np.sqrt(squares.mean(axis=(0, 1))), rtol=1e-4)
    np.testing.assert_allclose(report.noise_sigma, whole.sigma, rtol=1e-4)
    assert (report.height, report.width, report.frames) == (height, width, 1)


def test_pages_go_one_after_the_other(denoiser, tmp_path):
    pages = [noisy((20 + n, 30), "uint16", seed=n) for n in range(3)]
    path = tmp_path / "a.tiff"
    with tifffile.TiffWriter(path) as writer:
        for page in pages:
            writer.write(page, photometric="minisblack")
    made = Targets(tmp_path / "b.tiff", tmp_path / "noise.tiff")
    report = denoise(denoiser, path, made)
    assert (report.model, report.frames, len(report.noise_sigma)) == ("gray", 3, 1)
    sums = []
    with open_picture(made.image) as images, open_picture(made.noise_map) as maps:
        assert len(images.frames) == len(maps.frames) == 3
        for page, image, map_ in zip(pages, images.frames, maps.frames, strict=True):
            whole = denoiser(page)
            np.testing.assert_array_equal(image.read(), whole.image)
            np.testing.assert_allclose(map_.read(), whole.noise_sigma, rtol=1e-5)
            squares = np.square(whole.noise_sigma, dtype=np.float64)
            sums.append((squares.sum(), page.size))
    total, count = np.sum(sums, axis=0)
    np.testing.assert_allclose(report.noise_sigma, [np.sqrt(total / count)], rtol=1e-5)


def test_planes_go_channel_by_channel_through_the_gray_model(denoiser, tmp_path):
    planes = noisy((24, 40, 5), "float32") * [1, 2, 50, 300, 1]
    path = tmp_path / "a.tiff"
    write(path, planes.astype(np.float32))
    made = Targets(tmp_path / "b.tiff", tmp_path / "noise.tiff")
    report = denoise(denoiser, path, made)
    assert (report.model, len(report.noise_sigma)) == ("gray", 5)
    image = read(made.image).pixels
    with open_picture(made.noise_map) as maps:
        noise = maps.frames[0].read()
    for c in range(5):
        whole = denoiser(planes[..., c].astype(np.float32))
        np.testing.assert_allclose(image[..., c], whole.image, rtol=1e-5)
        np.testing.assert_allclose(noise[..., c], whole.noise_sigma, rtol=1e-4)


def test_gaps_without_data_come_back_and_bands_agree_on_them(denoiser, tmp_path, monkeypatch):
    image = noisy((120, 150))
    image[30:90, 20:130] = np.nan
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, image, extratags=[(42113, "s", 0, "nan", True)])  # GDAL's mark
    denoise(denoiser, path, Targets(tmp_path / "whole.tiff"))
    small_windows(monkeypatch, 72 * 72)
    denoise(denoiser, path, Targets(tmp_path / "bands.tiff"))
    whole, bands = (read(tmp_path / f"{name}.tiff").pixels for name in ("whole", "bands"))
    np.testing.assert_allclose(bands, whole, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(np.isnan(whole), np.isnan(image))


def test_alpha_is_untouched(denoiser, tmp_path):
    image = noisy((20, 30, 4), "uint8")
    write(tmp_path / "a.png", image)
    denoise(denoiser, tmp_path / "a.png", Targets(tmp_path / "b.png"))
    made = read(tmp_path / "b.png").pixels
    np.testing.assert_array_equal(made, denoiser(image).image)
    np.testing.assert_array_equal(made[..., 3], image[..., 3])


@pytest.mark.parametrize("frames", [1, 2])
def test_known_noise_is_a_map_for_every_frame_or_for_all(denoiser, tmp_path, monkeypatch, frames):
    small_windows(monkeypatch, 72 * 72)
    shape = 150, 120
    images = [noisy(shape, seed=n) for n in range(2)]
    steps = np.linspace(0, 0.3, 150 * 120, dtype=np.float32).reshape(shape)
    maps = [steps * (n + 1) for n in (0, 1)]
    for name, pages in (("a", images), ("sigma", maps[:frames])):
        with tifffile.TiffWriter(tmp_path / f"{name}.tiff") as writer:
            for page in pages:
                writer.write(page, photometric="minisblack")
    made = Targets(tmp_path / "b.tiff")
    denoise(denoiser, tmp_path / "a.tiff", made, noise_sigma=tmp_path / "sigma.tiff")
    with open_picture(made.image) as picture:
        for index, frame in enumerate(picture.frames):
            known = maps[index if frames == 2 else 0]
            expected = denoiser(images[index], noise_sigma=known).image
            np.testing.assert_allclose(frame.read(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(20, 31), (20, 30, 3)])
def test_a_map_of_another_size_is_refused(denoiser, tmp_path, shape):
    write(tmp_path / "a.tiff", noisy((20, 30)))
    write(tmp_path / "sigma.tiff", noisy(shape))
    with pytest.raises(FileError, match=r"sigma\.tiff: is a map of shape"):
        denoise(
            denoiser,
            tmp_path / "a.tiff",
            Targets(tmp_path / "b.tiff"),
            noise_sigma=tmp_path / "sigma.tiff",
        )
    assert not (tmp_path / "b.tiff").exists()


def test_noise_alone_needs_no_image_part(denoiser, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise AssertionError

    monkeypatch.setattr("vdn.runtime.openvino_engine.OpenVinoEngine.run", fail)
    write(tmp_path / "a.tiff", noisy((20, 30)))
    denoise(denoiser, tmp_path / "a.tiff", Targets(None, tmp_path / "noise.tiff"))
    expected = denoiser.estimate_noise(noisy((20, 30))).map
    np.testing.assert_allclose(read(tmp_path / "noise.tiff").pixels, expected, rtol=1e-5)


def test_strength_0_keeps_every_bit_in_another_format(denoiser, tmp_path):
    image = noisy((20, 30, 3), "uint16")
    write(tmp_path / "a.tiff", image)
    made = Targets(tmp_path / "b.png", None, tmp_path / "error.tiff")
    report = denoise(denoiser, tmp_path / "a.tiff", made, strength=0)
    np.testing.assert_array_equal(read(made.image).pixels, image)
    error = read(made.uncertainty).pixels
    expected = np.sqrt(np.square(error, dtype=np.float64).mean(axis=(0, 1)))
    np.testing.assert_allclose(report.noise_sigma, expected, rtol=1e-4)


def test_a_failure_in_the_middle_leaves_no_file(denoiser, tmp_path):
    image = noisy((40, 30))
    path = tmp_path / "a.tiff"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(2):
            writer.write(image, photometric="minisblack", rowsperstrip=8)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(FileError, match=r"a\.tiff"):
        denoise(denoiser, path, Targets(tmp_path / "b.tiff", tmp_path / "noise.tiff"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tiff"]


def test_a_picture_that_cannot_be_finished_takes_its_maps_along(denoiser, tmp_path, monkeypatch):
    import os

    replace = os.replace

    def full(source, target):
        if str(target).endswith("b.tiff"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    write(tmp_path / "a.png", noisy((20, 30), "uint8"))
    with pytest.raises(FileError, match="No space left"):
        denoise(denoiser, tmp_path / "a.png", Targets(tmp_path / "b.tiff", tmp_path / "noise.tiff"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_picture_that_cannot_be_finished_leaves_older_results(denoiser, tmp_path, monkeypatch):
    import os

    replace = os.replace

    def full(source, target):
        if str(target).endswith("b.tiff") and not old.get("failed"):
            old["failed"] = True
            raise OSError(28, "No space left on device")
        replace(source, target)

    write(tmp_path / "a.png", noisy((20, 30), "uint8"))
    paths = [tmp_path / name for name in ("b.tiff", "noise.tiff", "error.tiff")]
    old = {path: path.name.encode() for path in paths[:2]}
    for path, content in old.items():
        path.write_bytes(content)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FileError, match="No space left"):
        denoise(denoiser, tmp_path / "a.png", Targets(*paths), overwrite=True)
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == ["a.png", "b.tiff", "noise.tiff"]
    assert [path.read_bytes() for path in paths[:2]] == [b"b.tiff", b"noise.tiff"]


@pytest.mark.parametrize("suffix", [".tiff", ".png", ".npy", ".npz"])
@pytest.mark.parametrize("max_memory", [None, 4.0])
def test_a_model_that_enlarges_writes_larger_files(tmp_path, suffix, max_memory):
    image = noisy((90, 70, 3), "uint16")
    write(tmp_path / f"a{suffix}", image)
    small, large = (
        Restorer(
            task,
            model=write_tiny_model(tmp_path / f"x{scale}.onnx", 3, scale=scale),
            max_memory=max_memory,
        )
        for task, scale in (("denoise", 1), ("upscale", 2))
    )
    maps = {"noise_map": tmp_path / "noise.tiff", "uncertainty": tmp_path / "error.tiff"}
    large.file(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", **maps)
    expected = small(image)
    found = read(tmp_path / f"b{suffix}").pixels
    repeated = expected.image.repeat(2, axis=0).repeat(2, axis=1)
    assert found.dtype == image.dtype
    np.testing.assert_allclose(found.astype(float), repeated.astype(float), atol=1)
    np.testing.assert_allclose(
        read(tmp_path / "noise.tiff").pixels, expected.noise_sigma, rtol=1e-3
    )
    np.testing.assert_allclose(
        read(tmp_path / "error.tiff").pixels,
        expected.uncertainty.repeat(2, axis=0).repeat(2, axis=1),
        rtol=1e-3,
    )


def test_too_little_memory_is_said_at_once(weights, tmp_path):
    write(tmp_path / "a.tiff", noisy((400, 400)))
    little = Denoiser(threads=1, max_memory=1, weights=weights)
    with pytest.raises(InputError, match=r"max_memory=1 MB holds no .* give at least"):
        denoise(little, tmp_path / "a.tiff", Targets(tmp_path / "b.tiff"))


def test_rows_are_read_once_and_in_order(weights, tmp_path, monkeypatch):
    import vdn.streaming.rows as rows

    named = Denoiser("gray", threads=1, precision="fp32", weights=weights)
    asked = []
    image = noisy((150, 40), "uint8")
    tifffile.imwrite(tmp_path / "a.tiff", image, rowsperstrip=4)
    small_windows(monkeypatch, 56 * 48)
    monkeypatch.setattr(rows, "AHEAD", 40 * 9)

    def work(job, picture, io_threads, all_read):
        (frame,) = picture.frames

        def read_rows(start, stop):
            asked.append((start, stop))
            return frame.rows(start, stop)

        from dataclasses import replace

        watched = replace(picture, frames=[frame.reading(read_rows)])
        return restore_picture(named.models, watched, Targets(job), Settings(), io_threads)

    done = []
    run_jobs(
        [tmp_path / "b.tiff"],
        lambda job: open_picture(tmp_path / "a.tiff"),
        work,
        lambda job, result: done.append(result),
    )
    assert not isinstance(done[0], Exception), done
    assert [start for start, _ in asked] == [0, *(stop for _, stop in asked[:-1])]
    assert asked[-1][1] == 150
    assert len(asked) > 10
    np.testing.assert_array_equal(read(tmp_path / "b.tiff").pixels, named(image).image)


def summary(denoiser, path):
    found = []

    def work(job, picture, io_threads, all_read):
        found = estimate_picture_noise(denoiser.models, picture, io_threads, all_read=all_read)
        frames = list(found)
        return lambda: frames

    run_jobs([path], open_picture, work, lambda job, result: found.append(result))
    return found[0]


def test_the_noise_of_every_page_is_surveyed_in_bands(denoiser, tmp_path, monkeypatch):
    pages = [noisy((100, 130), seed=n) * (n + 1) / 2 for n in range(2)]
    with tifffile.TiffWriter(tmp_path / "a.tiff") as writer:
        for page in pages:
            writer.write(page.astype(np.float32), photometric="minisblack")
    small_windows(monkeypatch, 72 * 72)
    found = summary(denoiser, tmp_path / "a.tiff")
    for page, frame in zip(pages, found, strict=True):
        whole = denoiser.estimate_noise(page.astype(np.float32))
        np.testing.assert_allclose(
            frame.summary.statistics.root_mean_square, whole.sigma, rtol=1e-5
        )
        np.testing.assert_allclose(frame.summary.profile.a, whole.profile.a, rtol=1e-3, atol=1e-6)
        cells = np.split(whole.map[:, :32], 4)  # the first column of the grid
        corner = float(np.sqrt(np.mean(np.square(cells[0], dtype=np.float64))))
        assert frame.summary.quietest.sigma <= corner * (1 + 1e-5)
        assert frame.summary.noisiest.sigma >= corner * (1 - 1e-5)


def test_memory_does_not_grow_with_the_pages(weights, tmp_path):
    """Neither the rows of a page nor the samples of its noise are kept for the next."""
    import gc
    import weakref

    denoiser = Denoiser("gray", threads=1, weights=weights)
    alive: list[weakref.ref] = []
    most = 0

    def read_rows(start, stop):
        nonlocal most
        gc.collect()
        most = max(most, sum(ref() is not None for ref in alive))
        rows = np.random.default_rng(start).random((stop - start, 64), np.float32)
        alive.append(weakref.ref(rows))
        return rows

    from dataclasses import replace

    write(tmp_path / "a.tiff", noisy((96, 64)))

    def work(job, picture, io_threads, all_read):
        (frame,) = picture.frames
        pages = [frame.reading(read_rows) for _ in range(12)]
        stack = replace(picture, frames=pages)
        found = []
        for page in estimate_picture_noise(denoiser.models, stack, io_threads, all_read=all_read):
            page.summary.release()
            found.append(page)
        assert len(found) == 12
        assert not any(hasattr(page.summary, "_sigma") for page in found)
        return lambda: found

    done = []
    run_jobs([tmp_path / "a.tiff"], open_picture, work, lambda job, result: done.append(result))
    assert not isinstance(done[0], Exception), done
    assert most <= 5  # of two pages, with what is read ahead
