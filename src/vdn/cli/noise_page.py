"""The page `vdn noise --html` writes: everything about the noise of a picture in one file."""

import base64
import html
import io
import math
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vdn import __version__
from vdn.cli.noise_plot import check_matplotlib, curve_svg, one_map
from vdn.errors import FileError
from vdn.image.atomic import check_target, replacing
from vdn.image.preview import to_screen

if TYPE_CHECKING:
    from PIL.Image import Image

    from vdn.noise_report import StackNoise
    from vdn.streaming import FrameNoise

__all__ = ["Page", "check_page"]

_SIDE, _SMALL_SIDE = 720, 160  # pixels of the pictures, at most: of one, and of many
_SUFFIXES = (".html", ".htm")

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Noise of {title}</title>
<style>
:root {{ --back: #fff; --text: #1b1b1f; --soft: #5c5c66; --line: #d9d9e0; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --back: #17171a; --text: #ececf0; --soft: #a3a3ad; --line: #3a3a42; }}
  figure svg {{ filter: invert(.9) hue-rotate(180deg); }}
}}
body {{ margin: 2rem auto; padding: 0 1rem; max-width: 72rem; background: var(--back);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }}
h1 {{ margin: 0; font-size: 1.4rem; overflow-wrap: anywhere; }}
p {{ margin: .3rem 0 1.2rem; color: var(--soft); }}
p.verdict {{ margin: .8rem 0; color: var(--text); font-size: 1.2rem; }}
.pictures {{ display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }}
figure {{ margin: 0; }}
figure img, figure svg {{ display: block; width: 100%; height: auto; border-radius: 4px; }}
figcaption {{ margin-top: .3rem; color: var(--soft); font-size: .9rem; }}
.scale {{ display: flex; align-items: center; gap: .5rem; }}
.scale img {{ flex: 1; width: 0; height: .8rem; border-radius: 2px; }}
table {{ width: 100%; margin: 1.5rem 0; border-collapse: collapse; }}
th, td {{ padding: .35rem .6rem; border-top: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }}
th {{ width: 8rem; font-weight: 600; }}
.curve {{ max-width: 44rem; }}
footer {{ margin-top: 2rem; color: var(--soft); font-size: .85rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
"""

_IMAGE = """<section>
<p>{summary}</p>
<p class="verdict">{verdict}</p>
<div class="pictures">
<figure><img src="{picture}" alt="The picture, smoothed">
<figcaption>The picture, smoothed as the brightness is read off it</figcaption></figure>
<figure><img src="{map}" alt="Map of the noise">
<figcaption><div class="scale">0 <img src="{colours}" alt=""> {most}</div>
Standard deviation of the noise; what is above has the last colour</figcaption></figure>
</div>
<table>
{rows}
</table>
<figure class="curve">{curve}</figure>
</section>
"""

_STACK = """<p class="verdict">{verdict}</p>
<table>
{rows}
</table>
<table>
{images}
</table>
"""

_FOOT = """<footer>vdn {version}. Figures are in the units of the picture.</footer>
</body>
</html>
"""


def check_page(path: Path, overwrite: bool) -> None:
    """Refuse a page that cannot be made or written."""
    check_matplotlib("--html")
    if path.suffix.lower() not in _SUFFIXES:
        raise FileError(f"{path}: a page ends in .html or .htm")
    check_target(path, overwrite)


class Page:
    """The noise of a picture as one page that needs no other file and no network.

    Its images are added one by one, and kept on the disk until it is finished.

    Parameters
    ----------
    path
        The file to write.
    title
        The name of the picture.
    count
        How many images it has.
    """

    def __init__(self, path: Path, title: str, count: int) -> None:
        self._path, self._title, self._count = path, title, count
        self._side = max(_SIDE // math.isqrt(count), _SMALL_SIDE)
        self._images: list[tuple[str, str]] = []
        self._sections = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115

    def add(self, found: "FrameNoise", place: Mapping[str, int]) -> None:
        """Take an image in."""
        from matplotlib import colormaps
        from PIL import Image

        from vdn.noise_report import noise_lines, one_line, summarise

        summary = summarise(found, place)
        self._images.append((summary.split(",")[0], one_line(found)))
        sigma, most = one_map(found)
        paint = colormaps["viridis"]
        painted = Image.fromarray(paint(sigma / most, bytes=True)[..., :3])
        colours = Image.fromarray(paint(np.linspace(0, 1, 256)[None], bytes=True)[..., :3])
        image = found.summary.small_image
        shown = Image.fromarray(to_screen(image if image.shape[2] in (1, 3) else image[..., 0]))
        (_, verdict), *lines = noise_lines(found)
        text = _IMAGE.format(
            summary=html.escape(summary),
            verdict=html.escape(verdict),
            picture=self._data(shown),
            map=self._data(painted),
            colours=self._data(colours),
            most=f"{most:.3g}",
            rows=_rows(lines),
            curve=curve_svg(found),
        )
        self._sections.write(text)

    def finish(self, together: "StackNoise", overwrite: bool) -> None:
        """Write the page: of several images first what they have in common."""
        with (
            replacing(self._path, overwrite) as temporary,
            self._sections as sections,
            temporary.open("w", encoding="utf-8") as page,
        ):
            page.write(_HEAD.format(title=html.escape(self._title)))
            if self._count > 1:
                (_, verdict), *lines = together.lines()
                page.write(
                    _STACK.format(
                        verdict=html.escape(verdict),
                        rows=_rows(lines),
                        images=_rows(self._images),
                    )
                )
            sections.seek(0)
            shutil.copyfileobj(sections, page)
            page.write(_FOOT.format(version=__version__))

    def _data(self, picture: "Image") -> str:
        """Return a picture as the address of itself, as WebP."""
        picture.thumbnail((self._side, self._side))
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=85)
        return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _rows(lines: Iterable[tuple[str, str]]) -> str:
    return "\n".join(
        f'<tr><th scope="row">{html.escape(label)}</th><td>{html.escape(value)}</td></tr>'
        for label, value in lines
    )
