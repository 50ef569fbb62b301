"""`vdn denoise big.ome.zarr -o clean.ome.zarr`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import vdn

zarr = pytest.importorskip("zarr")
dask = pytest.importorskip("dask")

from scale.stores import make_ome_zarr  # noqa: E402
from vdn.image import pyramid  # noqa: E402
from vdn.image.codecs.ome_zarr import PROGRESS  # noqa: E402
from vdn.noise.profiles import CameraProfile, ChannelLaw, Setting  # noqa: E402
from vdn.scale import passes  # noqa: E402
from vdn.scale.files import Stores, denoise_store  # noqa: E402
from vdn.scale.worker import DenoiserArguments  # noqa: E402
from vdn.streaming import Settings  # noqa: E402


def pixels(shape=(2, 2, 150, 170), dtype=np.uint16):
    return (np.random.default_rng(0).random(shape) * min(np.iinfo(dtype).max, 4000)).astype(dtype)


@pytest.fixture
def arguments(weights):
    return DenoiserArguments("gray", 1, 2.0, "fp32", "auto", weights)


@pytest.fixture
def one_after_the_other():
    with dask.config.set(num_workers=1):
        yield


def in_memory(image, arguments):
    return vdn.Denoiser(*arguments[:5], weights=arguments.weights)(image)


def attributes(path):
    return dict(zarr.open_group(path, mode="r").attrs)


@pytest.mark.parametrize(
    ("version", "chunks", "shards"),
    [
        ("0.4", (1, 1, 64, 64), None),
        ("0.4", (2, 1, 50, 33), None),
        ("0.5", (1, 1, 64, 64), None),
        ("0.5", (1, 1, 32, 32), (1, 2, 64, 64)),
    ],
)
def test_an_ome_zarr_keeps_all_but_its_noise(tmp_path, arguments, version, chunks, shards):
    image = pixels()
    source = make_ome_zarr(tmp_path / "a.ome.zarr", image, version, chunks=chunks, shards=shards)
    stores = Stores(*(tmp_path / f"{name}.ome.zarr" for name in ("clean", "noise", "error")))
    report = denoise_store(source, stores, arguments)
    assert (report.models, report.planes) == (("gray",), 4)
    old, new, noise, error = (
        zarr.open_group(path, mode="r")
        for path in (source, stores.image, stores.noise_sigma, stores.uncertainty)
    )
    squares = []
    for index in np.ndindex(image.shape[:2]):
        expected = in_memory(image[index], arguments)
        assert np.abs(new["s0"][index].astype(int) - expected.image).max() <= 1
        np.testing.assert_allclose(noise["s0"][index], expected.noise_sigma, atol=0.04)
        np.testing.assert_allclose(error["s0"][index], expected.uncertainty, atol=0.04)
        squares.append(np.square(expected.noise_sigma).mean())
    np.testing.assert_allclose(report.noise_sigma, np.sqrt(np.mean(squares)), rtol=1e-4)
    means = new["s0"][:].reshape(2, 2, 75, 2, 85, 2).mean(axis=(3, 5))
    np.testing.assert_array_equal(new["s1"][:], np.rint(means))
    np.testing.assert_array_equal(new["labels/nuclei"][:], old["labels/nuclei"][:])
    for name in ("s0", "s1", "labels/nuclei"):
        assert new[name].metadata.to_dict() == old[name].metadata.to_dict()
    for name in ("s0", "s1"):
        assert noise[name].dtype == np.float32
        assert (noise[name].shape, noise[name].chunks, noise[name].shards) == (
            old[name].shape,
            old[name].chunks,
            old[name].shards,
        )
    before, after = attributes(source), attributes(stores.image)
    assert after.pop("vdn") == f"vdn {vdn.__version__} (model gray, strength 1)"
    scales = before.get("ome", before)["multiscales"][0]
    assert scales.pop("type") == "gaussian"
    assert after.get("ome", after)["multiscales"][0].pop("type") == "mean"
    assert after == before
    maps = attributes(stores.noise_sigma)
    assert "omero" not in maps.get("ome", maps)
    assert maps.get("ome", maps)["multiscales"][0]["axes"] == scales["axes"]
    assert not list(tmp_path.rglob(PROGRESS))


def test_red_green_and_blue_are_one_picture(tmp_path, arguments):
    image = pixels((3, 1, 100, 90), np.uint8)
    colours = ("FF0000", "00FF00", "0000FF")
    source = make_ome_zarr(tmp_path / "a.zarr", image, colours=colours)
    arguments = arguments._replace(model="photo")
    denoise_store(source, Stores(tmp_path / "b.zarr"), arguments)
    expected = in_memory(np.moveaxis(image[:, 0], 0, -1), arguments).image
    found = np.moveaxis(zarr.open_group(tmp_path / "b.zarr", mode="r")["s0"][:, 0], 0, -1)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_plain_array_stays_one(tmp_path, arguments):
    image = pixels((3, 90, 80))
    zarr.create_array(tmp_path / "a.zarr", data=image, chunks=(1, 40, 40), attributes={"x": 1})
    denoise_store(tmp_path / "a.zarr", Stores(tmp_path / "b.zarr", tmp_path / "n.zarr"), arguments)
    found, noise = (zarr.open_array(tmp_path / name, mode="r") for name in ("b.zarr", "n.zarr"))
    assert found.attrs["x"] == 1
    expected = in_memory(image[2], arguments)
    assert np.abs(found[2].astype(int) - expected.image).max() <= 1
    np.testing.assert_allclose(noise[2], expected.noise_sigma, atol=0.04)


def test_a_plate_is_denoised_well_by_well(tmp_path, arguments):
    image = pixels((1, 1, 64, 64))
    plate = zarr.open_group(tmp_path / "p.zarr", mode="w", attributes={"ome": {"plate": {}}})
    for name in ("A", "A/1", "B", "B/2"):
        plate.create_group(name)
    for well in ("A/1/0", "B/2/0"):
        make_ome_zarr(tmp_path / "p.zarr" / well, image)
    report = denoise_store(tmp_path / "p.zarr", Stores(tmp_path / "q.zarr"), arguments)
    assert report.planes == 2
    plate = zarr.open_group(tmp_path / "q.zarr", mode="r")
    np.testing.assert_array_equal(plate["A/1/0/s0"][:], plate["B/2/0/s0"][:])
    assert (plate["A/1/0/s0"][:] != image).any()


def test_what_is_finished_is_not_done_again(tmp_path, arguments, monkeypatch, one_after_the_other):
    image = np.zeros((1, 6, 200, 200), np.uint8)  # black chunks are written too
    source = make_ome_zarr(tmp_path / "a.zarr", image)
    written, work = [], passes._Work.__call__

    def failing(self, region, limits):
        if len(written) == 4:
            raise RuntimeError("stopped")
        written.append(region)
        return work(self, region, limits)

    monkeypatch.setattr(passes._Work, "__call__", failing)
    with pytest.raises(RuntimeError, match="stopped"):
        denoise_store(source, Stores(tmp_path / "b.zarr"), arguments)
    assert (tmp_path / "b.zarr" / PROGRESS).exists()
    with pytest.raises(vdn.FileError, match="not finished"):
        vdn.denoise_file(tmp_path / "b.zarr", tmp_path / "c.tif")
    with pytest.raises(vdn.FileError, match=r"begun with strength 1.0 instead of 0.5"):
        denoise_store(source, Stores(tmp_path / "b.zarr"), arguments, Settings(strength=0.5))
    other = make_ome_zarr(tmp_path / "other.zarr", image[..., :100])
    with pytest.raises(vdn.FileError, match="another input"):
        denoise_store(other, Stores(tmp_path / "b.zarr"), arguments)
    first = list(written)
    written.clear()
    monkeypatch.setattr(
        passes._Work, "__call__", lambda *each: written.append(each[1]) or work(*each)
    )
    denoise_store(source, Stores(tmp_path / "b.zarr"), arguments)
    assert written
    assert not [region for region in written if region in first[:-1]]
    assert not (tmp_path / "b.zarr" / PROGRESS).exists()


def test_stores_are_replaced_when_that_is_asked_for(tmp_path, arguments):
    source = make_ome_zarr(tmp_path / "a.zarr", pixels((1, 1, 64, 64)))
    denoise_store(source, Stores(tmp_path / "b.zarr"), arguments)
    before = zarr.open_group(tmp_path / "b.zarr", mode="r")["s0"][:]
    with pytest.raises(FileExistsError, match="--overwrite"):
        denoise_store(source, Stores(tmp_path / "b.zarr"), arguments, Settings(strength=0))
    denoise_store(
        source, Stores(tmp_path / "b.zarr"), arguments, Settings(strength=0, overwrite=True)
    )
    assert (zarr.open_group(tmp_path / "b.zarr", mode="r")["s0"][:] != before).any()
    for target in (source, source / "labels" / "b.zarr", tmp_path):
        with pytest.raises(vdn.FileError, match="is the input"):
            denoise_store(source, Stores(target), arguments, Settings(overwrite=True))
    (tmp_path / "folder.zarr").mkdir()
    with pytest.raises(FileExistsError):
        denoise_store(source, Stores(tmp_path / "folder.zarr"), arguments, Settings(overwrite=True))


def test_an_ensemble_is_that_of_the_array_in_memory(tmp_path, arguments):
    image = pixels((150, 170))
    zarr.save_array(tmp_path / "a.zarr", image)
    settings = Settings(ensemble=8)
    denoise_store(tmp_path / "a.zarr", Stores(tmp_path / "b.zarr"), arguments, settings)
    found = zarr.open_array(tmp_path / "b.zarr", mode="r")[:].astype(int)
    one = in_memory(image, arguments).image
    eight = vdn.Denoiser(*arguments[:5], weights=arguments.weights)(image, ensemble=8).image
    assert np.abs(found - eight).max() <= 1
    assert np.abs(found - one).max() > 5


def test_a_profile_is_for_files(tmp_path, arguments):
    zarr.save_array(tmp_path / "a.zarr", pixels((64, 64)))
    profile = CameraProfile((Setting(None, (ChannelLaw(0.1, 1.0),)),))
    with pytest.raises(vdn.InputError, match="into a TIFF file"):
        denoise_store(
            tmp_path / "a.zarr",
            Stores(tmp_path / "b.zarr"),
            arguments,
            Settings(noise_sigma=profile),
        )
    assert not (tmp_path / "b.zarr").exists()


def test_the_command(tmp_path, run, monkeypatch, weights):
    model = weights / "gray.onnx"
    source = make_ome_zarr(tmp_path / "shoot" / "a.ome.zarr", pixels((1, 2, 64, 64)))
    words = "denoise", source, "--model", model, "--threads", 1
    done = run(*words, "--noise-map", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.output)
    assert record["output"].endswith("a.denoised.ome.zarr")
    assert record["noise_map"].endswith("a.noise.ome.zarr")
    assert (record["width"], record["frames"]) == (64, 2)
    assert run(*words).exit_code == 1
    assert run(*words, "--skip-existing").exit_code == 0
    done = run("denoise", tmp_path / "shoot", "-o", tmp_path / "out", "--model", model)
    assert done.exit_code == 0, done.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.ome.zarr"]
    done = run("noise", source, "--model", model)
    assert done.exit_code == 0, done.output
    done = run(*words, "-o", tmp_path / "a.ome.tif")
    assert done.exit_code == 0, done.output
    with vdn.image.open_picture(tmp_path / "a.ome.tif") as picture:
        clean = zarr.open_group(tmp_path / "out" / "a.ome.zarr", mode="r")["s0"]
        for number, frame in enumerate(picture.frames):
            np.testing.assert_array_equal(frame.read(), clean[0, number])


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_run_is_taken_up_again(tmp_path, weights):
    image = pixels((1, 6, 200, 200))
    source = make_ome_zarr(tmp_path / "a.zarr", image)
    command = [sys.executable, "-m", "vdn", "denoise", str(source), "-o", str(tmp_path / "b.zarr")]
    command += ["--model", str(weights / "gray.onnx"), "--threads", "1", "--max-memory", "2"]
    two = os.environ | {"DASK_NUM_WORKERS": "2"}
    process = subprocess.Popen(command, env=two)
    chunks = tmp_path / "b.zarr" / "s0" / "c"
    while len(list(chunks.glob("0/*"))) < 3 and process.poll() is None:
        time.sleep(0.01)  # two planes are under way at a time, so one is finished
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "b.zarr" / PROGRESS).exists()
    kept = {path: path.stat().st_mtime_ns for path in chunks.rglob("*") if path.is_file()}
    kept = {path: when for path, when in kept.items() if path.suffix != ".partial"}
    subprocess.run(command, check=True)
    found = zarr.open_group(tmp_path / "b.zarr", mode="r")["s0"]
    expected = vdn.denoise(image[0, 5], weights / "gray.onnx", threads=1, precision="fp32").image
    assert np.abs(found[0, 5].astype(int) - expected).max() <= 1
    assert not list(tmp_path.rglob("*.partial"))
    same = [path for path, when in kept.items() if path.stat().st_mtime_ns == when]
    assert same  # what was under way is written again


@pytest.mark.parametrize(
    ("finer", "coarser"), [((5, 7), (2, 3)), ((5, 7), (3, 4)), ((9, 8), (3, 2)), ((4, 4), (4, 2))]
)
def test_coarser_levels_are_means_of_what_there_is(finer, coarser):
    values = np.random.default_rng(0).random(finer)
    by = pyramid.factors(finer, coarser)
    found = pyramid.coarsen(values, by, coarser)
    for row, column in np.ndindex(coarser):
        box = values[row * by[0] : (row + 1) * by[0], column * by[1] : (column + 1) * by[1]]
        np.testing.assert_allclose(found[row, column], box.mean())


def test_levels_of_no_whole_factor_are_refused():
    with pytest.raises(vdn.FileError, match="whole factor"):
        pyramid.factors((100, 100), (66, 66))


def test_a_replaced_store_stays_until_the_new_one_is_whole(
    tmp_path, arguments, monkeypatch, one_after_the_other
):
    source = make_ome_zarr(tmp_path / "a.zarr", pixels((1, 4, 64, 64)))
    target = Stores(tmp_path / "b.zarr")
    denoise_store(source, target, arguments)
    before = zarr.open_group(tmp_path / "b.zarr", mode="r")["s0"][:]
    work, done = passes._Work.__call__, []

    def failing(self, region, limits):
        if len(done) == 2:
            raise RuntimeError("stopped")
        done.append(region)
        return work(self, region, limits)

    monkeypatch.setattr(passes._Work, "__call__", failing)
    with pytest.raises(RuntimeError, match="stopped"):
        denoise_store(source, target, arguments, Settings(strength=0.5, overwrite=True))
    np.testing.assert_array_equal(zarr.open_group(target.image, mode="r")["s0"][:], before)
    assert not (target.image / PROGRESS).exists()
    again = []
    monkeypatch.setattr(
        passes._Work, "__call__", lambda *each: again.append(each[1]) or work(*each)
    )
    denoise_store(source, target, arguments, Settings(strength=0.5, overwrite=True))
    assert again
    assert not [region for region in again if region in done[:-1]]
    assert (zarr.open_group(target.image, mode="r")["s0"][:] != before).any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "b.zarr"]


@pytest.mark.parametrize("stopped", ["old moved away", "new moved in"])
def test_a_run_stopped_while_stores_change_places_is_finished(tmp_path, arguments, stopped):
    source = make_ome_zarr(tmp_path / "a.zarr", pixels((1, 1, 64, 64)))
    target = Stores(tmp_path / "b.zarr")
    denoise_store(source, target, arguments)
    kept = zarr.open_group(target.image, mode="r")["s0"][:]
    rename, names = Path.rename, []

    def failing(self, to):
        names.append(to.name)
        moved = rename(self, to)
        if names[-1] == (".b.old.zarr" if stopped == "old moved away" else "b.zarr"):
            raise KeyboardInterrupt
        return moved

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", failing)
        with pytest.raises(KeyboardInterrupt):
            denoise_store(source, target, arguments, Settings(strength=0.5, overwrite=True))
    old = zarr.open_group(tmp_path / ".b.old.zarr", mode="r")["s0"][:]
    np.testing.assert_array_equal(old, kept)
    denoise_store(source, target, arguments, Settings(strength=0.5, overwrite=True))
    assert (zarr.open_group(target.image, mode="r")["s0"][:] != kept).any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "b.zarr"]
