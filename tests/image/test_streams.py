"""Pictures row by row: large ones, several frames, streams, and what goes wrong on the way."""

import io
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from image.cases import pixels
from vdn.errors import FileError, InputError
from vdn.image import (
    Frame,
    Picture,
    WriteOptions,
    create_map,
    create_picture,
    open_picture,
    read,
    write,
)
from vdn.image.pyramid import coarsen

GRAY = pixels("uint16")


def gigapixel(path, side=32768, tile=1024, **options):
    """A TIFF of a gigapixel whose tiles are all the same."""
    encoded = zlib.compress(np.full((tile, tile), 7, np.uint8).tobytes())
    count = (side // tile) ** 2
    settings = {"tile": (tile, tile), "compression": "zlib", "metadata": None} | options
    data = (encoded for _ in range(count))
    tifffile.imwrite(path, data, shape=(side, side), dtype="uint8", **settings)


def test_a_gigapixel_in_tiles_needs_the_memory_of_a_row_of_tiles(tmp_path):
    gigapixel(tmp_path / "a.tif")
    tracemalloc.start()
    try:
        with open_picture(tmp_path / "a.tif", max_bytes=64 * 2**20) as picture:
            (frame,) = picture.frames
            assert frame.streams
            assert frame.shape == (32768, 32768)
            for start in (0, 1000, 20000, 32768 - 300):
                assert (frame.rows(start, start + 300) == 7).all()
        assert tracemalloc.get_traced_memory()[1] < 220e6
    finally:
        tracemalloc.stop()


def test_rows_are_written_before_the_last_is_there(tmp_path):
    rows = np.arange(1000, dtype=np.uint8).repeat(1000).reshape(1000, 1000)
    with create_picture(tmp_path / "a.tif", frames=[Frame.of(np.tile(rows, (20, 1)))]) as output:
        assert output.streams
        for _ in range(20):
            output.write_rows(0, rows)
        (temporary,) = tmp_path.glob(".vdn-*")
        assert temporary.stat().st_size > 10e6
    assert (read(tmp_path / "a.tif").pixels == np.tile(rows, (20, 1))).all()


@pytest.mark.parametrize("options", [{"rowsperstrip": 37}, {"rowsperstrip": 37, "byteorder": ">"}])
def test_one_strip_is_no_obstacle_unless_it_must_be_decoded_whole(tmp_path, options):
    tifffile.imwrite(tmp_path / "a.tif", GRAY, **options)
    limit = GRAY[:2].nbytes
    with open_picture(tmp_path / "a.tif", max_bytes=limit) as picture:
        np.testing.assert_array_equal(picture.frames[0].rows(30, 33), GRAY[30:33])
    tifffile.imwrite(tmp_path / "b.tif", GRAY, compression="lzw", **options)
    with pytest.raises(FileError, match=r"b\.tif: a page of it takes .*MB.*more memory.*tiles"):
        open_picture(tmp_path / "b.tif", max_bytes=limit)


@pytest.mark.parametrize(
    ("dtype", "channels", "options"),
    [
        ("uint8", (3,), {"photometric": "rgb", "predictor": True}),
        ("uint16", (), {"byteorder": ">"}),
        ("uint16", (), {"byteorder": ">", "predictor": True}),
        ("float32", (), {"predictor": True}),
        ("float32", (), {"byteorder": ">", "predictor": True}),
        ("int32", (), {"rowsperstrip": 20}),
    ],
)
def test_one_large_strip_by_deflate_is_inflated_row_by_row(
    tmp_path, monkeypatch, dtype, channels, options
):
    from vdn.image.codecs import tiff_inflate, tiff_rows

    image = pixels(dtype, channels)
    settings = {"rowsperstrip": 37, "compression": "zlib"} | options
    tifffile.imwrite(tmp_path / "a.tif", image, **settings)
    monkeypatch.setattr(tiff_rows, "_KEPT", 1000)
    monkeypatch.setattr(tiff_inflate, "_PIECE", 128)
    with open_picture(tmp_path / "a.tif", max_bytes=image[:1].nbytes) as picture:
        frame = picture.frames[0]
        assert frame.streams
        for start, stop in [(3, 9), (9, 25), (20, 37), (0, 37), (36, 37)]:
            np.testing.assert_array_equal(frame.rows(start, stop), image[start:stop])
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[:-50])
    with open_picture(tmp_path / "a.tif") as picture, pytest.raises(FileError, match="cut short"):
        picture.frames[0].read()


def test_pages_may_differ(tmp_path):
    pages = [pixels("uint8"), pixels("float32", (3,), size=(20, 30)), pixels("uint16", size=(5, 9))]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for number, page in enumerate(pages):
            kind = "rgb" if page.ndim == 3 else "minisblack"
            writer.write(page, photometric=kind, metadata=None, description=f"page {number}")
    with open_picture(tmp_path / "a.tif") as picture:
        assert [frame.name for frame in picture.frames] == ["page 1", "page 2", "page 3"]
        with create_picture(tmp_path / "b.tif", picture) as output:
            for index, frame in enumerate(picture.frames):
                output.write_rows(index, frame.read())
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert [page.description for page in file.pages] == ["page 0", "page 1", "page 2"]
        for page, expected in zip(file.pages, pages, strict=True):
            np.testing.assert_array_equal(page.asarray(), expected)


def test_coarser_levels_are_made_anew_and_thumbnails_left_out(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(GRAY, subifds=1, metadata=None, tile=(16, 16))
        writer.write(GRAY[::2, ::2], subfiletype=1, metadata=None)
        writer.write(GRAY[::2, ::2], subfiletype=1, metadata=None)
    with open_picture(tmp_path / "a.tif") as picture:
        assert [frame.shape for frame in picture.frames] == [GRAY.shape]
        with create_picture(tmp_path / "b.tif", picture) as output:
            output.write_rows(0, GRAY)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert len(file.pages) == 1
        (level,) = file.pages[0].pages
        means = coarsen(GRAY, (2, 2), GRAY[::2, ::2].shape)
        np.testing.assert_array_equal(level.asarray(), means)


@pytest.mark.parametrize("options", [{"photometric": "minisblack"}, {"imagej": True}])
def test_a_stack_behind_one_directory_is_all_there(tmp_path, options):
    stack = np.stack([pixels("uint8", seed=seed) for seed in range(4)])
    tifffile.imwrite(tmp_path / "a.tif", stack, truncate="imagej" not in options, **options)
    if "imagej" in options:  # as ImageJ does beyond 4 GB: no directory but the first
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            end = file.pages[0].offset + 2 + 12 * len(file.pages[0].tags)
        data = bytearray((tmp_path / "a.tif").read_bytes())
        data[end : end + 4] = bytes(4)
        (tmp_path / "a.tif").write_bytes(data)
    with open_picture(tmp_path / "a.tif") as picture:
        assert len(picture.frames) == 4
        np.testing.assert_array_equal(picture.frames[2].rows(3, 9), stack[2, 3:9])
        with create_picture(tmp_path / "b.tif", picture) as output:
            for index, frame in enumerate(picture.frames):
                output.write_rows(index, frame.read())
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert len(file.pages) == 1
        np.testing.assert_array_equal(file.asarray(), stack)


def test_standard_input_and_output_are_streams_of_bytes(tmp_path):
    Image.fromarray(pixels("uint8")).save(tmp_path / "a.png")
    target = io.BytesIO()
    with (
        open_picture(io.BytesIO((tmp_path / "a.png").read_bytes())) as picture,
        create_picture(target, picture) as output,
    ):
        output.write_rows(0, picture.frames[0].read())
    np.testing.assert_array_equal(np.array(Image.open(target)), pixels("uint8"))
    with pytest.raises(FileError, match=r"^standard input: is empty"):
        open_picture(io.BytesIO(), name="standard input")


def test_the_format_can_be_chosen(tmp_path):
    options = WriteOptions(format="tif")
    write(tmp_path / "a.dat", GRAY, options=options)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.dat"), GRAY)
    with pytest.raises(FileError, match="'nef' is not a format that vdn writes"):
        write(tmp_path / "b.dat", GRAY, options=WriteOptions(format="nef"))


def test_maps_have_the_geometry_of_the_picture_and_no_alpha(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    source = tmp_path / "a.png"
    Image.fromarray(pixels("uint8", (4,))).save(source, exif=exif, dpi=(300, 300))
    map_ = pixels("float32", (3,))
    with open_picture(source) as picture, create_map(tmp_path / "m.tiff", picture) as output:
        output.write_rows(0, map_)
    with tifffile.TiffFile(tmp_path / "m.tiff") as file:
        np.testing.assert_array_equal(file.asarray(), map_)
        assert file.pages[0].tags[274].value == 6
        assert 271 not in file.pages[0].tags
        assert round(file.pages[0].resolution[0]) == 300


def test_rows_out_of_turn_are_refused_and_leave_nothing(tmp_path):
    wrong = [
        (0, GRAY.astype("uint8"), "rows of uint8"),
        (0, GRAY[:, :5], "shape"),
        (0, np.concatenate([GRAY, GRAY]), "after row 0"),
        (1, GRAY, "rows of frame 1 come after 0"),
        (0, GRAY[:5], "frame 0 has 5 of 37"),
    ]
    for index, rows, reason in wrong:
        with (
            pytest.raises(InputError, match=reason),
            create_picture(tmp_path / "a.tif", frames=[Frame.of(GRAY)]) as output,
        ):
            output.write_rows(index, rows)
        assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing(tmp_path):
    def interrupted():
        with create_picture(tmp_path / "a.tif", frames=[Frame.of(GRAY)]) as output:
            output.write_rows(0, GRAY[:5])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_fails_stops_the_writing(tmp_path, monkeypatch):
    from vdn.image.codecs import tiff_write

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tiff_write, "_write_pages", fail)

    def write_much():
        with create_picture(tmp_path / "a.tif", frames=[Frame.of(GRAY)] * 50) as output:
            for index in range(50):
                output.write_rows(index, GRAY)

    with pytest.raises(FileError, match=r"a\.tif: cannot be written \(No space left on device\)"):
        write_much()
    assert list(tmp_path.iterdir()) == []


def test_several_images_go_only_where_there_is_room(tmp_path):
    two = Picture([Frame.of(GRAY), Frame.of(GRAY)], Picture.of(GRAY).metadata, "", tmp_path)
    with (
        pytest.raises(FileError, match="JPEG holds one image, not 2"),
        create_picture(tmp_path / "a.jpg", two),
    ):
        pass
    with pytest.raises(FileError, match="holds 2 images"):
        two.frame  # noqa: B018
