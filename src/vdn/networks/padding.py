"""Any image size for networks that halve their resolution."""

import torch.nn.functional as F
from torch import Tensor

__all__ = ["crop", "pad_to_multiple"]


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Pad (N, C, H, W) at the bottom and right so that `multiple` divides both sides.

    Reflects where the image is large enough, else repeats its last row or column.

    Examples
    --------
    >>> import torch
    >>> pad_to_multiple(torch.zeros(1, 1, 9, 1), 8).shape
    torch.Size([1, 1, 16, 8])
    """
    height, width = image.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if not (bottom or right):
        return image
    mode = "reflect" if bottom < height and right < width else "replicate"
    return F.pad(image, (0, right, 0, bottom), mode=mode)


def crop(image: Tensor, like: Tensor) -> Tensor:
    """The top left corner of `image`, as large as `like`."""
    if image.shape[-2:] == like.shape[-2:]:
        return image
    return image[..., : like.shape[-2], : like.shape[-1]]
