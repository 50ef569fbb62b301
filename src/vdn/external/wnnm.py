r"""Weighted nuclear norm minimisation (Gu, Xie, Meng, Zuo, Feng, Zhang, IJCV 2017).

A group of similar patches is a matrix of low rank plus noise. Its estimate is the minimiser of
:math:`\tfrac12 \|Y - X\|_F^2 + \sum_i w_i \sigma_i(X)` with weights
:math:`w_i = C / (\sigma_i(X) + \epsilon)` that punish small singular values more than large ones;
with these weights the minimiser has a closed form (Corollary 1 of the paper).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdn.external.block_matching import match_blocks, patch_rows
from vdn.external.method import SigmaEstimate, as_planes, require, scalar_sigma

__all__ = ["WNNMSettings", "denoise", "denoise_channel", "settings_for", "shrink_groups"]

_BATCH = 512  # groups whose eigenvalues are found in one call


@dataclass(frozen=True)
class WNNMSettings:
    """The parameters of the paper for one noise level.

    Attributes
    ----------
    patch, similar
        Side of a patch; number of patches in a group at the first matching.
    iterations
        How often the whole image is estimated.
    gamma
        Factor of the re-estimated noise level.
    """

    patch: int
    similar: int
    iterations: int
    gamma: float
    delta: float = 0.1  # share of the noisy image fed back before each iteration
    constant: float = 2 * np.sqrt(2)
    radius: int = 30  # of the search window
    rematch_every: int = 2  # iterations between two block matchings
    fewer_similar: int = 10  # patches a group loses at each matching: less noise, fewer needed

    @property
    def stride(self) -> int:
        """Step between key patches."""
        return self.patch // 2 - 1


def settings_for(sigma: float) -> WNNMSettings:
    """The paper's parameters for a noise level in [0, 1] units.

    Examples
    --------
    >>> settings_for(25 / 255).patch
    7
    """
    for largest, settings in (
        (20, WNNMSettings(6, 70, 8, 0.54)),
        (40, WNNMSettings(7, 90, 12, 0.56)),
        (60, WNNMSettings(8, 120, 14, 0.58)),
    ):
        if sigma * 255 <= largest:
            return settings
    return WNNMSettings(9, 140, 14, 0.58)


def denoise(
    image: ArrayLike,
    sigma: ArrayLike | None = None,
    *,
    estimate: SigmaEstimate | None = None,
    settings: WNNMSettings | None = None,
) -> NDArray[np.float32]:
    """Denoise by weighted nuclear norm minimisation; see `vdn.external.Denoise`.

    Each channel is denoised alone, as the paper's method knows one channel only. A map of sigmas
    counts as its root mean square.

    Parameters
    ----------
    settings
        Default `settings_for` the noise level.

    Raises
    ------
    MissingExtraError
        Without threadpoolctl.

    References
    ----------
    https://doi.org/10.1007/s11263-016-0930-5

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> clean = np.tile(np.linspace(0, 1, 32, dtype=np.float32), (32, 1))
    >>> noisy = clean + generator.normal(0, 0.1, clean.shape)
    >>> restored = denoise(noisy, 0.1, settings=WNNMSettings(6, 30, 2, 0.54))
    >>> bool(np.std(restored - clean) < 0.5 * np.std(noisy - clean))
    True
    """
    planes = as_planes(image)
    level = scalar_sigma(planes, sigma, estimate)
    if level == 0:
        return np.array(image, dtype=np.float32)
    chosen = settings or settings_for(level)
    channels = [
        denoise_channel(np.ascontiguousarray(planes[..., c]), level, chosen)
        for c in range(planes.shape[2])
    ]
    return np.stack(channels, axis=-1).reshape(np.shape(image))


def denoise_channel(
    noisy: NDArray[np.float32], sigma: float, settings: WNNMSettings
) -> NDArray[np.float32]:
    """Denoise one (H, W) channel of a known noise level, on one thread."""
    # Small eigenvalue problems only wait for each other when BLAS gives each to several threads.
    with require("threadpoolctl", "bench").threadpool_limits(1, user_api="blas"):
        return _iterate(noisy, sigma, settings)


def _iterate(
    noisy: NDArray[np.float32], sigma: float, settings: WNNMSettings
) -> NDArray[np.float32]:
    side = min(settings.patch, *noisy.shape)
    noisy_patches = patch_rows(noisy, side)
    levels = np.full(len(noisy_patches), sigma, np.float32)
    estimate = noisy
    similar = settings.similar
    groups = np.empty((0, 0), np.intp)
    for iteration in range(settings.iterations):
        estimate = estimate + np.float32(settings.delta) * (noisy - estimate)
        if iteration % settings.rematch_every == 0:
            similar = max(similar - settings.fewer_similar, 1)
            stride = max(min(settings.stride, side), 1)
            groups, keys = match_blocks(estimate, side, stride, settings.radius, similar)
        patches = patch_rows(estimate, side)
        if iteration:
            removed = np.square(noisy_patches - patches).mean(axis=1)
            levels = settings.gamma * np.sqrt(np.abs(np.float32(sigma) ** 2 - removed))
        estimate = _aggregate(patches, groups, levels[keys], noisy.shape, side, settings.constant)
    return estimate


def _aggregate(
    patches: NDArray[np.float32],
    groups: NDArray[np.intp],
    levels: NDArray[np.float32],
    shape: tuple[int, ...],
    side: int,
    constant: float,
) -> NDArray[np.float32]:
    """Shrink every group and average its patches where they overlap."""
    height, width = shape
    total = np.zeros(height * width, np.float32)
    weight = np.zeros(height * width, np.float32)
    within = (np.arange(side)[:, None] * width + np.arange(side)).reshape(-1)
    across = width - side + 1
    for first in range(0, len(groups), _BATCH):
        members = groups[first : first + _BATCH]
        shrunk = shrink_groups(patches[members], levels[first : first + _BATCH], constant)
        corner = (members // across) * width + members % across
        pixels = (corner[..., None] + within).reshape(-1)
        np.add.at(total, pixels, shrunk.reshape(-1))
        np.add.at(weight, pixels, np.float32(1))
    return (total / weight).reshape(shape)


def shrink_groups(
    groups: NDArray[np.float32], sigma: NDArray[np.float32], constant: float = 2 * np.sqrt(2)
) -> NDArray[np.float32]:
    r"""The minimiser of the weighted nuclear norm problem for each group, around its mean patch.

    A singular value s becomes :math:`(s + \sqrt{s^2 - 4C})/2` if :math:`s^2 > 4C`, else 0, with
    :math:`C = c \sqrt{n} \sigma^2` for n patches and :math:`\epsilon \to 0`. The singular values
    come from the small Gram matrix of the pixels, so that X is Y times one square matrix.

    Parameters
    ----------
    groups
        (B, n, d): B groups of n patches of d pixels.
    sigma
        (B,) noise levels.
    constant
        c of the weights.

    Returns
    -------
    numpy.ndarray
        (B, n, d).
    """
    mean = groups.mean(axis=1, keepdims=True)
    centred = groups - mean
    squares, directions = np.linalg.eigh(centred.transpose(0, 2, 1) @ centred)
    threshold = 4 * constant * np.sqrt(groups.shape[1]) * np.square(sigma)[:, None]
    kept = squares > threshold
    ratio = np.divide(threshold, squares, out=np.ones_like(squares), where=kept)
    gain = np.where(kept, (1 + np.sqrt(1 - ratio)) / 2, 0)
    return centred @ ((directions * gain[:, None]) @ directions.transpose(0, 2, 1)) + mean
