"""Similar patches: the nearest neighbours of a patch within a window around it."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["key_positions", "match_blocks", "patch_rows"]

_BAND = 64  # key patches are matched in bands of so many rows of them, to bound the memory


def patch_rows(image: NDArray[np.float32], patch: int) -> NDArray[np.float32]:
    """Every patch of a (H, W) image as a row, (number of patches, patch * patch), in C order."""
    return sliding_window_view(image, (patch, patch)).reshape(-1, patch * patch)


def key_positions(length: int, patch: int, stride: int) -> NDArray[np.intp]:
    """Where key patches begin along one side: a grid that also reaches the far border.

    Examples
    --------
    >>> key_positions(10, 4, 4).tolist()
    [0, 4, 6]
    """
    positions = np.arange(0, length - patch + 1, stride)
    last = length - patch
    return positions if positions[-1] == last else np.append(positions, last)


def match_blocks(
    image: NDArray[np.float32], patch: int, stride: int, radius: int, count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find, for every key patch, the patches around it with the smallest squared distance.

    The distances of all key patches to their neighbours at one offset are one squared difference
    of shifted images, summed over patches by a separable box; so the loop runs over offsets only.

    Parameters
    ----------
    image
        (H, W).
    patch, stride
        Side of the patches; step between key patches.
    radius
        Largest offset in each direction.
    count
        How many patches a group has, the key patch among them; fewer if a window holds fewer.

    Returns
    -------
    groups : numpy.ndarray
        (number of key patches, count) rows of `patch_rows`, in no order.
    keys : numpy.ndarray
        (number of key patches,) the row of each key patch.

    Examples
    --------
    >>> stripes = np.tile(np.array([0.0, 1.0, 2.0], np.float32), (4, 3))
    >>> groups, keys = match_blocks(stripes, patch=3, stride=6, radius=6, count=3)
    >>> int(keys[0]), sorted(groups[0].tolist())
    (0, [0, 3, 6])
    """
    height, width = image.shape
    rows, columns = (key_positions(length, patch, stride) for length in (height, width))
    down, across = height - patch + 1, width - patch + 1
    radii = [min(radius, down - 1), min(radius, across - 1)]
    reach = [np.arange(-radius, radius + 1) for radius in radii]
    shifts = np.stack(np.meshgrid(*reach, indexing="ij"), axis=-1).reshape(-1, 2)
    count = min(count, (radii[0] + 1) * (radii[1] + 1))  # what the key patch of a corner can see
    padded = np.pad(image, [(r, r) for r in radii], constant_values=np.inf)
    groups, keys = [], []
    for first in range(0, len(rows), _BAND):
        band = rows[first : first + _BAND]
        top, bottom = band[0], band[-1] + patch
        distances = np.empty((len(shifts), len(columns), len(band)), np.float32)
        for distance, (dy, dx) in zip(distances, shifts + radii, strict=True):
            difference = image[top:bottom] - padded[top + dy : bottom + dy, dx : dx + width]
            np.square(difference, out=difference)
            tall = _window_sums(difference, band - top, patch)
            distance[:] = _window_sums(np.ascontiguousarray(tall.T), columns, patch)
        flat = distances.reshape(len(shifts), -1).T
        nearest = np.argpartition(flat, count - 1, axis=1)[:, :count]
        corners = (band * across + columns[:, None]).reshape(-1)
        groups.append(corners[:, None] + shifts[nearest] @ [across, 1])
        keys.append(corners)
    return np.concatenate(groups), np.concatenate(keys)


def _window_sums(
    values: NDArray[np.float32], starts: NDArray[np.intp], length: int
) -> NDArray[np.float32]:
    """Sums of `length` rows of a 2-D array from each of `starts` on."""
    total = values[starts]
    for step in range(1, length):
        total += values[starts + step]
    return total
