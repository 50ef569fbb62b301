"""Rows of a large TIFF strip that deflate made one piece of, without decoding it in one piece."""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError

__all__ = ["InflatedStrip", "can_inflate"]

_DEFLATE = (8, 32946)
_FLOAT_PREDICTOR = 3
_PIECE = 2**20  # bytes read and inflated at a time


def can_inflate(page: Any) -> bool:
    """Return whether the strips of a `tifffile.TiffPage` can be read by `InflatedStrip`."""
    return bool(
        page.compression in _DEFLATE
        and not page.is_tiled
        and (page.planarconfig == 1 or page.samplesperpixel == 1)
        and page.fillorder == 1
        and page.bitspersample == page.dtype.itemsize * 8
    )


class InflatedStrip:
    """Reads rows of a strip, fast when they are asked for in order; to go back is to start again.

    Parameters
    ----------
    page
        A `tifffile.TiffPage`.
    index
        Number of the strip.
    """

    def __init__(self, page: Any, index: int) -> None:
        self._page = page
        self._start, self._size = page.dataoffsets[index], page.databytecounts[index]
        self._row_bytes = page.imagewidth * page.samplesperpixel * page.dtype.itemsize
        self._row = self._read = 0
        self._inflater = zlib.decompressobj()

    def __call__(self, first: int, last: int) -> NDArray[Any]:
        """Return rows of the strip, (last - first, W, C)."""
        from tifffile import TIFF

        if first < self._row:
            self._rewind()
        self._skip((first - self._row) * self._row_bytes)
        data = self._take((last - first) * self._row_bytes)
        self._row = last
        page = self._page
        own_order = page.predictor == _FLOAT_PREDICTOR  # its bytes are sorted by significance
        stored = page.dtype if own_order else page.dtype.newbyteorder(page.parent.byteorder)
        rows = np.frombuffer(data, stored).reshape(last - first, page.imagewidth, -1)
        rows = rows.astype(page.dtype)
        if page.predictor > 1:
            rows = TIFF.UNPREDICTORS[page.predictor](rows, axis=-2, out=rows)
        return rows

    def _rewind(self) -> None:
        self._row = self._read = 0
        self._inflater = zlib.decompressobj()

    def _skip(self, count: int) -> None:
        while count:
            count -= len(self._some(min(count, _PIECE)))

    def _take(self, count: int) -> bytearray:
        taken = bytearray()
        while len(taken) < count:
            taken += self._some(count - len(taken))
        return taken

    def _some(self, most: int) -> bytes:
        """Return the next bytes, at least one."""
        while True:
            waiting = self._inflater.unconsumed_tail
            if not waiting:
                waiting = self._next()
            if data := self._inflater.decompress(waiting, most):
                return data
            if self._inflater.eof or not waiting:
                raise FileError("is cut short")

    def _next(self) -> bytes:
        file = self._page.parent.filehandle
        with file.lock:
            file.seek(self._start + self._read)
            data: bytes = file.read(min(_PIECE, self._size - self._read))
        self._read += len(data)
        return data
