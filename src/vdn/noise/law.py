"""The law of white noise, read off the picture itself: variance = a x + b, with intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vdn.noise.whiteness import WHITE, measure_whiteness

__all__ = ["NoiseLaw", "fit_law", "fit_white"]

_BLOCK = 8  # pixels a side
_TILE = 6  # blocks a side; the tiles are what is resampled
_BINS = 24
_FIRST = 0.15  # of the blocks of a bin, the least textured, from which the first law comes
_FLAT, _FLAT_COARSE = 1.25, 1.5  # energy of texture over that of noise, up to which a block is flat
_LEAST, _LEAST_SHARE = 60, 0.05  # blocks, and share of all of them, to say anything
_CLIPPED = 1e-3  # of the pixels that have the least or largest value, from which on it is cut off
_BEYOND = 0.8  # relative excess of a block's variance from which on it counts as that
_SHIFT = -0.0053  # mean of min(r - 1, _BEYOND) for r = chi^2 of 16 degrees of freedom over 16
_ROUNDS, _RESAMPLES = 30, 100
_WIDER = 1.9  # what texture adds to the spread of resampled laws, measured on BSD68
_NORMAL_90 = 1.645
_VAGUE = 0.15  # relative half-width of its interval from which on one is not known
_FAR = 4.0  # times b/a: where even the darkest parts are brighter, b is extrapolated


@dataclass(frozen=True)
class NoiseLaw:
    r"""The variance of the noise of one channel at the brightness x: :math:`a x + b`.

    Attributes
    ----------
    a, b
        In the unit of the image, and in its square.
    a_interval, b_interval
        The true ones lie there with a probability of 90 %.
    span
        The 5th and 95th percentile of the brightness the law rests on.
    a_known, b_known
        Whether they are known to 15 %: b is not where the picture has nothing dark enough.
    flat
        The share of the picture that is flat enough to see the noise.
    error_correlation
        Of the errors of a and b: near -1, as a line turns about its middle.
    """

    a: float
    b: float
    a_interval: tuple[float, float]
    b_interval: tuple[float, float]
    span: tuple[float, float]
    a_known: bool
    b_known: bool
    flat: float
    error_correlation: float

    def sigma_at(self, brightness: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Return the standard deviation at a brightness; 0 where the line is below 0."""
        variance: NDArray[np.float64] = self.a * np.asarray(brightness, np.float64) + self.b
        return np.sqrt(np.maximum(variance, 0))

    def sigma_band(
        self, brightness: NDArray[np.floating] | float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where the standard deviation at a brightness lies with 90 %: from and to."""
        x = np.asarray(brightness, np.float64)
        half_a, half_b = ((high - low) / 2 for low, high in (self.a_interval, self.b_interval))
        together = 2 * self.error_correlation * half_a * half_b * x
        half = np.sqrt(np.maximum((half_a * x) ** 2 + together + half_b**2, 0))
        variance = self.a * x + self.b
        return np.sqrt(np.maximum(variance - half, 0)), np.sqrt(np.maximum(variance + half, 0))

    @property
    def depends_on_signal(self) -> bool:
        """Whether more light means more noise, or less, beyond doubt and by a tenth at least."""
        low, high = self.a_interval
        dark, bright = (self.a * x + self.b for x in self.span)
        return (low > 0 or high < 0) and abs(bright - dark) > 0.2 * max(abs(bright), abs(dark))


def fit_law(pixels: NDArray[np.generic], seed: int = 0) -> tuple[NoiseLaw | None, ...]:
    r"""Fit the law of independent noise in every channel.

    The diagonal Haar coefficients of blocks of 8 x 8 pixels have the variance of the noise where
    the picture is flat. Which blocks are flat is told by the other coefficients, which noise that
    is independent from pixel to pixel leaves independent of the diagonal ones; so choosing the
    blocks does not bias the variance. The line is fitted by weighted least squares, a block's
    relative error being that of a :math:`\chi^2` variable, with what is far too large cut short and
    the mean of what is cut put back. Intervals come from resampling tiles of the picture.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, C), without alpha; in any unit.
    seed
        Of the resampling.

    Returns
    -------
    tuple
        One law a channel, None where too little of the picture is flat, not clipped and finite.

    References
    ----------
    Foi et al., Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data, IEEE TIP 2008, https://doi.org/10.1109/TIP.2008.2001399

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> clean = np.tile(np.linspace(0, 1, 512), (512, 1))
    >>> (law,) = fit_law(0.01 * rng.poisson(clean / 0.01) + 0.05 * rng.standard_normal(clean.shape))
    >>> abs(law.a / 0.01 - 1) < 0.05, abs(law.b / 0.0025 - 1) < 0.15, law.b_known
    (True, True, True)
    """
    planes = np.atleast_3d(pixels)
    generator = np.random.default_rng(seed)
    return tuple(_fit(planes[..., c], generator) for c in range(planes.shape[2]))


def fit_white(pixels: NDArray[np.generic]) -> tuple[NoiseLaw | None, ...] | None:
    """Return the laws of the channels, or None where the noise is not independent.

    Noise that is alike in neighbouring pixels has less variance in diagonal coefficients than it
    has, so that `fit_law` would say too little.
    """
    found = measure_whiteness(pixels)
    if found is None or found.ratio < WHITE:
        return None
    return fit_law(pixels)


def _fit(plane: NDArray[np.generic], generator: np.random.Generator) -> NoiseLaw | None:
    whole = plane.astype(np.float64)
    finite = np.isfinite(whole)
    if min(plane.shape) < 4 * _BLOCK or not finite.any():
        return None
    unit = float(np.abs(whole[finite]).max()) or 1.0
    whole = np.where(finite, whole / unit, 0)
    ends = whole.min(), whole.max()
    cut = [whole <= ends[0], whole >= ends[1]]
    clipped = ~finite | cut[0] | cut[1]
    dark, bright = (
        end if np.mean(at) > _CLIPPED else far
        for end, at, far in zip(ends, cut, (-np.inf, np.inf), strict=True)
    )
    x, v, texture, coarse, tile = _blocks(whole, clipped)
    if len(x) < _LEAST:
        return None
    parts = np.array_split(np.argsort(x), _BINS)
    least = [
        part[np.argsort((texture + coarse)[part])[: max(10, int(_FIRST * len(part)))]]
        for part in parts
    ]
    chosen = np.concatenate(least)
    start = 0.0, float(np.median(v[chosen]))
    if start[1] == 0:
        return None
    a, b = _line(x[chosen], v[chosen], start)
    for _ in range(6):
        expected = np.maximum(a * x + b, 1e-3 * start[1])
        flat = (texture < _FLAT * expected) & (coarse < _FLAT_COARSE * expected)
        reach = 3 * np.sqrt(expected)  # of noise, which must not be cut off
        flat &= (x - reach > dark) & (x + reach < bright)
        if np.count_nonzero(flat) < _LEAST:
            break
        chosen = np.flatnonzero(flat)
        if np.median(v[chosen]) == 0:
            return None
        a, b = _line(x[chosen], v[chosen], (a, b))
    if len(chosen) < _LEAST_SHARE * len(x):
        return None
    _, group = np.unique(tile[chosen], return_inverse=True)
    count = int(group.max()) + 1
    lines = []
    for _ in range(_RESAMPLES):
        weight = np.bincount(generator.integers(count, size=count), minlength=count)[group]
        lines.append(_line(x[chosen], v[chosen], (a, b), weight.astype(np.float64), rounds=5))
    errors = np.array(lines) - np.mean(lines, axis=0)
    spread = np.sqrt(np.mean(errors**2, axis=0))
    half_a, half_b = (float(each) for each in _WIDER * _NORMAL_90 * spread)
    together = float(np.mean(errors.prod(axis=1)) / max(spread.prod(), 1e-300))
    low, high = np.quantile(x[chosen], [0.05, 0.95])
    a_known, b_known = bool(half_a < _VAGUE * abs(a)), bool(half_b < _VAGUE * abs(b))
    if a > 0:
        b_known &= bool(low < _FAR * b / a)
    a, half_a, low, high = (float(value * unit) for value in (a, half_a, low, high))
    b, half_b = (float(value * unit**2) for value in (b, half_b))
    return NoiseLaw(
        a,
        b,
        (a - half_a, a + half_a),
        (b - half_b, b + half_b),
        (low, high),
        a_known,
        b_known,
        len(chosen) / len(x),
        together,
    )


def _blocks(plane: NDArray[np.float64], clipped: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return brightness, variance, texture at two scales, and tile of every block, (5, N).

    On four grids, each a pixel from the others; without blocks that have clipped pixels or are
    constant.
    """
    height, width = (side // (2 * _BLOCK) * 2 * _BLOCK - 2 * _BLOCK for side in plane.shape)
    found = []
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = plane[down : down + height, right : right + width]
        smooth, first, second, diagonal = _haar(part)
        _, *coarse = _haar(smooth)
        mean = _means(part, _BLOCK)
        rows, columns = np.indices(mean.shape) // _TILE
        values: NDArray[np.float64] = np.stack(
            [
                mean,
                _means(diagonal**2, _BLOCK // 2),
                _means((first**2 + second**2) / 2, _BLOCK // 2),
                _means(sum(band**2 for band in coarse) / 3, _BLOCK // 4),  # type: ignore[arg-type]
                rows * 10_000.0 + columns,
            ]
        )
        cut = _means(clipped[down : down + height, right : right + width].astype(float), _BLOCK)
        constant = (values[1:4] == 0).all(axis=0)  # a border, or what compression has emptied
        found.append(values[:, (cut == 0) & ~constant])
    return np.concatenate(found, axis=1)


def _haar(plane: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return the smooth, the two oblong and the diagonal part of one level, orthonormal."""
    a, b, c, d = plane[::2, ::2], plane[::2, 1::2], plane[1::2, ::2], plane[1::2, 1::2]
    return (a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2


def _means(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    height, width = (length // side for length in values.shape)
    means: NDArray[np.float64] = values.reshape(height, side, width, side).mean(axis=(1, 3))
    return means


def _line(
    x: NDArray[np.float64],
    v: NDArray[np.float64],
    start: tuple[float, float],
    weight: NDArray[np.float64] | float = 1.0,
    rounds: int = _ROUNDS,
) -> tuple[float, float]:
    """Fit v = a x + b, where v / (a x + b) is a chi^2 variable but for what is far too large."""
    a, b = start
    least = 1e-3 * float(np.median(v)) + 1e-300
    for _ in range(rounds):
        expected = np.maximum(a * x + b, least)
        target = expected * (1 + np.minimum(v / expected - 1, _BEYOND) - _SHIFT)
        share = weight / expected**2
        total = share.sum()
        middle, level = (share * x).sum() / total, (share * target).sum() / total
        spread = (share * (x - middle) ** 2).sum()
        a = float((share * (x - middle) * (target - level)).sum() / spread) if spread > 0 else 0.0
        b = float(level - a * middle)
    return a, b
