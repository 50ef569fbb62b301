"""BMP, 8 bit; palettes become colour."""

from pathlib import Path

from vdn.image.codecs.pillow_files import open_frames, pillow_metadata
from vdn.image.job import Job
from vdn.image.picture import Picture

__all__ = ["encode", "open_file"]

_GRAY = ("1", "L")


def open_file(path: Path, limit: int) -> Picture:
    """Open a BMP file."""
    from PIL.BmpImagePlugin import BmpImageFile

    with BmpImageFile(path) as image:
        mode = "L" if image.mode in _GRAY else "RGBA" if image.mode == "RGBA" else "RGB"
        metadata = pillow_metadata(image)
    frames, close = open_frames(lambda: BmpImageFile(path), 1, mode, limit)
    return Picture(frames, metadata, "bmp", path, close=close)


def encode(path: Path, job: Job) -> None:
    """Write a BMP file, which has no place for metadata but the dots per inch."""
    from PIL import Image

    (frame,) = job.frames
    options = {"dpi": job.metadata.dpi} if job.metadata.dpi else {}
    Image.fromarray(job.frame_pixels(frame)).save(path, "BMP", **options)
