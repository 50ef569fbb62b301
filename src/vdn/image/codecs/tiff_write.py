"""Write TIFF and BigTIFF in strips or tiles, as the rows come."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.atomic import reserve
from vdn.image.codecs.tiff_dimensions import ome_xml
from vdn.image.codecs.tiff_exif import append_directories
from vdn.image.codecs.tiff_rows import repacked
from vdn.image.codecs.tiff_tags import DESCRIPTION, SOFTWARE, RawTag, resized_tag
from vdn.image.dimensions import Dimensions
from vdn.image.encoding import Encoder, EncodeRequest, Rows, pulling
from vdn.image.frame import FrameSpec
from vdn.image.metadata import Metadata, as_bytes
from vdn.image.pyramid import CoarserLevels
from vdn.image.resized import Resize
from vdn.image.spool import scratch_file

__all__ = ["encode"]

_XMP, _ICC = 700, 34675
_BYTE, _ASCII, _SHORT, _UNDEFINED = 1, 2, 3, 7
_CLASSIC_LIMIT = 2**32 - 2**25  # bytes of pixels in a file with offsets of 32 bits
_PHOTOGRAPHIC = (270, 271, 272, 274, 305, 306, 315, 33432)
_STRIP = 2**20  # bytes of a strip of a new file
_SPOOLED = 256  # rows read at a time from channels kept on the disk
_PACKBITS, _DEFLATE = 32773, 8
_TILE, _LARGE = 512, 2048  # pixels a side of a tile, and of a new picture that has tiles
_REDUCED = 1  # the type of a page that is a smaller copy
_CENTIMETRES = {"nanometer": 1e-7, "micrometer": 1e-4, "millimeter": 0.1, "centimeter": 1.0}
_CENTIMETRES |= {"meter": 100.0, "inch": 2.54, "angstrom": 1e-8}
_INTEGER_PREDICTOR, _FLOAT_PREDICTOR = 2, 3
_NEW_ALPHA = {"gray+alpha": ("unassalpha",), "colour+alpha": ("unassalpha",)}


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write a TIFF file as the source was stored, or uncompressed in strips of a megabyte."""
    return pulling(request.frames, lambda rows: _encode(path, request, rows))


def _encode(path: Path, request: EncodeRequest, rows: Iterator[Rows]) -> None:
    import tifffile

    file = dict(request.encoding.get("file", {}))
    large = sum(frame.nbytes for frame in request.frames) > _CLASSIC_LIMIT
    one_directory = bool(request.encoding.get("one_directory"))  # as ImageJ writes beyond 4 GB
    file["bigtiff"] = file.get("bigtiff", False) or (large and not one_directory)
    pages = request.encoding.get("pages", ()) or _new_pages(request)
    order = file.get("byteorder", "<")
    groups = [[frame] for frame in request.frames]
    if request.encoding.get("contiguous") and _alike(request.frames):
        groups = [list(request.frames)]
    # Not by name: tifffile resolves links, and a file in memory has only a link.
    with path.open("w+b") as stream, tifffile.TiffWriter(stream, **file) as writer:
        for index, group in enumerate(groups):
            page = pages[index] if index < len(pages) else {}
            resize = request.resize(index)
            tags = {tag.code: tag for tag in page.get("tags", ())}
            if resize is not None:
                tags = {code: resized_tag(tag, resize, order) for code, tag in tags.items()}
                page = _resized_page(page, resize)
            if not request.encoding and index == 0:
                tags |= {tag.code: tag for tag in _tags_from(request.metadata)}
            if request.options.provenance and index == 0:
                before = tags[SOFTWARE].value.rstrip(b"\0 ") if SOFTWARE in tags else b""
                note = request.options.provenance.after(before.decode("latin-1")).encode("latin-1")
                tags[SOFTWARE] = RawTag(SOFTWARE, _ASCII, len(note), note)
            _write_pages(writer, path, group, request, page, tags, rows)
    directories = request.encoding.get("directories")
    if not directories or request.resize() is not None:
        directories = request.metadata.exif_directories()
    if directories:
        append_directories(path, directories)


def _write_pages(
    writer: Any,
    path: Path,
    frames: Sequence[FrameSpec],
    request: EncodeRequest,
    page: Mapping[str, Any],
    tags: dict[int, RawTag],
    rows: Iterator[Rows],
) -> None:
    """Write a page, or several alike whose pixels follow each other, as ImageJ wants them."""
    frame = frames[0]
    channels = frame.shape[2] if len(frame.shape) == 3 else 1
    separate = bool(page.get("planar")) and channels > 1
    storage = _storage(frame, page, channels if separate else 1)
    bands: Iterator[Rows] = (
        np.atleast_3d(band) for each in frames for band in _of_frame(rows, each)
    )
    bits = _packed(frame, page)
    white_is_zero = bool(page.get("white_is_zero"))
    if bits:
        bands = (repacked(band, bits, white_is_zero) for band in bands)
    elif white_is_zero and frame.dtype.kind == "u":
        bands = (np.invert(band) for band in bands)
    shape = _shape(frame.shape, channels, separate)
    description = tags.pop(DESCRIPTION).value if DESCRIPTION in tags else None
    dtype = frame.dtype.newbyteorder(writer.tiff.byteorder)
    levels = _levels(frame, frames, page)
    with (
        scratch_file(path.parent) if separate else nullcontext() as spool,
        scratch_file(path.parent) if levels else nullcontext() as coarse,
    ):
        pyramid = CoarserLevels(frame, levels, bool(page.get("nearest")), coarse)
        bands = pyramid.watching(bands)
        planes = _planes(bands, frame, spool) if separate else [bands]
        segments: Iterator[bytes]
        if len(frames) > 1:
            segments = (np.ascontiguousarray(band, dtype).tobytes() for band in bands)
            shape, storage, bits = (len(frames), *shape), {}, 0
        else:
            segments = _segments(planes, storage, dtype, bits)
        writer.write(
            segments,
            shape=shape,
            dtype=frame.dtype,
            bitspersample=bits or None,
            photometric=_photometric(frame, page, channels),
            planarconfig=("separate" if separate else "contig") if channels > 1 else None,
            extrasamples=_extrasamples(frame, page) if channels > 1 else None,
            subfiletype=page.get("subfiletype", 0),
            description=description,
            metadata=None,
            truncate=len(frames) > 1 and bool(request.encoding.get("one_directory")),
            software=False,
            extratags=[(tag.code, tag.dtype, tag.count, tag.value, True) for tag in tags.values()],
            subifds=len(levels) or None,
            **_resolution(request.metadata, page),
            **storage,
        )
        for number, sides in enumerate(levels):
            if "rowsperstrip" in storage:
                storage["rowsperstrip"] = min(storage["rowsperstrip"], sides[0])
            writer.write(
                _segments(_level_planes(pyramid, number, channels, separate), storage, dtype, bits),
                shape=_shape(sides, channels, separate),
                dtype=frame.dtype,
                bitspersample=bits or None,
                photometric=_photometric(frame, page, channels),
                planarconfig=("separate" if separate else "contig") if channels > 1 else None,
                extrasamples=_extrasamples(frame, page) if channels > 1 else None,
                subfiletype=_REDUCED,
                metadata=None,
                software=False,
                **storage,
            )


def _new_pages(request: EncodeRequest) -> list[dict[str, Any]]:
    """Return how to store the frames of another format that has axes and coarser levels."""
    dimensions = request.dimensions
    if dimensions is None:
        return []
    page: dict[str, Any] = {"levels": dimensions.levels, "nearest": dimensions.nearest}
    if dimensions.levels or max(dimensions.shape[-2:]) > _LARGE:
        predictor = {"u": _INTEGER_PREDICTOR, "i": _INTEGER_PREDICTOR, "f": _FLOAT_PREDICTOR}
        kind = request.frames[0].dtype.kind
        page["storage"] = {
            "tile": (_TILE, _TILE),
            "compression": _DEFLATE,
            "predictor": predictor[kind],
        }
    resolution = _resolution_of(dimensions)
    if resolution:
        page["resolution"] = resolution
    first = dict(page)
    if (xml := ome_xml(dimensions, request.frames[0])) is not None:
        first["tags"] = [RawTag(DESCRIPTION, _ASCII, len(xml), xml)]
    return [first, *(page for _ in request.frames[1:])]


def _resolution_of(dimensions: Dimensions) -> dict[str, Any]:
    """Return pixels a centimetre, where the axes have a metric unit."""
    steps = [axis.step * _CENTIMETRES.get(axis.unit, 0) for axis in dimensions.axes[-2:]]
    if not all(steps):
        return {}
    return {"resolution": (1 / steps[1], 1 / steps[0]), "resolutionunit": "centimeter"}


def _levels(
    frame: FrameSpec, frames: Sequence[FrameSpec], page: Mapping[str, Any]
) -> tuple[tuple[int, int], ...]:
    """Return the sides of the coarser levels to write, none where pages follow each other."""
    levels: tuple[tuple[int, int], ...] = tuple(page.get("levels", ()))
    return levels if len(frames) == 1 else ()


def _shape(sides: Sequence[int], channels: int, separate: bool) -> tuple[int, ...]:
    height, width = sides[:2]
    if channels == 1:
        return height, width
    return (channels, height, width) if separate else (height, width, channels)


def _level_planes(
    pyramid: CoarserLevels, level: int, channels: int, separate: bool
) -> Iterator[Iterable[NDArray[Any]]]:
    """Yield the rows of a coarser level: of all channels together, or of one after the other."""
    for channel in range(channels if separate else 1):
        part = slice(channel, channel + 1) if separate else slice(None)
        yield (rows[..., part] for rows in pyramid.rows(level, _SPOOLED))


def _of_frame(rows: Iterator[Rows], frame: FrameSpec) -> Iterator[Rows]:
    missing = frame.shape[0]
    while missing:
        piece = next(rows)
        missing -= len(piece)
        yield piece


def _alike(frames: Sequence[FrameSpec]) -> bool:
    return len({(frame.shape, frame.dtype, frame.channels) for frame in frames}) == 1


def _photometric(frame: FrameSpec, page: Mapping[str, Any], channels: int) -> str:
    many_colours = page.get("rgb") and channels == len(page["extrasamples"]) + 3
    if frame.channels.startswith("colour") or many_colours:
        return "rgb"
    return "miniswhite" if page.get("white_is_zero") else "minisblack"


def _extrasamples(frame: FrameSpec, page: Mapping[str, Any]) -> Sequence[Any] | None:
    return page.get("extrasamples") or _NEW_ALPHA.get(frame.channels)


def _packed(frame: FrameSpec, page: Mapping[str, Any]) -> int:
    """Return the bits of a sample if they were packed, and the dtype is still that of before."""
    bits: int = page.get("bits", 0)
    return bits if bits and frame.dtype == np.dtype("u1" if bits < 8 else "u2") else 0


def _storage(frame: FrameSpec, page: Mapping[str, Any], planes: int) -> dict[str, Any]:
    """Return compression, predictor, and the size of tiles or strips."""
    storage = dict(page.get("storage", {}))
    if "tile" not in storage:
        rows = storage.get("rowsperstrip") or max(1, _STRIP * planes // frame.row_bytes)
        storage["rowsperstrip"] = min(rows, frame.shape[0])
    is_float = frame.dtype.kind == "f"
    if storage.get("predictor") == (_INTEGER_PREDICTOR if is_float else _FLOAT_PREDICTOR):
        storage["predictor"] = None
    if _packed(frame, page):
        storage |= {"predictor": None, "compression": 1}  # tifffile packs or compresses
    return storage


def _planes(
    bands: Iterable[NDArray[Any]], frame: FrameSpec, spool: Any
) -> Iterator[Iterable[NDArray[Any]]]:
    """Yield the channels one after the other, which come together: the disk keeps them."""
    height, width, channels = frame.shape
    reserve(spool, frame.nbytes)
    kept = np.memmap(spool, frame.dtype, "w+", shape=(channels, height, width))
    row = 0
    for band in bands:
        kept[:, row : row + len(band)] = np.moveaxis(band, -1, 0)
        row += len(band)
    for plane in kept:
        yield (plane[row : row + _SPOOLED, :, None] for row in range(0, height, _SPOOLED))


def _segments(
    planes: Iterable[Iterable[NDArray[Any]]],
    storage: Mapping[str, Any],
    dtype: np.dtype[Any],
    bits: int,
) -> Iterator[bytes]:
    """Yield the encoded strips or tiles of bands (n, W, C) of rows."""
    encode_segment = _encoder(storage, dtype, bits)
    tile = storage.get("tile")
    length = tile[0] if tile else storage["rowsperstrip"]
    for bands in planes:
        for rows in _regrouped(bands, length):
            if tile is None:
                yield encode_segment(rows)
                continue
            for left in range(0, rows.shape[1], tile[1]):
                part = rows[:, left : left + tile[1]]
                missing = tile[0] - part.shape[0], tile[1] - part.shape[1]
                if any(missing):
                    padding = [(0, missing[0]), (0, missing[1]), (0, 0)]
                    part = np.pad(part, padding, mode="edge")
                yield encode_segment(part)


def _regrouped(bands: Iterable[NDArray[Any]], length: int) -> Iterator[NDArray[Any]]:
    """Yield the same rows in groups of `length`; the last may be shorter."""
    waiting: list[NDArray[Any]] = []
    count = 0
    for band in bands:
        start = 0
        while count + len(band) - start >= length:
            stop = start + length - count
            waiting.append(band[start:stop])
            yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
            waiting, count, start = [], 0, stop
        if start < len(band):
            waiting.append(band[start:])
            count += len(band) - start
    if waiting:
        yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)


def _encoder(
    storage: Mapping[str, Any], dtype: np.dtype[Any], bits: int
) -> Callable[[NDArray[Any]], bytes]:
    from tifffile import TIFF

    compression, predictor = int(storage.get("compression", 1)), storage.get("predictor")
    options = {"axis": -2} if compression == _PACKBITS else {}

    def encode_segment(segment: NDArray[Any]) -> bytes:
        data: Any = np.ascontiguousarray(segment, dtype)
        if bits:
            row = segment.shape[1] * segment.shape[2]  # ends with a byte
            data = np.frombuffer(_pack(data, bits, row), np.uint8)
        if predictor:
            data = TIFF.PREDICTORS[predictor](data, axis=-2)
        if compression > 1:
            return bytes(TIFF.COMPRESSORS[compression](data, **options))
        return bytes(data.tobytes())

    return encode_segment


def _pack(samples: NDArray[Any], bits: int, row: int) -> bytes:
    import imagecodecs

    native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    return bytes(imagecodecs.packints_encode(native, bits, runlen=row))


def _resized_page(page: Mapping[str, Any], resize: Resize) -> dict[str, Any]:
    resized = dict(page)
    if "resolution" in page:
        dots = resize.density(page["resolution"]["resolution"])
        resized["resolution"] = {**page["resolution"], "resolution": dots}
    return resized


def _resolution(metadata: Metadata, page: Mapping[str, Any]) -> dict[str, Any]:
    if "resolution" in page:
        return dict(page["resolution"])
    if page or not metadata.dpi:
        return {}
    return {"resolution": metadata.dpi, "resolutionunit": "inch"}


def _tags_from(metadata: Metadata) -> Iterator[RawTag]:
    """Yield the metadata of another format as tags."""
    for code, value in metadata.exif_tags().items():
        if code in _PHOTOGRAPHIC and isinstance(value, str):
            text: bytes = as_bytes(value)
            yield RawTag(code, _ASCII, len(text), text)
        elif code in _PHOTOGRAPHIC and isinstance(value, int):
            yield RawTag(code, _SHORT, 1, np.uint16(value).tobytes())
    if metadata.xmp:
        yield RawTag(_XMP, _BYTE, len(metadata.xmp), metadata.xmp)
    if metadata.icc:
        yield RawTag(_ICC, _UNDEFINED, len(metadata.icc), metadata.icc)
