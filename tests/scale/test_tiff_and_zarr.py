"""TIFF into Zarr and Zarr into TIFF."""

import numpy as np
import pytest
import tifffile

import vdn

zarr = pytest.importorskip("zarr")
pytest.importorskip("dask.array")

from scale.stores import make_ome_zarr  # noqa: E402
from tiny_model import write_tiny_model  # noqa: E402
from vdn.image import open_picture  # noqa: E402
from vdn.image.pyramid import coarsen  # noqa: E402
from vdn.scale import denoise_array, denoise_to_zarr  # noqa: E402

MICRO = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm", "PhysicalSizeZUnit": "µm"}
ABOUT = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0} | MICRO


@pytest.fixture
def model(weights):
    return weights / "gray.onnx"


@pytest.fixture
def denoiser(model):
    return vdn.Denoiser(model, threads=1, precision="fp32")


def stack(shape=(2, 3, 150, 170)):
    return (np.random.default_rng(0).random(shape) * 4000).astype(np.uint16)


def write_ome_tiff(path, pixels):
    with tifffile.TiffWriter(path, bigtiff=True, ome=True) as file:
        about = {"axes": "CZYX", "Channel": {"Name": ["DAPI", "GFP"]}} | ABOUT
        tiles = {"tile": (32, 48), "compression": "zlib", "photometric": "minisblack"}
        file.write(pixels, subifds=2, metadata=about, **tiles)
        for step in (2, 4):
            file.write(pixels[..., ::step, ::step], subfiletype=1, **tiles)


def multiscales(path):
    return dict(zarr.open_group(path, mode="r").attrs)["ome"]["multiscales"][0]


def test_an_ome_tiff_in_tiles_becomes_an_ome_zarr_and_comes_back(tmp_path, run, model, denoiser):
    pixels = stack()
    write_ome_tiff(tmp_path / "a.ome.tif", pixels)
    words = "--model", model, "--threads", 1, "--precision", "fp32"
    done = run(
        "denoise", tmp_path / "a.ome.tif", "-o", tmp_path / "b.ome.zarr", *words, "--noise-map"
    )
    assert done.exit_code == 0, done.output
    clean = zarr.open_group(tmp_path / "b.ome.zarr", mode="r")
    noise = zarr.open_group(tmp_path / "b.noise.ome.zarr", mode="r")
    for index in np.ndindex(pixels.shape[:2]):
        expected = denoiser(pixels[index])
        assert np.abs(clean["0"][index].astype(int) - expected.image).max() <= 1
        np.testing.assert_allclose(noise["0"][index], expected.noise_sigma, atol=0.04)
    assert [clean[n].shape[2:] for n in "012"] == [(150, 170), (75, 85), (38, 43)]
    scales = multiscales(tmp_path / "b.ome.zarr")
    assert [axis["name"] for axis in scales["axes"]] == ["c", "z", "y", "x"]
    assert {axis.get("unit") for axis in scales["axes"]} == {None, "micrometer"}
    steps = scales["datasets"][1]["coordinateTransformations"][0]["scale"]
    assert steps == [1.0, 2.0, 1.0, 0.5]
    channels = dict(clean.attrs)["ome"]["omero"]["channels"]
    assert [channel["label"] for channel in channels] == ["DAPI", "GFP"]
    done = run("denoise", tmp_path / "b.ome.zarr", "-o", tmp_path / "c.ome.tif", *words)
    assert done.exit_code == 0, done.output
    with tifffile.TiffFile(tmp_path / "c.ome.tif") as file:
        series = file.series[0]
        assert series.axes == "CZYX"
        assert [level.shape[2:] for level in series.levels] == [(150, 170), (75, 85), (38, 43)]
        again, coarser = series.asarray(), series.levels[1].asarray()
        xml = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert {key: xml[key] for key in ABOUT} == ABOUT
    assert [channel["Name"] for channel in xml["Channel"]] == ["DAPI", "GFP"]
    expected = denoiser(clean["0"][1, 2]).image
    assert np.abs(again[1, 2].astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(coarser, coarsen(again, (1, 1, 2, 2), coarser.shape))


def test_colours_with_alpha_and_resolution_become_one_picture(tmp_path, run, weights):
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 4), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, tile=(32, 32), photometric="rgb", extrasamples=["unassalpha"],
        resolution=(254, 508), resolutionunit="inch", iccprofile=b"profile" * 20,
    )  # fmt: skip
    words = "--model", weights / "photo.onnx", "--precision", "fp32", "--noise-map"
    done = run("denoise", tmp_path / "a.tif", "-o", tmp_path / "b.zarr", *words)
    assert done.exit_code == 0, done.output
    assert "left out: the colour profile" in done.output
    found = np.moveaxis(zarr.open_group(tmp_path / "b.zarr", mode="r")["0"][:], 0, -1)
    expected = vdn.denoise(pixels, weights / "photo.onnx", precision="fp32")
    assert np.abs(found.astype(int) - expected.image).max() <= 1
    sigma = zarr.open_group(tmp_path / "b.noise.zarr", mode="r")["0"][:]
    np.testing.assert_allclose(np.moveaxis(sigma, 0, -1), expected.noise_sigma, atol=1e-3)
    scale = multiscales(tmp_path / "b.zarr")["datasets"][0]["coordinateTransformations"][0]
    assert scale["scale"] == [1.0, 50.0, 100.0]
    done = run("denoise", tmp_path / "b.zarr", "-o", tmp_path / "c.tif", *words[:-1])
    assert done.exit_code == 0, done.output


def test_a_stopped_run_into_zarr_goes_on_and_another_input_is_refused(tmp_path, run, model):
    write_ome_tiff(tmp_path / "a.tif", stack())
    words = "denoise", tmp_path / "a.tif", "-o", tmp_path / "b.zarr", "--model", model
    assert run(*words).exit_code == 0
    whole = zarr.open_group(tmp_path / "b.zarr", mode="r")["0"][:]
    (tmp_path / "b.zarr" / "0" / "c" / "1" / "2" / "0" / "0").unlink()
    description = '{"version": "another"}'
    (tmp_path / "b.zarr" / ".vdn-progress.json").write_text(description)
    done = run(*words)
    assert done.exit_code == 1
    assert "was begun with" in done.output
    assert run(*words, "--overwrite").exit_code == 0
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "b.zarr", mode="r")["0"][:], whole)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_windows_of_tiles_are_those_of_the_whole(tmp_path, planar):
    pixels = np.random.default_rng(0).integers(0, 9999, (100, 130, 3), np.uint16)
    stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(
        tmp_path / "a.tif", stored, tile=(32, 48), photometric="rgb", planarconfig=planar
    )
    with open_picture(tmp_path / "a.tif") as picture:
        frame = picture.frames[0]
        for rows, columns in ((slice(0, 100), slice(0, 130)), (slice(31, 33), slice(47, 97))):
            found = frame.window(rows, columns)
            np.testing.assert_array_equal(found, pixels[rows, columns])


def test_a_pyramid_of_a_tiff_is_made_anew(tmp_path, run, model):
    pixels = stack()[0, 0]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(pixels, subifds=1, tile=(32, 32), metadata=None)
        file.write(pixels[:149:2, ::2], subfiletype=1, tile=(32, 32), metadata=None)
    assert (
        run("denoise", tmp_path / "a.tif", "-o", tmp_path / "b.tif", "--model", model).exit_code
        == 0
    )
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        (page,) = file.pages
        (level,) = page.pages
        expected = coarsen(page.asarray(), (2, 2), (75, 85))
        np.testing.assert_array_equal(level.asarray(), expected)
        assert level.is_tiled
        assert level.is_reduced


class Ramp:
    """An array that is made when it is asked for."""

    shape, ndim, dtype = (2, 300, 200), 3, np.dtype(np.uint16)
    size = 2 * 300 * 200

    def __getitem__(self, region):
        index = np.ix_(*(np.arange(part.start, part.stop) for part in region))
        return sum(index).astype(np.uint16) % 997


def test_an_array_of_any_kind_goes_into_an_ome_zarr(tmp_path, model, denoiser):
    report = denoise_to_zarr(
        Ramp(), tmp_path / "a.zarr", model, chunk=64, threads=1, max_memory=2, precision="fp32"
    )
    assert report.planes == 2
    found = zarr.open_group(tmp_path / "a.zarr", mode="r")["0"]
    assert found.chunks == (1, 64, 64)
    whole = Ramp()[0:2, 0:300, 0:200]
    for plane, expected in zip(found, whole, strict=True):
        assert np.abs(plane.astype(int) - denoiser(expected).image).max() <= 1
    source = make_ome_zarr(tmp_path / "s.zarr", stack((1, 1, 64, 64)))
    lazy = pytest.importorskip("dask.array").from_zarr(source / "s0")
    denoise_to_zarr(lazy, tmp_path / "b.zarr", model)
    larger = write_tiny_model(tmp_path / "x2.onnx", 1, scale=2)
    with pytest.raises(vdn.InputError, match="is for upscale x2, not for denoise"):
        denoise_to_zarr(Ramp(), tmp_path / "c.zarr", larger)
    with pytest.raises(vdn.InputError, match="is for upscale x2, not for denoise"):
        denoise_array(lazy, larger)
    with pytest.raises(vdn.InputError, match="dimensions"):
        denoise_to_zarr(np.zeros((1,) * 6), tmp_path / "c.zarr", model)
