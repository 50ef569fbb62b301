"""The JPEG compression a picture has gone through: by its file's tables, and by its pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.image.frame import Frame
from vdn.noise.jpeg import DCT, Jpeg

__all__ = [
    "JpegHistory",
    "JpegTraces",
    "TableQuality",
    "find_jpeg_traces",
    "jpeg_history",
    "quality_of_tables",
    "read_jpeg_history",
]

_SIDE = 8
_CROP, _SEARCHED = 512, 192  # pixels a side that are looked at, and on every grid, at most
_LOW = [(i, j) for i in range(4) for j in range(4) if 0 < i + j < 4]  # frequencies that are filled
_LOWEST = [(0, 1), (1, 0), (1, 1), (0, 2), (2, 0)]
_SOME_STEPS = np.array([2, 3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 24, 30, 40], np.float32)
_BLURS = (0.4, 0.8, 1.6)  # standard deviation of coefficients: rounding, and later compression
_TOLD = 2.5  # times the blur a step has to be, to be seen
_OTHERWISE = 0.1  # share of coefficients that clipping and later changes have moved anywhere
_LEAST = 150.0  # log likelihood ratio in favour of a table
_LEAST_EACH, _LEAST_EACH_AGAIN = 0.12, 0.25  # the same, a coefficient; where it came before
_FEWEST = 60  # coefficients
_MIDDLE = 1024  # pixels a side of the part of a picture that is looked at
_FINER = 3  # qualities apart from which on two compressions are two
_ROOT = np.sqrt(2 * np.pi)
_WEIGHTS = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class TableQuality:
    """The quality that the quantisation tables of a file stand for.

    Attributes
    ----------
    quality
        1 to 100, the scale of libjpeg.
    standard
        Whether the tables are those of libjpeg at this quality; else it is the closest one.
    """

    quality: int
    standard: bool


@dataclass(frozen=True)
class JpegTraces:
    """A compression that the pixels bear the traces of.

    Attributes
    ----------
    quality
        The quality of libjpeg whose steps fit the coefficients best.
    row, column
        Where the first whole block of 8 x 8 pixels begins, 0 to 7.
    quality_interval
        The qualities that hold 90 % of the posterior, if all are as likely beforehand.
    """

    quality: int
    row: int
    column: int
    quality_interval: tuple[int, int]

    @property
    def shifted(self) -> bool:
        """Whether the blocks do not begin in the corner of the picture."""
        return (self.row, self.column) != (0, 0)


def quality_of_tables(tables: Mapping[int, Sequence[int]]) -> TableQuality:
    """Return the quality that quantisation tables stand for.

    Parameters
    ----------
    tables
        By number: 0 for brightness, and if there is another, for colours; 64 steps each, row by
        row.

    Examples
    --------
    >>> quality_of_tables({0: Jpeg(85).steps()[0].ravel()})
    TableQuality(quality=85, standard=True)
    """
    given = np.array([tables[number] for number in sorted(tables)[:2]], float).reshape(-1, 8, 8)
    distances = [
        np.abs(np.log(np.maximum(given, 1) / Jpeg(quality).steps()[: len(given)])).sum()
        for quality in range(1, 101)
    ]
    best = int(np.argmin(distances))
    return TableQuality(best + 1, bool(distances[best] == 0))


def find_jpeg_traces(
    pixels: NDArray[np.uint8],
    origin: tuple[int, int] = (0, 0),
    steps: NDArray[np.floating] | None = None,
) -> JpegTraces | None:
    r"""Find the strongest compression that an 8-bit picture has gone through, also before its last.

    JPEG leaves the cosine coefficients of its blocks at multiples of the steps of its table. For
    every quality the likelihood of the coefficients outside of 0 is compared with that of a smooth
    distribution: a coefficient c counts :math:`\log (q\, N(c - k q; 0, s^2))`, where q is the
    step, k q its nearest multiple and s what rounding and later compression have added. It is done
    on the grid of the file and on the one of the 64 that fits best.

    Parameters
    ----------
    pixels
        (H, W), (H, W, 1) or (H, W, 3) without alpha.
    origin
        Row and column of the first pixel in the whole picture.
    steps
        The steps (8, 8) of the file's own table for brightness: what stands on its own grid is as
        coarse as they are, whatever came before.

    Returns
    -------
    JpegTraces or None
        None where no compression of up to about quality 95 is seen.

    Examples
    --------
    >>> rows, columns = np.mgrid[:128, :128]
    >>> smooth = 128 + 90 * np.sin(rows / 9) * np.cos(columns / 7) + 9 * np.sin(rows * columns / 99)
    >>> picture = np.repeat(smooth.astype(np.uint8)[..., None], 3, axis=2)
    >>> find_jpeg_traces(picture) is None
    True
    >>> traces = find_jpeg_traces(Jpeg(60).apply(picture)[3:, 2:])
    >>> abs(traces.quality - 60) <= 2, traces.row, traces.column
    (True, 5, 6)
    """
    planes = np.atleast_3d(pixels)[:_CROP, :_CROP]
    if min(planes.shape[:2]) < 4 * _SIDE:
        return None
    blocks = _Blocks(planes)
    own = (-origin[0] % _SIDE, -origin[1] % _SIDE)
    others = [(i, j) for i in range(_SIDE) for j in range(_SIDE) if (i, j) != own]
    best = max(others, key=blocks.regularity)
    found = []
    for corner in (own, best):
        coarse = steps if corner == own else None
        found.append((*_best_quality(blocks.coefficients(corner), coarse), corner))
    score, quality, interval, (row, column) = max(found)
    if score < _LEAST:
        return None
    return JpegTraces(quality, (row + origin[0]) % _SIDE, (column + origin[1]) % _SIDE, interval)


@dataclass(frozen=True)
class JpegHistory:
    """The compression that a picture has gone through, as far as it can be told.

    Attributes
    ----------
    tables
        What the tables of its file stand for; None where it is in no JPEG file.
    traces
        What its pixels bear the traces of: of a JPEG file, another compression than it says, if
        there was one.
    """

    tables: TableQuality | None
    traces: JpegTraces | None

    @property
    def contradictory(self) -> bool:
        """Whether the pixels were compressed more than the file says, or on another grid."""
        if self.tables is None or self.traces is None:
            return False
        return self.traces.shifted or self.traces.quality < self.tables.quality - _FINER

    def describe(self) -> str:
        """Say it in a line; empty where there is nothing to say.

        Examples
        --------
        >>> JpegHistory(None, JpegTraces(60, 0, 0, (59, 61))).describe()
        'the pixels bear the blocks of a JPEG of quality 60 (59 to 61)'
        """
        said = ""
        if self.tables is not None:
            said = f"quality {self.tables.quality} by the tables of the file"
            if not self.tables.standard:
                said += ", which are not the usual ones: the closest"
        if self.traces is None:
            return said
        low, high = self.traces.quality_interval
        blocks = f"the blocks of a JPEG of quality {self.traces.quality} ({low} to {high})"
        if self.traces.shifted:
            row, column = self.traces.row, self.traces.column
            blocks += f" that begin in row {row}, column {column}: cropped since"
        between = ("; but " if self.contradictory else "; ") if said else ""
        return f"{said}{between}the pixels bear {blocks}"


def read_jpeg_history(
    frame: Frame, tables: Mapping[int, Sequence[int]] | None = None, *, confirm: bool = False
) -> JpegHistory:
    """Return what the middle of a picture and the tables of its file say of compression.

    Parameters
    ----------
    frame
        The picture; of one that is not of 8 bits, or of separate channels, nothing is said.
    tables
        As in `quality_of_tables`.
    confirm
        Whether to look for what the tables say in the pixels too, if there is nothing else.
    """
    (row, _), (column, _) = frame.middle_place(_MIDDLE)
    return jpeg_history(frame.middle(_MIDDLE), (row, column), tables, confirm=confirm)


def jpeg_history(
    pixels: NDArray[Any],
    origin: tuple[int, int],
    tables: Mapping[int, Sequence[int]] | None = None,
    *,
    confirm: bool = False,
) -> JpegHistory:
    """Return what pixels, (H, W[, C]) from `origin` on, and the tables of their file say.

    `tables` and `confirm` are as in `read_jpeg_history`.
    """
    traces = None
    if pixels.dtype == np.uint8 and np.atleast_3d(pixels).shape[2] in (1, 3):
        steps = None if tables is None else np.reshape(tables[min(tables)], (8, 8)).astype(float)
        traces = find_jpeg_traces(pixels, origin, steps)
        if traces is None and steps is not None and confirm:
            traces = find_jpeg_traces(pixels, origin)
    return JpegHistory(None if tables is None else quality_of_tables(tables), traces)


class _Blocks:
    """The cosine coefficients of the brightness of a picture, (H, W, C), on any grid.

    Blocks with clipped pixels do not count: what is cut off no longer has the coefficients it had.
    """

    def __init__(self, planes: NDArray[np.uint8]) -> None:
        luma = planes @ _WEIGHTS if planes.shape[2] == 3 else planes[..., 0]
        self._luma = np.asarray(luma, np.float32)
        self._clipped = ((planes == 0) | (planes == 255)).any(axis=2)

    def coefficients(
        self, corner: tuple[int, int], side: int = _CROP
    ) -> dict[tuple[int, int], NDArray[np.float32]]:
        """Return the low coefficients of the blocks from a corner on, absolute, by frequency."""
        cut = self._split(self._clipped[:side, :side], corner).any((1, 3))
        blocks = self._split(self._luma[:side, :side], corner).swapaxes(1, 2)[~cut]
        rows = np.tensordot(blocks, DCT[:4].astype(np.float32), (2, 1))
        found = np.abs(np.tensordot(rows, DCT[:4].astype(np.float32), (1, 1)))
        return {(i, j): found[:, j, i] for i, j in _LOW}

    def regularity(self, corner: tuple[int, int]) -> float:
        """Return how well the lowest coefficients lie on multiples of steps, of any size each."""
        found = self.coefficients(corner, _SEARCHED)
        total = 0.0
        for place in _LOWEST:
            multiples = found[place][:, None] / _SOME_STEPS
            outside = multiples > 0.5
            waves = np.cos(np.float32(2 * np.pi) * multiples) * outside
            total += float((waves.sum(axis=0) / np.sqrt(outside.sum(axis=0) + 1)).max())
        return total

    def _split(self, plane: NDArray[Any], corner: tuple[int, int]) -> NDArray[Any]:
        part = plane[corner[0] :, corner[1] :]
        height, width = (length // _SIDE for length in part.shape)
        whole: NDArray[Any] = part[: height * _SIDE, : width * _SIDE]
        return whole.reshape(height, _SIDE, width, _SIDE)


def _best_quality(
    coefficients: Mapping[tuple[int, int], NDArray[np.float32]],
    coarse: NDArray[np.floating] | None,
) -> tuple[float, int, tuple[int, int]]:
    """Return the log likelihood ratio of the best quality, which it is, and its interval."""
    qualities = range(1, 100)
    tables = np.stack([Jpeg(quality).steps()[0] for quality in qualities])
    total, count = np.zeros((2, len(_BLURS), len(tables)))
    for row, column in _LOW:
        least = 0.0 if coarse is None else 0.5 * float(coarse[row, column])
        spreads = np.maximum(_BLURS, least)
        steps, which = np.unique(tables[:, row, column], return_inverse=True)
        ratios = [_ratios(coefficients[row, column], float(step), spreads) for step in steps]
        for sums, found in zip((total, count), zip(*ratios, strict=True), strict=True):
            sums += np.stack(found, axis=1)[:, which]
    least_each = _LEAST_EACH if coarse is None else _LEAST_EACH_AGAIN
    total[(count < _FEWEST) | (total < least_each * count)] = 0
    likely = total.max(axis=0)
    quality = int(likely.argmax())
    mass = np.cumsum(np.exp(likely - likely[quality]))
    low, high = np.searchsorted(mass, [0.05 * mass[-1], 0.95 * mass[-1]])
    interval = qualities[min(low, quality)], qualities[max(high, quality)]
    return float(likely[quality]), qualities[quality], interval


def _ratios(
    values: NDArray[np.float32], step: float, spreads: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log likelihood ratios of a step for every blur, and the coefficients they rest on."""
    ratios, counts = np.zeros((2, len(spreads)))
    outside = values[values > step / 2]
    away = np.square(outside - step * np.rint(outside / step))
    for index, spread in enumerate(spreads):
        if step >= _TOLD * spread:
            peak = np.exp(away * np.float32(-0.5 / spread**2)) * (step / (spread * _ROOT))
            ratios[index] = np.log(_OTHERWISE + (1 - _OTHERWISE) * peak).sum()
            counts[index] = len(outside)
    return ratios, counts
