"""Archives of NumPy arrays, `.npz`; arrays that are no images pass unchanged."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.codecs.npy import array_specs, check_array
from vdn.image.encoding import Encoder, EncodeRequest, receive
from vdn.image.frame import FrameSpec, lazy_frames
from vdn.image.limits import check_piece
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture

__all__ = ["encode", "open_file"]

_SMALLEST = 16  # rows and columns of an image; smaller arrays beside it are numbers about one
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def open_file(path: Path, limit: int) -> Picture:
    """Open an `.npz` file: arrays of at least 16 by 16 numbers are images, and a single one."""
    specs: list[FrameSpec] = []
    places: list[tuple[str, int]] = []
    arrays: dict[str, dict[str, Any]] = {}
    others: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        smallest = _SMALLEST if len(members) > 1 else 1
        for member in members:
            check_piece(member.file_size, limit, f"member {member.filename}")
            header = _header(archive, member)
            if header is None or not _is_image(*header[:2], smallest):
                others[member.filename] = _contents(archive, member, limit)
                check_piece(sum(map(len, others.values())), limit, "set of other members")
                continue
            shape, dtype, fortran = header
            check_piece(int(np.prod(shape, dtype=object)) * dtype.itemsize, limit, "member")
            within = array_specs(shape, dtype, f"array {member.filename.removesuffix('.npy')}")
            places += [(member.filename, index) for index in range(len(within))]
            specs += within
            arrays[member.filename] = {"shape": shape, "dtype": dtype, "fortran": fortran}
        compression = max((member.compress_type for member in members), default=0)
    if not specs:
        raise FileError("holds no array that could be an image")
    kept: dict[str, NDArray[Any]] = {}

    def decode(index: int) -> NDArray[Any]:
        name, within = places[index]
        if name not in kept:
            kept.clear()
            with zipfile.ZipFile(path) as archive, archive.open(name) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
            kept[name] = array.reshape(-1, *specs[index].shape)
        return kept[name][within].astype(specs[index].dtype)

    encoding = {"arrays": arrays, "others": others, "compression": compression}
    return Picture(lazy_frames(specs, decode), Metadata(), "npz", path, encoding)


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write an `.npz` file with the names, axes and compression of the source."""
    arrays: Mapping[str, Any] = request.encoding.get("arrays") or {
        f"arr_{index}.npy": {"shape": frame.shape, "dtype": frame.dtype, "fortran": False}
        for index, frame in enumerate(request.frames)
    }
    frames = iter(request.frames)
    compression = request.encoding.get("compression", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, stored in arrays.items():
            specs = array_specs(stored["shape"], stored["dtype"])
            taken = [next(frames) for _ in specs]
            parts = []
            for frame in taken:
                parts.append((yield from receive(frame)))
            stack = stored["shape"][: -len(specs[0].shape)]
            array = np.stack(parts).reshape(*stack, *taken[0].shape).astype(stored["dtype"])
            if stored["fortran"]:
                array = np.asfortranarray(array)
            with archive.open(name, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        for name, contents in request.encoding.get("others", {}).items():
            archive.writestr(name, contents)


def _header(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> tuple[tuple[int, ...], np.dtype[Any], bool] | None:
    """Return shape, dtype and order of an array, or None where a member is none."""
    if not member.filename.endswith(".npy"):
        return None
    with archive.open(member) as file:
        read = _HEADERS.get(np.lib.format.read_magic(file))
        if read is None:
            return None
        shape, fortran, dtype = read(file)
        return shape, dtype, fortran


def _is_image(shape: tuple[int, ...], dtype: np.dtype[Any], smallest: int) -> bool:
    try:
        check_array(dtype, shape)
    except FileError:
        return False
    return min(array_specs(shape, dtype)[0].shape[:2]) >= smallest


def _contents(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(member) as file:
        contents = file.read(limit + 1)
    check_piece(len(contents), limit, f"member {member.filename}")
    return contents
