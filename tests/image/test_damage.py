"""Damaged files are read or refused in one line: never another error."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from image.cases import CASES
from vdn.errors import VdnError
from vdn.image import find_ranges, open_picture

ONE_A_FORMAT = list({case.format: case for case in CASES}.values())


@st.composite
def damages(draw):
    """Where (half of the time among the headers), how many bytes, and what comes there instead."""
    where = draw(st.one_of(st.integers(0, 300), st.floats(0, 1, exclude_max=True)))
    gone = draw(st.sampled_from([0, 1, 2, 4, 100, 10**6]))
    instead = draw(
        st.one_of(
            st.just(b""),
            st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff" * 8]),
            st.binary(min_size=1, max_size=8),
        )
    )
    return where, gone, instead


def damage(data, where, gone, instead):
    at = min(where if isinstance(where, int) else int(where * len(data)), len(data))
    return data[:at] + instead + data[at + gone :]


@pytest.mark.parametrize("case", ONE_A_FORMAT, ids=str)
@settings(
    max_examples=12, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(damages(), min_size=1, max_size=3))
def test_damaged_files_are_read_or_refused_in_one_line(case, tmp_path, found):
    pytest.importorskip(case.needs)
    whole, path = tmp_path / case.name, tmp_path / f"damaged-{case.name}"
    if not whole.exists():
        case.make(whole)
    data = whole.read_bytes()
    for where, gone, instead in found:
        data = damage(data, where, gone, instead)
    path.write_bytes(data)
    assert_clear(path)


@pytest.mark.parametrize("keep", [0, 1, 7, 20, 64, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("case", ONE_A_FORMAT, ids=str)
def test_files_cut_short_are_refused(case, tmp_path, keep):
    pytest.importorskip(case.needs)
    path = tmp_path / case.name
    case.make(path)
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    assert not assert_clear(path)


def assert_clear(path):
    """Read a file; return whether that went well. It must be well or a `VdnError` of one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with open_picture(path, max_bytes=2**26) as picture:
                for frame in picture.frames:
                    find_ranges(frame)
                    image = frame.read()
                    assert (image.shape, image.dtype) == (frame.shape, frame.dtype)
                    assert isinstance(image, np.ndarray)
        except VdnError as error:
            text = str(error)
            assert text.startswith(f"{path}: ")
            assert "\n" not in text
            assert len(text) < 1000
            return False
    return True
