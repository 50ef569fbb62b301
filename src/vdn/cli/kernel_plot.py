"""The picture `--plot` draws of a blur."""

from pathlib import Path

from vdn.blur_kernel import BlurKernel
from vdn.image.atomic import replacing

__all__ = ["draw_kernel"]


def draw_kernel(path: Path, title: str, kernel: BlurKernel, overwrite: bool) -> None:
    """Draw a kernel, and its profiles with their intervals, into a file."""
    from matplotlib.figure import Figure

    from vdn.result_plot import draw_kernel_image, draw_kernel_profiles

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    draw_kernel_image(left, kernel)
    draw_kernel_profiles(right, kernel)
    with replacing(path, overwrite) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150)
