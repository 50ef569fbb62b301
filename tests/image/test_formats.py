"""Every row of the table of formats: what goes in comes out, in pixels and in words."""

from pathlib import Path

import numpy as np
import pytest

from image.cases import CASES, Case, table
from vdn.image import Provenance, WriteOptions, copy, create_picture, open_picture

BAND = 7
DOCS = Path(__file__).parents[2] / "docs" / "formats.md"
WITH_NOTE = WriteOptions(provenance=Provenance(version="9.9", model="photo", strength=0.5))


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    pytest.importorskip(request.param.needs)
    return request.param


def changed(image: np.ndarray) -> np.ndarray:
    """Another picture of the same kind, exactly representable and as smooth."""
    other = np.ascontiguousarray(image[::-1, ::-1])
    if image.dtype.kind == "f":
        other = other * image.dtype.type(0.5)
    if image.ndim == 3 and image.shape[-1] in (2, 4):
        other[..., -1] = image[..., -1]
    return other


def pass_through(source: Path, target: Path, options: WriteOptions | None = None) -> None:
    with open_picture(source) as picture, create_picture(target, picture, options=options) as out:
        for index, frame in enumerate(picture.frames):
            image = changed(frame.read())
            for start in range(0, len(image), BAND):
                out.write_rows(index, image[start : start + BAND])


def assert_close(case: Case, found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        if not case.tolerance:
            np.testing.assert_array_equal(one, other)
            continue
        white = 2 ** np.ceil(np.log2(other.max()))
        assert np.abs(one.astype(float) - other).mean() <= case.tolerance * white


def test_the_pixels_are_those_of_another_reader(case, tmp_path):
    path = tmp_path / case.name
    case.make(path)
    with open_picture(path) as picture:
        frames = [frame.read() for frame in picture.frames]
        rows = [frame.rows(5, 19) for frame in picture.frames]
    expected = case.load(path)
    assert_close(case, frames, expected)
    for part, whole in zip(rows, frames, strict=True):
        np.testing.assert_array_equal(part, whole[5:19])


def test_changed_pixels_and_all_else_are_what_another_reader_finds(case, tmp_path):
    source, target = tmp_path / case.name, tmp_path / f"b{case.name}"
    case.make(source)
    pass_through(source, target)
    assert_close(case, case.load(target), [changed(image) for image in case.load(source)])
    assert case.notes(target) == case.notes(source)
    assert {path.name for path in tmp_path.iterdir()} == {source.name, target.name}


def test_the_making_is_noted_where_there_is_a_place_and_only_when_asked(case, tmp_path):
    source, plain, noted = (tmp_path / f"{prefix}{case.name}" for prefix in ("", "p", "n"))
    case.make(source)
    pass_through(source, plain)
    pass_through(source, noted, WITH_NOTE)
    assert b"vdn" not in plain.read_bytes()
    assert case.notes(noted) == case.notes(source)
    if case.software is not None:
        before, found = case.software(source), case.software(noted)
        assert found.startswith(before)
        assert "vdn 9.9 (model photo, strength 0.5)" in found[len(before) :]


def test_a_copy_is_the_same_file(case, tmp_path):
    source, target = tmp_path / case.name, tmp_path / f"b{case.name}"
    case.make(source)
    with open_picture(source) as picture:
        copy(picture, target)
    assert target.read_bytes() == source.read_bytes()


def test_the_documentation_lists_what_is_tested():
    assert table() in DOCS.read_text()
