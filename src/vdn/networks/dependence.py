"""How far a network looks: the halo a tile needs so that tiled equals whole."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

__all__ = ["dependence_radius"]


def dependence_radius(
    network: Callable[[Tensor], Iterable[Tensor]], channels: int, multiple: int
) -> int:
    """The largest distance, in pixels, at which an input pixel reaches an output pixel.

    Measured, not derived: a NaN in one pixel spoils exactly the outputs that depend on it. One is
    placed at each position relative to the network's grid, in a strip long enough that the
    damage ends before the strip does. Vertical and horizontal reach are taken to be equal, as
    they are for square kernels.

    Parameters
    ----------
    network : callable
        (N, C, H, W) float64 -> one or several tensors (N, ?, s H, s W), s a whole number or one
        divided by one.
    channels : int
        Of its input.
    multiple : int
        Period of the network's grid in pixels, its total down-sampling.

    Returns
    -------
    int
        The radius in pixels, the same in both directions.

    Examples
    --------
    >>> conv = torch.nn.Conv2d(1, 1, 5, padding=2).double()
    >>> dependence_radius(lambda y: [conv(y)], channels=1, multiple=1)
    2
    """
    reach = 8 * multiple
    while True:
        height = 2 * reach + multiple
        strips = torch.zeros(multiple, channels, height, 2 * multiple, dtype=torch.float64)
        rows = reach + torch.arange(multiple)
        strips[torch.arange(multiple), :, rows, multiple] = torch.nan
        with torch.no_grad():
            spoilt = [_rows(output.isnan().any(dim=(1, 3)), height) for output in network(strips)]
        radius = 0
        touches_end = False
        for output in spoilt:
            for phase, row in enumerate(rows.tolist()):
                hit = output[phase].nonzero().flatten()
                radius = max(radius, int((hit - row).abs().max()))
                touches_end |= bool(output[phase, 0] | output[phase, -1])
        if not touches_end:
            return radius
        reach *= 2


def _rows(spoilt: Tensor, height: int) -> Tensor:
    """Return which rows of the input (N, H) lie where rows of an output are spoilt."""
    if spoilt.shape[1] < height:
        return spoilt.repeat_interleave(height // spoilt.shape[1], dim=1)
    return spoilt.unflatten(1, (height, -1)).any(2)
