"""Maps of the standard deviation of the noise: how loud it is at every pixel.

`bump` draws the maps the paper trains on, `peaks`, `sincos` and `gaussian_mixture` are the three
it tests on. Every map is float32 (H, W), a standard deviation for images in [0, 1].
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from vdn.errors import InputError

__all__ = ["TEST_MAPS", "CompoundedResize", "bump", "gaussian_mixture", "peaks", "resize", "sincos"]

GRID = (256, 256)
TEST_RANGE = (10 / 255, 75 / 255)
PUBLISHED_SEED = 10000
CELL = 32


def bump(
    shape: tuple[int, int],
    generator: np.random.Generator,
    *,
    low: float = 0.0,
    high: float = 75 / 255,
    margin: float = 5 / 255,
) -> np.ndarray:
    r"""Draw a training map: one isotropic Gaussian bump at a random place, of a random width.

    .. math::

        M = d + \frac{K - \min K}{\max K - \min K}\,(u - d), \quad
        d = \min(a, b), \quad u = \max(a, b) + \text{margin}, \quad a, b \sim U(low, high)

    On a square of side s the centre of K is uniform in it and its scale is U(s/4, 3s/4); a
    rectangle takes the geometric mean of its sides for s.

    Parameters
    ----------
    shape : tuple of int
        (H, W), at least one pixel each.
    generator : numpy.random.Generator
        The source of the centre, the scale and the two ends.
    low, high : float
        The range of the two ends, for images in [0, 1].
    margin : float
        Added to the upper end, so that no map is flat; 0 allows flat ones.

    Returns
    -------
    numpy.ndarray
        float32 (H, W) with values in [low, high + margin]. A map of one pixel, where a bump
        has no extent, is the mean of its two ends.

    Raises
    ------
    InputError
        If a side is not positive, or the range is not 0 <= low <= high.

    References
    ----------
    Yue et al., Variational Denoising Network, NeurIPS 2019, https://arxiv.org/abs/1908.11314

    Examples
    --------
    >>> import numpy as np
    >>> sigma = bump((64, 64), np.random.default_rng(0))
    >>> sigma.shape, sigma.dtype, bool(sigma.max() <= 80 / 255)
    ((64, 64), dtype('float32'), True)
    """
    height, width = _checked(shape)
    if not 0 <= low <= high:
        raise InputError(f"low={low}, high={high} is no range of sigmas; give 0 <= low <= high")
    if not margin >= 0:
        raise InputError(f"margin is {margin}; give 0 or a positive number")
    side = math.sqrt(height * width)
    row, column = generator.uniform((0, 0), (height, width))
    scale = generator.uniform(side / 4, 3 * side / 4)
    ends = generator.uniform(low, high, size=2)
    vertical = np.exp(-((np.arange(height) - row) ** 2) / (2 * scale**2))
    horizontal = np.exp(-((np.arange(width) - column) ** 2) / (2 * scale**2))
    return _stretch(np.outer(vertical, horizontal), ends.min(), ends.max() + margin)


def peaks(shape: tuple[int, int] = GRID) -> np.ndarray:
    r"""Return test map 1, the function *peaks* on [-3, 3]^2.

    .. math::

        3(1-x)^2 e^{-x^2-(y+1)^2} - 10\left(\tfrac{x}{5} - x^3 - y^5\right) e^{-x^2-y^2}
        - \tfrac13 e^{-(x+1)^2-y^2}

    sampled on 256 x 256 points (x to the right, y downwards), stretched to [10, 75]/255 and
    resized to `shape`, (H, W).

    Examples
    --------
    >>> sigma = peaks((64, 96))
    >>> sigma.shape, sigma.dtype
    ((64, 96), dtype('float32'))
    """
    x = np.linspace(-3, 3, GRID[1])[None, :]
    y = np.linspace(-3, 3, GRID[0])[:, None]
    surface = (
        3 * (1 - x) ** 2 * np.exp(-(x**2) - (y + 1) ** 2)
        - 10 * (x / 5 - x**3 - y**5) * np.exp(-(x**2) - y**2)
        - np.exp(-((x + 1) ** 2) - y**2) / 3
    )
    return resize(_stretch(surface, *TEST_RANGE), shape)


def sincos(shape: tuple[int, int] = GRID) -> np.ndarray:
    r"""Return test map 2, :math:`\sin x + \cos y`.

    x runs over [1, 10] along the width and y over [1, 20] along the height of a grid of
    256 x 256, which is stretched to [10, 75]/255 and resized to `shape`, (H, W).

    Examples
    --------
    >>> bool(abs(sincos().mean() * 255 - 45.1) < 0.1)
    True
    """
    x = np.linspace(1, 10, GRID[1])[None, :]
    y = np.linspace(1, 20, GRID[0])[:, None]
    return resize(_stretch(np.sin(x) + np.cos(y), *TEST_RANGE), shape)


def gaussian_mixture(
    shape: tuple[int, int] = GRID,
    generator: np.random.Generator | np.random.RandomState | None = None,
) -> np.ndarray:
    r"""Return test map 3, the mean of 64 normalised Gaussians, one in each cell of 32 x 32.

    .. math:: \frac{1}{64}\sum_k \frac{1}{2\pi s_k^2}\, e^{-\lVert p - c_k\rVert^2 / 2 s_k^2},
              \quad s_k \sim U(16, 32)

    on a grid of 256 x 256, with every centre uniform in its cell; stretched to [10, 75]/255 and
    resized to `shape`.

    Parameters
    ----------
    shape : tuple of int
        (H, W).
    generator : numpy.random.Generator or RandomState, optional
        The source of centres (along the width, then the height) and scales. Without one, the
        published draw: the legacy generator at seed 10000.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.array_equal(gaussian_mixture(), gaussian_mixture()))
    True
    """
    draw = np.random.RandomState(PUBLISHED_SEED) if generator is None else generator
    cells = GRID[0] // CELL, GRID[1] // CELL
    columns = draw.uniform(0, CELL, size=cells) + CELL * np.arange(cells[1])[None, :]
    rows = draw.uniform(0, CELL, size=cells) + CELL * np.arange(cells[0])[:, None]
    scales = draw.uniform(CELL / 2, CELL, size=cells).reshape(-1, 1)
    vertical = np.exp(-((np.arange(GRID[0]) - rows.reshape(-1, 1)) ** 2) / (2 * scales**2))
    horizontal = np.exp(-((np.arange(GRID[1]) - columns.reshape(-1, 1)) ** 2) / (2 * scales**2))
    density = (vertical / (2 * np.pi * scales**2)).T @ horizontal / len(scales)
    return resize(_stretch(density, *TEST_RANGE), shape)


TEST_MAPS: Mapping[str, Callable[[tuple[int, int]], np.ndarray]] = MappingProxyType(
    {"case1": peaks, "case2": sincos, "case3": gaussian_mixture}
)
"""The paper's three test cases: name to a function from (H, W) to the map of that size."""


class CompoundedResize:
    """A map resized from its own previous size, as the published test script does it.

    The script overwrites the map with the resized one, so every image gets the map of the image
    before, interpolated once more. The difference from resizing the 256 x 256 map each time is
    small (within 0.07 dB); this class is for those who want the same numbers.

    Parameters
    ----------
    sigma : numpy.ndarray
        The map to start from, (H, W): `TEST_MAPS["case1"]((256, 256))`.

    Examples
    --------
    >>> at_size = CompoundedResize(peaks())
    >>> at_size((321, 481)).shape, at_size((481, 321)).shape
    ((321, 481), (481, 321))
    """

    def __init__(self, sigma: np.ndarray) -> None:
        self._current = sigma

    def __call__(self, shape: tuple[int, int]) -> np.ndarray:
        """Return the previous map resized to `shape`, (H, W), and remember it."""
        self._current = resize(self._current, shape)
        return self._current.copy()


def resize(sigma: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize a map bilinearly, without smoothing first.

    Pixels are squares (centres at half-integers), and beyond the outermost centres the border
    value continues, as common image libraries do it.

    Parameters
    ----------
    sigma : numpy.ndarray
        The map, (H, W).
    shape : tuple of int
        The size wanted, (H, W).

    Returns
    -------
    numpy.ndarray
        float32, of that size; a new array.

    Raises
    ------
    InputError
        If a side is not positive or `sigma` is no (H, W) map.

    Examples
    --------
    >>> import numpy as np
    >>> resize(np.array([[0.0, 1.0]]), (1, 4))
    array([[0.  , 0.25, 0.75, 1.  ]], dtype=float32)
    """
    shape = _checked(shape)
    if sigma.ndim != 2:
        raise InputError(f"the map has shape {sigma.shape}; give one value a pixel, (H, W)")
    if sigma.shape == shape:
        return sigma.astype(np.float32)
    rows, row_weight = _neighbours(sigma.shape[0], shape[0])
    columns, column_weight = _neighbours(sigma.shape[1], shape[1])
    above, below = sigma[rows], sigma[rows + (row_weight > 0)]
    lines = above + row_weight[:, None] * (below - above)
    left, right = lines[:, columns], lines[:, columns + (column_weight > 0)]
    return (left + column_weight * (right - left)).astype(np.float32)


def _neighbours(old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each new sample, the old one before it and the weight of the one after."""
    position = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    before = position.astype(np.intp)
    return before, position - before


def _stretch(surface: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map the smallest value to `low` and the largest to `high`; a flat one to the middle."""
    lowest, highest = surface.min(), surface.max()
    if highest == lowest:
        return np.full(surface.shape, (low + high) / 2, dtype=np.float32)
    stretched = low + (surface - lowest) * ((high - low) / (highest - lowest))
    return stretched.astype(np.float32)


def _checked(shape: tuple[int, int]) -> tuple[int, int]:
    """Return (H, W) if it is the size of an image."""
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(f"shape is {tuple(shape)}; give (height, width), both at least 1")
    return shape[0], shape[1]
