"""What results are called."""

__all__ = ["MARKS", "result_name"]

MARKS = {
    "denoise": "denoised",
    "upscale": "upscaled",
    "deblur": "deblurred",
    "deblock": "deblocked",
}
"""What a picture is called after a task: in messages, and in the names of results."""


def result_name(stem: str, mark: str, suffix: str) -> str:
    """Return the name of the result beside a picture.

    Parameters
    ----------
    stem
        The name of the picture without its last suffix.
    mark
        One of `MARKS`.
    suffix
        That of the result, with its dot.

    Examples
    --------
    >>> result_name("a", "upscaled", ".jpg"), result_name("b.ome", "denoised", ".tif")
    ('a.upscaled.jpg', 'b.denoised.ome.tif')
    """
    name, ome = (stem[:-4], stem[-4:]) if stem.lower().endswith(".ome") else (stem, "")
    return f"{name}.{mark}{ome}{suffix}"
