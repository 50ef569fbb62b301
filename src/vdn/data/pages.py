"""Pages of text and drawings, rendered from free fonts: what a denoiser must leave as it is."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["render_page"]

_LETTERS = "etaoinshrdlucmfwypvbgkjqxzETAOINSHRDLU0123456789.,;:-+=*/()[]{}<>_'!?%&#@"
_USUAL = np.array([12, 9, 8, 8, 7, 7, 6, 6, 6, 4, 4, 3, 3, 2, 2, 2, 2, 2, 1, 1.5, 2, 1])
_WEIGHTS = np.concatenate([_USUAL, np.full(len(_LETTERS) - len(_USUAL), 0.7)])
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def render_page(generator: np.random.Generator, size: int = 512) -> NDArray[np.uint8]:
    """Return a page of lines of text, tables, curves and panels, uint8 (size, size, 3).

    Most pages are dark on light or light on dark in near-gray; some are coloured. Text is
    antialiased but for a few pages of bitmap letters. The fonts are that of Pillow (Aileron, CC0)
    and, where Matplotlib is installed, its own (DejaVu and STIX, free licences).

    Examples
    --------
    >>> page = render_page(np.random.default_rng(0), 64)
    >>> page.shape, bool(page.std() > 5)
    ((64, 64, 3), True)
    """
    paper, ink = _colours(generator)
    image = Image.new("RGB", (size, size), paper)
    draw = ImageDraw.Draw(image)
    for _ in range(int(generator.integers(4))):
        _panel(draw, generator, size)
    kind = generator.random()
    if kind < 0.3:
        _drawing(draw, generator, size, ink)
    if kind > 0.15:
        columns = int(generator.integers(1, 4))
        for column in range(columns):
            left, right = (size * side // columns + 6 for side in (column, column + 1))
            _column(draw, generator, (left, right), size, ink)
    if generator.random() < 0.15:
        image = image.rotate(generator.uniform(-8, 8), Image.Resampling.BICUBIC, fillcolor=paper)
    return np.asarray(image)


def _colours(generator: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the colours of paper and ink."""
    light = generator.integers(200, 256, 3) if generator.random() < 0.4 else np.full(3, 255)
    dark = generator.integers(0, 90, 3) if generator.random() < 0.5 else np.zeros(3, int)
    if generator.random() < 0.15:
        light, dark = generator.integers(0, 256, (2, 3))
    if generator.random() < 0.3:
        light, dark = dark, light
    return tuple(map(int, light)), tuple(map(int, dark))


def _column(
    draw: ImageDraw.ImageDraw,
    generator: np.random.Generator,
    sides: tuple[int, int],
    size: int,
    ink: tuple[int, ...],
) -> None:
    top, (left, right) = int(generator.integers(12)), sides
    while top < size:
        font = _font(generator)
        height = max(round(_line_height(font) * generator.uniform(0.95, 1.5)), 6)
        colour = tuple(map(int, generator.integers(0, 256, 3))) if _seldom(generator) else ink
        for _ in range(int(generator.integers(1, 12))):
            text = _line(generator)
            draw.text((left, top), text[: max(3 * (right - left) // height, 1)], colour, font)
            top += height
        top += int(generator.integers(height))


def _line(generator: np.random.Generator) -> str:
    letters = "".join(generator.choice(list(_LETTERS), 120, p=_WEIGHTS))
    words, start = [], 0
    while start < len(letters):
        length = int(generator.integers(1, 11))
        words.append(letters[start : start + length])
        start += length
    return " ".join(words)


def _drawing(
    draw: ImageDraw.ImageDraw, generator: np.random.Generator, size: int, ink: tuple[int, ...]
) -> None:
    """Draw curves, frames and circles in thin lines."""
    for _ in range(int(generator.integers(5, 40))):
        colour = tuple(map(int, generator.integers(0, 256, 3))) if _seldom(generator) else ink
        width, kind = int(generator.integers(1, 4)), generator.random()
        points = generator.uniform(-0.1, 1.1, (2, 2)) * size
        low, high = np.sort(points, axis=0)
        box = (*map(float, low), *map(float, high))
        if kind < 0.3:
            draw.line([tuple(map(float, point)) for point in points], colour, width)
        elif kind < 0.5:
            draw.rectangle(box, outline=colour, width=width)
        elif kind < 0.7:
            draw.ellipse(box, outline=colour, width=width)
        else:
            across = np.linspace(low[0], high[0], 60)
            up = low[1] + np.cumsum(generator.normal(0, (high - low)[1] / 15 + 1, 60))
            draw.line(list(zip(across.tolist(), up.tolist(), strict=True)), colour, width)


def _panel(draw: ImageDraw.ImageDraw, generator: np.random.Generator, size: int) -> None:
    """Fill a rectangle, as windows and diagrams have them."""
    low, high = np.sort(generator.uniform(0, 1, (2, 2)) * size, axis=0)
    colour = tuple(map(int, generator.integers(0, 256, 3)))
    draw.rectangle((*map(float, low), *map(float, high)), fill=colour)


def _seldom(generator: np.random.Generator) -> bool:
    return bool(generator.random() < 0.15)


def _font(generator: np.random.Generator) -> Any:
    if generator.random() < 0.05:
        return ImageFont.load_default_imagefont()
    size = float(7 * (36 / 7) ** (generator.random() ** 1.7))  # half below 12 pixels
    files = _font_files()
    which = int(generator.integers(len(files) + 1 + len(files) // 3))
    return (
        ImageFont.truetype(files[which], size)
        if which < len(files)
        else ImageFont.load_default(size)
    )


def _line_height(font: Any) -> int:
    return int(font.getbbox("Agjy|")[3])


_FAMILIES = ("DejaVuSans*.ttf", "DejaVuSerif*.ttf", "STIXGeneral*.ttf", "cm[brst]*10.ttf")


@cache
def _font_files() -> list[Path]:
    """Return the fonts of letters that come with Matplotlib, if it is installed."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    files = {path for pattern in _FAMILIES for path in folder.glob(pattern)}
    return sorted(path for path in files if path.name != "cmsy10.ttf")
