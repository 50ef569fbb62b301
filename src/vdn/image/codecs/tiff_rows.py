"""Rows of a TIFF page, decoding no more strips or tiles than they lie in."""

import math
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.codecs.tiff_inflate import InflatedStrip, can_inflate
from vdn.image.limits import check_piece

__all__ = ["PageRows", "packed_bits", "repacked", "unpacked"]

_KEPT = 64 * 2**20  # bytes of decoded strips or tiles kept for the rows that come next
_PIECE = 16 * 2**20  # bytes of rows read at a time for a part of them
_JPEG = (6, 7, 34892, 33007)


class PageRows:
    """Reads rows of a page.

    Parameters
    ----------
    page
        A `tifffile.TiffPage`.
    limit
        The most bytes that may be decoded in one piece.
    skip
        Bytes between the pixels of the page and those wanted, for images that follow those of the
        only page of a file.

    Raises
    ------
    FileError
        When a strip, or a row of tiles, is larger than the limit.
    """

    def __init__(self, page: Any, limit: int, skip: int = 0) -> None:
        self._page, self._skip = page, skip
        self._height, self._width = page.imagelength, page.imagewidth
        self._samples = page.samplesperpixel
        self._planar = page.planarconfig == 2 and self._samples > 1
        tile = page.is_tiled
        self._length = page.tilelength if tile else min(page.rowsperstrip, self._height)
        self._across = math.ceil(self._width / page.tilewidth) if tile else 1
        self._down = math.ceil(self._height / self._length)
        self._direct = _is_direct(page)
        self._inflated: dict[int, InflatedStrip] = {}
        large = self._length * self._row_bytes > _KEPT
        self._inflates = large and not self._direct and can_inflate(page)
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()
        piece = 1 if self._direct or self._inflates else self._length
        self.streams = piece < self._height
        expected = self._down * self._across * (self._samples if self._planar else 1)
        if min(len(page.dataoffsets), len(page.databytecounts)) < expected:
            raise FileError("is damaged (strips or tiles are missing)")
        what = "row of tiles" if tile else "strip"
        check_piece(piece * self._row_bytes, limit, what if self.streams else "page")

    @property
    def skips(self) -> bool:
        """Whether the image follows another in the only page of a file."""
        return self._skip > 0

    @property
    def _row_bytes(self) -> int:
        itemsize: int = self._page.dtype.itemsize
        return self._width * self._samples * itemsize

    def __call__(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows, (stop - start, W[, C])."""
        shape = (stop - start, self._width, self._samples)
        rows = np.empty(shape, self._page.dtype)
        first, last = start // self._length, math.ceil(stop / self._length)
        for piece in range(first, last):
            top = piece * self._length
            low, high = max(start, top), min(stop, top + self._length)
            rows[low - start : high - start] = self._part(piece, low - top, high - top)
        return self._values(rows)

    def window(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a part of some rows, (h, w[, C]); of tiles no more are decoded than it lies in."""
        if not self._page.is_tiled:
            step = max(1, _PIECE // self._row_bytes)
            parts = [
                self(start, min(start + step, rows.stop))[:, columns].copy()
                for start in range(rows.start, rows.stop, step)
            ]
            return parts[0] if len(parts) == 1 else np.concatenate(parts)
        page = self._page
        shape = rows.stop - rows.start, columns.stop - columns.start, self._samples
        found = np.full(shape, page.nodata, page.dtype)
        for plane in range(self._samples if self._planar else 1):
            target = found[..., plane : plane + 1] if self._planar else found
            for row in range(rows.start // self._length, -(-rows.stop // self._length)):
                for column in range(
                    columns.start // page.tilewidth, -(-columns.stop // page.tilewidth)
                ):
                    index = (plane * self._down + row) * self._across + column
                    tile = self._segment(index)
                    if tile is None:
                        continue
                    top, left = (
                        row * self._length - rows.start,
                        column * page.tilewidth - columns.start,
                    )
                    place = target[
                        max(top, 0) : top + len(tile), max(left, 0) : left + tile.shape[1]
                    ]
                    part = tile[max(-top, 0) :, max(-left, 0) :]
                    place[...] = part[: place.shape[0], : place.shape[1]]
        return self._values(found)

    def _values(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return samples as they are worked on, (h, w[, C])."""
        white, bits = self._page.photometric == 0, packed_bits(self._page)
        if bits:
            rows = unpacked(rows, bits, white)
        elif white and rows.dtype.kind == "u":  # is zero
            np.invert(rows, out=rows)
        return rows if self._samples > 1 else rows[..., 0]

    def _part(self, piece: int, first: int, last: int) -> NDArray[Any]:
        """Return rows of a strip or a row of tiles."""
        if self._direct:
            return self._read(piece, first, last)
        if self._inflates:
            if piece not in self._inflated:
                self._inflated = {piece: InflatedStrip(self._page, piece)}
            return self._inflated[piece](first, last)
        return self._decoded(piece)[first:last]

    def _decoded(self, piece: int) -> NDArray[Any]:
        """Return a strip or a row of tiles, (rows, W, C)."""
        if piece in self._kept:
            self._kept.move_to_end(piece)
            return self._kept[piece]
        rows = min(self._length, self._height - piece * self._length)
        page = self._page
        decoded = np.full((rows, self._width, self._samples), page.nodata, page.dtype)
        for plane in range(self._samples if self._planar else 1):
            target = decoded[..., plane : plane + 1] if self._planar else decoded
            for column in range(self._across):
                index = (plane * self._down + piece) * self._across + column
                segment = self._segment(index)
                if segment is None:
                    continue
                left = column * page.tilewidth if page.is_tiled else 0
                place = target[: len(segment), left : left + segment.shape[1]]
                place[...] = segment[: place.shape[0], : place.shape[1]]
        self._kept[piece] = decoded
        while len(self._kept) > 1 and len(self._kept) * decoded.nbytes > _KEPT:
            self._kept.popitem(last=False)
        return decoded

    def _segment(self, index: int) -> NDArray[Any] | None:
        """Return a strip or tile, (rows, columns, channels), or None where none was written."""
        page = self._page
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        if not offset or not count:
            return None
        tables = (
            {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
            if page.compression in _JPEG
            else {}
        )
        segment, _, _ = page.decode(_read_at(page, offset, count), index, **tables)
        return None if segment is None else segment[0]

    def _read(self, piece: int, first: int, last: int) -> NDArray[Any]:
        """Return rows of an uncompressed strip."""
        page = self._page
        dtype = page.dtype.newbyteorder(page.parent.byteorder)
        planes = self._samples if self._planar else 1
        row = self._row_bytes // planes
        parts = []
        for plane in range(planes):
            offset = page.dataoffsets[plane * self._down + piece] + self._skip
            data = _read_at(page, offset + first * row, (last - first) * row)
            parts.append(np.frombuffer(data, dtype).reshape(last - first, self._width, -1))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def packed_bits(page: Any) -> int:
    """Return the bits of a sample where they are fewer than those of its dtype, else 0."""
    bits = page.bitspersample
    packed = page.dtype.kind == "u" and 1 < bits < 8 * page.dtype.itemsize
    return bits if packed else 0


def unpacked(rows: NDArray[Any], bits: int, white_is_zero: bool) -> NDArray[Any]:
    """Return packed samples as they are worked on: fewer than 8 bits as 8, more as they are.

    Examples
    --------
    >>> unpacked(np.array([0, 1, 3], np.uint8), 2, white_is_zero=False).tolist()
    [0, 85, 255]
    """
    largest = 2**bits - 1
    if white_is_zero:
        rows = largest - rows
    return np.rint(rows * (255 / largest)).astype(rows.dtype) if bits < 8 else rows


def repacked(rows: NDArray[Any], bits: int, white_is_zero: bool) -> NDArray[Any]:
    """Return the samples to store: the way back from `unpacked`.

    Examples
    --------
    >>> repacked(np.array([0, 90, 255], np.uint8), 2, white_is_zero=True).tolist()
    [3, 2, 0]
    """
    largest = 2**bits - 1
    stored = np.rint(rows * (largest / 255)) if bits < 8 else np.minimum(rows, largest)
    stored = stored.astype(rows.dtype)
    return largest - stored if white_is_zero else stored


def _is_direct(page: Any) -> bool:
    """Return whether rows stand in the file as they are in memory."""
    return bool(
        page.compression == 1
        and not page.is_tiled
        and page.predictor == 1
        and page.fillorder == 1
        and page.bitspersample == page.dtype.itemsize * 8
    )


def _read_at(page: Any, offset: int, count: int) -> bytes:
    file = page.parent.filehandle
    with file.lock:
        file.seek(offset)
        data: bytes = file.read(count)
    if len(data) < count:
        raise FileError("is cut short")
    return data
