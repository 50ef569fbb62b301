"""`vdn upscale`, `deblur` and `deblock`: what a result is called, holds and says."""

import json
import subprocess

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

import vdn.runtime.cards
from image.cases import pixels
from tiny_model import write_tiny_restorers
from vdn.export import write_cards
from vdn.image import open_picture, read, write
from vdn.noise.jpeg import Jpeg


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("restoring")
    write_tiny_restorers(folder)
    write_cards(folder)
    return folder


@pytest.fixture(autouse=True)
def stand_in(shipped, monkeypatch):
    monkeypatch.setattr(vdn.runtime.cards, "_folder", lambda folder: folder or shipped)


def done(run, *words):
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("command", "mark", "factor"),
    [("upscale", "upscaled", 2), ("deblur", "deblurred", 1), ("deblock", "deblocked", 1)],
)
def test_results_have_the_name_of_what_was_done(run, tmp_path, command, mark, factor):
    write(tmp_path / "a.png", pixels("uint8", (4,)))
    told = done(run, command, tmp_path / "a.png", "--uncertainty")
    assert names(tmp_path) == sorted([f"a.{mark}.png", "a.png", "a.uncertainty.tiff"])
    made = read(tmp_path / f"a.{mark}.png").pixels
    height, width = pixels("uint8").shape
    assert made.shape == (factor * height, factor * width, 4)
    assert read(tmp_path / "a.uncertainty.tiff").pixels.shape == (*made.shape[:2], 3)
    assert ("blur" in told.stdout) == (command != "deblock")
    again = done(run, command, tmp_path, "-o", tmp_path / "out")  # results are passed over
    assert names(tmp_path / "out") == ["a.png"]
    assert "1 " + mark in again.stderr


def test_json_tells_sizes_and_the_kernel(run, tmp_path):
    write(tmp_path / "a.tif", pixels("uint16"))
    record = json.loads(done(run, "upscale", "--json", "--scale", 4, tmp_path / "a.tif").stdout)
    height, width = pixels("uint16").shape
    assert (record["width"], record["height"]) == (width, height)
    assert (record["output_width"], record["output_height"]) == (4 * width, 4 * height)
    assert record["model"] == "upscale-x4"
    kernel = record["kernel"]
    for value, (low, high) in zip(kernel["sigma"], kernel["sigma_interval"], strict=True):
        assert low < value < high
    low, high = kernel["correlation_interval"]
    assert -1 <= low < kernel["correlation"] < high <= 1


@pytest.mark.parametrize(
    ("asked", "size", "model"),
    [
        ("60x40", (60, 40), "upscale-x2"),
        ("150x", (150, 123), "upscale-x4"),
        ("x50", (61, 50), "upscale-x2"),
        ("20x20", (20, 20), "upscale-x2"),
    ],
)
def test_a_size_is_met_exactly(run, tmp_path, asked, size, model):
    write(tmp_path / "a.png", pixels("uint8", (3,)))
    record = json.loads(done(run, "upscale", "--json", "--size", asked, tmp_path / "a.png").stdout)
    made = read(tmp_path / "a.upscaled.png").pixels
    assert made.shape[1::-1] == size == (record["output_width"], record["output_height"])
    assert record["model"] == model
    done(run, "upscale", tmp_path / "a.png", "--model", "upscale-x4", "-o", tmp_path / "x4.png")
    if model == "upscale-x4":
        whole = Image.fromarray(read(tmp_path / "x4.png").pixels)
        expected = np.asarray(whole.resize(size, Image.Resampling.BICUBIC)).astype(int)
        assert np.abs(made - expected)[4:-4, 4:-4].max() <= 1


def test_a_size_is_that_of_the_picture_as_it_is_shown(run, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels("uint8", (3,))).save(tmp_path / "a.jpg", exif=exif)
    done(run, "upscale", "--size", "60x80", tmp_path / "a.jpg")
    assert read(tmp_path / "a.upscaled.jpg").pixels.shape == (60, 80, 3)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("upscale", "--size", "60x40", "--scale", 2), "--scale"),
        (("upscale", "--size", "60by40"), "1920x1080"),
        (("upscale", "--size", "x"), "1920x1080"),
        (("upscale", "--scale", 3), "no model for upscale x3"),
        (("upscale", "--plot", "a.txt"), "a.txt"),
        (("deblur", "--model", "deblock"), "is for deblock, not for deblur"),
        (("denoise",), "no model for denoise ships"),
    ],
)
def test_wrong_usage_says_the_way_out(run, tmp_path, words, named):
    write(tmp_path / "a.png", pixels("uint8", (3,)))
    result = run(*words, tmp_path / "a.png")
    assert result.exit_code in (1, 2)
    assert named in result.stderr
    assert names(tmp_path) == ["a.png"]


def test_a_size_that_no_scale_reaches_fails_for_that_picture(run, tmp_path):
    write(tmp_path / "a.png", pixels("uint8", (3,)))
    result = run("upscale", "--size", "9000x", tmp_path / "a.png")
    assert result.exit_code == 1
    assert "the largest scale that ships is 4" in result.stderr


def test_a_format_that_is_too_small_is_seen_before_the_work(run, tmp_path):
    write(tmp_path / "a.png", np.zeros((2, 5000), np.uint8))
    result = run("upscale", "--scale", 4, tmp_path / "a.png", "-o", tmp_path / "a.webp")
    assert result.exit_code == 1
    assert "16383" in result.stderr
    assert names(tmp_path) == ["a.png"]


def test_stacks_are_upscaled_in_bounded_memory(run, tmp_path):
    stack = np.stack([pixels("uint16", seed=seed, size=(200, 160)) for seed in range(2)])
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    done(run, "upscale", tmp_path / "a.tif", "-o", tmp_path / "whole.tif")
    done(run, "upscale", tmp_path / "a.tif", "--max-memory", 5, "-o", tmp_path / "parts.tif")
    with (
        open_picture(tmp_path / "whole.tif") as whole,
        open_picture(tmp_path / "parts.tif") as parts,
    ):
        assert len(whole.frames) == len(parts.frames) == 2
        for one, other in zip(whole.frames, parts.frames, strict=True):
            assert one.shape == (400, 320)
            assert np.abs(one.read().astype(int) - other.read()).max() <= 1


def test_the_plot_shows_the_blur(run, tmp_path):
    pytest.importorskip("matplotlib")
    write(tmp_path / "a.png", pixels("uint8", (3,)))
    done(run, "deblur", tmp_path / "a.png", "--plot", tmp_path / "blur.png")
    assert read(tmp_path / "blur.png").pixels.shape[1] > 1000
    failed = run("deblur", tmp_path / "a.png", tmp_path / "a.png", "--plot", "b.png")
    assert failed.exit_code == 2


def test_a_jpeg_that_was_compressed_before_is_told(run, tmp_path):
    rng = np.random.default_rng(0)
    smooth = pixels("uint8", (3,), size=(256, 256)).astype(float)
    textured = (
        smooth + 20 * np.sin(np.arange(256) / 3)[:, None, None] + rng.normal(0, 4, smooth.shape)
    )
    once = np.clip(textured, 0, 255).astype(np.uint8)
    for name, image in (("once", once), ("twice", Jpeg(40).apply(once, (3, 5)))):
        Image.fromarray(image).save(tmp_path / f"{name}.jpg", quality=92)
    for name in ("once", "twice"):
        result = done(run, "deblock", "--json", tmp_path / f"{name}.jpg")
        found = json.loads(result.stdout)["jpeg"]
        assert found["tables"] == {"quality": 92, "standard": True}
        low, high = found["traces"]["quality_interval"]
        assert low <= (92 if name == "once" else 40) <= high
        assert ("but the pixels bear" in result.stderr) == (name == "twice")
        assert found.get("contradict_tables", False) == (name == "twice")


def test_metadata_follow_the_size(run, tmp_path):
    exif = Image.Exif()
    exif[0x0100], exif[0x0101] = 45, 37
    exif[0x011A], exif[0x011B], exif[0x0128] = 72.0, 72.0, 2
    exif.get_ifd(0x8769).update(
        {0xA002: 45, 0xA003: 37, 0xA20E: IFDRational(1000), 0x927C: b"maker's notes"}
    )
    xmp = b'<x exif:PixelXDimension="45" exif:PixelYDimension="37" tiff:XResolution="72/1"/>'
    image = Image.fromarray(pixels("uint8", (3,)))
    for name in ("a.jpg", "a.png", "a.tif", "a.webp"):
        if name == "a.tif":
            write(tmp_path / name, np.array(image), read(tmp_path / "a.jpg"))
        else:
            image.save(tmp_path / name, exif=exif, dpi=(72, 72), xmp=xmp)
        done(run, "upscale", tmp_path / name)
        made = read(tmp_path / f"a.upscaled{name[1:]}")
        told, tags = made.metadata.exif_directories()[0x8769], made.metadata.exif_tags()
        assert (told[0xA002], told[0xA003], told[0xA20E]) == (90, 74, 2000), name
        assert told[0x927C] == b"maker's notes"
        if name != "a.tif":
            assert (tags[0x0100], tags[0x011A]) == (90, 144)
        if name != "a.webp":
            assert made.metadata.dpi == pytest.approx((144, 144), rel=1e-3)
        if made.metadata.xmp:
            assert b'PixelXDimension="90" exif:PixelYDimension="74"' in made.metadata.xmp
            assert b'tiff:XResolution="144/1"' in made.metadata.xmp


def test_pixels_of_science_keep_their_physical_size(run, tmp_path):
    path = tmp_path / "a.ome.tif"
    resolution = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25, "axes": "ZYX"}
    tifffile.imwrite(path, np.stack([pixels("uint16")] * 2), metadata=resolution, ome=True)
    done(run, "upscale", path)
    with tifffile.TiffFile(tmp_path / "a.upscaled.ome.tif") as made:
        assert made.series[0].shape == (2, 74, 90)
        assert 'PhysicalSizeX="0.125"' in made.ome_metadata
    shaped = tmp_path / "b.tif"
    geo = [(33550, "d", 3, (10.0, 10.0, 0.0)), (33922, "d", 6, (5.0, 7.0, 0.0, 100.0, 200.0, 0.0))]
    tifffile.imwrite(
        shaped, pixels("uint8", (3,)), extratags=geo, resolution=(4, 4), photometric="rgb"
    )
    done(run, "upscale", shaped)
    with tifffile.TiffFile(tmp_path / "b.upscaled.tif") as made:
        assert made.series[0].shape == (74, 90, 3)
        tags = made.pages[0].tags
        assert tags[33550].value == (5.0, 5.0, 0.0)
        assert tags[33922].value == (10.0, 14.0, 0.0, 100.0, 200.0, 0.0)
        assert made.pages[0].resolution == (8, 8)


@pytest.mark.parametrize("linear", ["CDELT", "CD", "none"])
def test_the_sky_stays_where_it_was(run, tmp_path, linear):
    fits, wcs = pytest.importorskip("astropy.io.fits"), pytest.importorskip("astropy.wcs")
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
    header["CRPIX1"], header["CRPIX2"], header["CRVAL1"], header["CRVAL2"] = 20.5, 11, 150.0, 2.0
    header["A_ORDER"], header["B_ORDER"], header["A_2_0"], header["B_1_1"] = 2, 2, 1e-4, -2e-4
    if linear == "CDELT":
        header["CDELT1"], header["CDELT2"], header["PC1_2"] = -3e-4, 3e-4, 0.1
    elif linear == "CD":
        header["CD1_1"], header["CD1_2"], header["CD2_1"], header["CD2_2"] = -3e-4, 1e-5, 1e-5, 3e-4
    path = tmp_path / "a.fits"
    fits.writeto(path, pixels("float32"), header)
    done(run, "upscale", path)
    before, after = (fits.getheader(tmp_path / n) for n in ("a.fits", "a.upscaled.fits"))
    assert (after["NAXIS1"], after["NAXIS2"]) == (90, 74)
    places = np.array([[0.0, 0.0], [10.0, 30.0], [44.0, 36.0]])
    sky = wcs.WCS(before).all_pix2world(places, 0)
    np.testing.assert_allclose(wcs.WCS(after).all_pix2world(2 * places + 0.5, 0), sky, atol=1e-9)


def test_pixels_without_data_stay_without(run, tmp_path):
    image = pixels("float32", size=(64, 48))
    image[10:20, 6:16] = -9999
    extra = [(42113, "s", 0, "-9999", True)]
    tifffile.imwrite(tmp_path / "a.tif", image, extratags=extra)
    for words, size in ((("--scale", 2), (128, 96)), (("--size", "72x96"), (96, 72))):
        done(run, "upscale", tmp_path / "a.tif", *words, "--overwrite")
        made = read(tmp_path / "a.upscaled.tif").pixels
        assert made.shape == size
        gap = np.zeros(size, bool)
        edges = np.array([10, 20, 6, 16]) * size[0] // 64
        gap[edges[0] : edges[1], edges[2] : edges[3]] = True
        np.testing.assert_array_equal(made == -9999, gap)
        assert made[~gap].min() > -1


def test_other_channels_of_exr_come_along(run, tmp_path):
    exr = pytest.importorskip("OpenEXR")
    channels = {name: pixels("float32") for name in "RGB"}
    far = np.arange(37 * 45, dtype=np.float32).reshape(37, 45)
    exr.File({}, channels | {"Z": far}).write(str(tmp_path / "a.exr"))
    done(run, "upscale", tmp_path / "a.exr")
    with exr.File(str(tmp_path / "a.upscaled.exr"), separate_channels=True) as made:
        depth = made.channels()["Z"].pixels
    np.testing.assert_array_equal(depth, far.repeat(2, 0).repeat(2, 1))


def test_the_command_of_all_shows_them():
    import sys

    command = [sys.executable, "-m", "vdn", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True).stdout
    assert all(name in shown for name in ("upscale", "deblur", "deblock"))


def test_a_zarr_becomes_another(run, tmp_path):
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("dask")
    zarr.save_array(tmp_path / "a.zarr", pixels("uint16"))
    done(run, "deblur", tmp_path / "a.zarr", "-o", tmp_path / "c.zarr")
    done(run, "deblur", tmp_path / "a.zarr", "-o", tmp_path / "c.tif")
    sharp = zarr.open_array(tmp_path / "c.zarr")[:].astype(int)
    assert np.abs(sharp - read(tmp_path / "c.tif").pixels).max() <= 2


def test_a_zarr_is_enlarged_into_a_new_one(run, tmp_path):
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("dask")
    stack = np.stack([pixels("uint16"), pixels("uint16")[::-1]])
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="w")
    group.create_array("0", data=stack, chunks=(1, 16, 16))
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    levels = [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [3, 0.5, 0.5]}]}
    ]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    given = "--noise-map", "--uncertainty", "--precision", "fp32"
    told = done(run, "upscale", tmp_path / "a.ome.zarr", "-o", tmp_path / "b.ome.zarr", *given)
    done(run, "upscale", tmp_path / "a.ome.zarr", "-o", tmp_path / "b.tif", *given)
    height, width = pixels("uint16").shape
    assert f"{2 * width} x {2 * height}" in told.stdout
    for name, other, scale in (
        ("b.ome.zarr", "b.tif", 2),
        ("b.noise.ome.zarr", "b.noise.tiff", 1),
        ("b.uncertainty.ome.zarr", "b.uncertainty.tiff", 2),
    ):
        made = zarr.open_group(tmp_path / name, mode="r")
        with open_picture(tmp_path / other) as picture:
            frames = [frame.rows(0, frame.shape[0]) for frame in picture.frames]
        assert made["0"].shape == (2, scale * height, scale * width)
        np.testing.assert_allclose(made["0"][:], np.stack(frames), rtol=1e-4)
        (level,) = made.attrs["ome"]["multiscales"][0]["datasets"]
        assert level["coordinateTransformations"][0]["scale"] == [3, 0.5 / scale, 0.5 / scale]
    refused = run("upscale", tmp_path / "a.ome.zarr", "-o", tmp_path / "c.zarr", "--size", "90x")
    assert refused.exit_code == 1
    assert "give --scale" in refused.stderr


def test_of_several_images_in_a_zarr_one_is_enlarged(run, tmp_path):
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("dask")
    for name in "01":
        group = zarr.open_group(tmp_path / f"a.zarr/{name}", mode="w")
        group.create_array("0", data=pixels("uint16"))
        group.attrs["ome"] = {
            "version": "0.5",
            "multiscales": [{"axes": [{"name": n} for n in "yx"], "datasets": [{"path": "0"}]}],
        }
    zarr.open_group(tmp_path / "a.zarr", mode="a")
    refused = run("upscale", tmp_path / "a.zarr", "-o", tmp_path / "b.zarr")
    assert refused.exit_code == 1
    assert f"such as {tmp_path / 'a.zarr' / '0'}" in refused.stderr
    done(run, "upscale", tmp_path / "a.zarr/0", "-o", tmp_path / "b.zarr")
    height, width = pixels("uint16").shape
    assert zarr.open_group(tmp_path / "b.zarr", mode="r")["0"].shape == (2 * height, 2 * width)
