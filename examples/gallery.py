"""Make the pictures of the documents, and the figures of `docs/gallery.md`.

    pip install '.[bench,bm3d]'
    python examples/gallery.py [SCENE]...

Each scene is denoised blind by `vdn`, and by non-local means and BM3D, which are told the standard
deviation of the noise. The sources are in the public domain; `examples/README.md` names them.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from skimage.filters import gaussian
from skimage.transform import iradon, radon, resize

import vdn
from vdn.external import load_method
from vdn.noise.simulate import simulate

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "examples" / "grace_hopper.jpg"
PAGE = ROOT / "docs" / "gallery.md"
FIRST = "phone"  # the scene whose first row is on the README
SIDE, GAP, BAR = 224, 4, 20  # pixels: a panel, between panels, a caption

Array = NDArray[Any]


@dataclass(frozen=True)
class Scene:
    """A noisy picture.

    Attributes
    ----------
    noisy
        As a user has it: integers or floats, in whatever units.
    clean
        The same without noise, in the same units, where it is known.
    shown
        The values that are black and white in the panels.
    corner
        Upper left pixel of the part that is shown.
    zoom
        Sides of the square that shows a pixel.
    """

    noisy: Array
    clean: Array | None
    shown: tuple[float, float]
    corner: tuple[int, int]
    zoom: int = 1


def film() -> Scene:
    """Film grain and scanning noise: the photograph in `examples`, every pixel twofold."""
    return Scene(np.asarray(Image.open(PHOTO))[80:400, 150:470], None, (0, 255), (50, 120), zoom=2)


def grain() -> Scene:
    """Synthetic film grain (AV1's model) on a photograph."""
    clean = data.coffee()[30:330, 90:390]
    return Scene(_noisy(clean, "grain:12"), clean, (0, 255), (40, 50))


def phone() -> Scene:
    """A simulated phone at high ISO: Bayer noise, demosaicing, tone curve, JPEG."""
    clean = data.astronaut()[:300, 80:380]
    return Scene(_noisy(clean, "camera:10+jpeg:85"), clean, (0, 255), (20, 40))


def microscopy() -> Scene:
    """Rendered filaments under a fluorescence microscope, photons counted by a 16-bit camera.

    The camera adds 100 to 2.2 counts a photon, and noise of 3 counts by its read-out.
    """
    generator = np.random.default_rng(0)
    sheet = Image.new("F", (640, 640))
    draw = ImageDraw.Draw(sheet)
    for _ in range(45):
        turns = generator.normal(0, 0.06) + generator.normal(0, 0.1, 120)
        headings = generator.uniform(0, 2 * np.pi) + np.cumsum(turns)
        steps = 6 * np.stack([np.cos(headings), np.sin(headings)], 1)
        path = generator.uniform(0, 640, 2) + np.cumsum(steps, 0)
        draw.line([tuple(point) for point in path], fill=generator.uniform(60, 300), width=3)
    cell = gaussian(np.asarray(sheet), 2.5) + 0.15 * gaussian(np.asarray(sheet), 40)
    photons = 3 + cell[::2, ::2]
    clean = 100 + 2.2 * photons
    noisy = 100 + 2.2 * generator.poisson(photons) + 3 * generator.standard_normal(photons.shape)
    return Scene(noisy.round().clip(0).astype(np.uint16), clean, (95, 600), (48, 48))


def starfield() -> Scene:
    """A rendered star field in electrons: a sky of 400, read-out noise of 5."""
    generator = np.random.default_rng(1)
    rows, columns = np.mgrid[:320, :320]
    clean = np.full((320, 320), 400.0)
    for flux in 300 * generator.pareto(0.9, 160).clip(0.2, 3e3):
        y, x = generator.uniform(0, 320, 2)
        clean += flux * 0.16 * (1 + ((rows - y) ** 2 + (columns - x) ** 2) / 2.5) ** -2.5
    noisy = generator.poisson(clean) + 5 * generator.standard_normal(clean.shape)
    return Scene(noisy.astype(np.float32), clean, (340, 800), (48, 48))


def ct() -> Scene:
    """The Shepp-Logan phantom in Hounsfield units, reconstructed from noisy projections."""
    water = 0.02 / 3  # attenuation of a pixel of 0.33 mm
    phantom = water * resize(data.shepp_logan_phantom(), (320, 320), anti_aliasing=True) * 5
    angles = np.linspace(0, 180, 480, endpoint=False)
    projections = radon(phantom, angles)
    counts = np.random.default_rng(2).poisson(2e4 * np.exp(-projections)).clip(1)

    def units(sinogram: Array) -> Array:
        return 1000 * (iradon(sinogram, angles) - water) / water

    clean, noisy = units(projections), units(-np.log(counts / 2e4))
    return Scene(noisy.astype(np.float32), clean, (-200, 600), (48, 48))


SCENES: dict[str, Callable[[], Scene]] = {
    scene.__name__: scene for scene in (film, grain, phone, microscopy, starfield, ct)
}


def main(names: Iterable[str]) -> None:
    PAGE.with_suffix("").mkdir(exist_ok=True)
    for name in names or SCENES:
        figures = show(name, SCENES[name]())
        text, count = re.subn(
            rf"(?s)(<!-- {name} -->\n).*?(\n<!-- end -->)",
            lambda found, figures=figures: f"{found[1]}{figures}{found[2]}",
            PAGE.read_text(encoding="utf-8"),
        )
        if count != 1:
            raise SystemExit(f"{PAGE} has no place for the figures of {name}")
        PAGE.write_text(text, encoding="utf-8")
        print(f"{name}\n{figures}")


def show(name: str, scene: Scene) -> str:
    """Denoise a scene, save its panels, and return its figures as Markdown."""
    result = vdn.denoise(scene.noisy)
    found = float(_rms(np.array(result.sigma)))
    told = found if scene.clean is None else float(_rms(scene.noisy - np.float64(scene.clean)))
    low, high = scene.shown
    unit = (scene.noisy - np.float32(low)) / (high - low)
    nlm, bm3d = (
        load_method(other)(unit, told / (high - low)) * (high - low) + low
        for other in ("nlm", "bm3d")
    )
    noise_map, top = _coloured(_as_planes(result.noise_sigma), scene)
    if scene.clean is None:
        removed = scene.noisy - np.float32(result.image)
        last = {"removed by vdn, fourfold": 4 * removed + (low + high) / 2}
    else:
        last = {"without noise": scene.clean}
    panels = {"noisy": scene.noisy, f"vdn ({result.model})": result.image, "NLM": nlm, "BM3D": bm3d}
    drawn = {caption: _shown(image, scene) for caption, image in (panels | last).items()}
    noisy, denoised, *others = drawn.items()
    row = [noisy, denoised, (f"noise map, 0 to {top:.3g}", noise_map)]
    _save([*row, *others], PAGE.with_suffix("") / f"{name}.jpg")
    if name == FIRST:
        _save(row, PAGE.with_name("example.jpg"))
    if scene.clean is None:
        return f"Noise found: {found:.3g}, which NLM and BM3D are told.\n"
    panels["vdn, told the noise too"] = vdn.denoise(scene.noisy, noise_sigma=told).image
    figures = " | ".join(f"{_psnr(image, scene):.2f}" for image in panels.values())
    return (
        f"| | {' | '.join(panels)} |\n|---|{'---|' * len(panels)}\n| PSNR, dB | {figures} |\n\n"
        f"Noise: {told:.3g}. Found by `{result.model}`: {found:.3g}.\n"
    )


def _noisy(clean: Array, noise: str) -> Array:
    noisy, _ = simulate(clean / 255, noise, np.random.default_rng(0))
    return (255 * noisy).round().clip(0, 255).astype(np.uint8)


def _rms(values: Array, axis: int | None = None) -> Any:
    return np.sqrt(np.mean(np.square(values, dtype=np.float64), axis=axis))


def _psnr(image: Array, scene: Scene) -> float:
    """Return the PSNR of the whole picture; the peak is what the panels show as white."""
    low, high = scene.shown
    return float(20 * np.log10((high - low) / _rms(image - np.float64(scene.clean))))


def _crop(image: Array, scene: Scene) -> Array:
    (y, x), side = scene.corner, SIDE // scene.zoom
    return image[y : y + side, x : x + side].repeat(scene.zoom, 0).repeat(scene.zoom, 1)


def _as_planes(noise_map: Array) -> Array:
    return noise_map if noise_map.ndim == 3 else noise_map[..., None]


def _coloured(noise_map: Array, scene: Scene) -> tuple[Array, float]:
    """Return a noise map in colours, and what the brightest stands for."""
    part = _crop(_rms(noise_map, axis=2), scene)
    top = float(np.percentile(part, 99.5))
    return (255 * colormaps["viridis"](part / top)[..., :3]).astype(np.uint8), top


def _shown(image: Array, scene: Scene) -> Array:
    low, high = scene.shown
    part = 255 * (_crop(_as_planes(image), scene).astype(np.float64) - low) / (high - low)
    return np.broadcast_to(part.round().clip(0, 255).astype(np.uint8), (SIDE, SIDE, 3))


def _save(panels: Sequence[tuple[str, Array]], path: Path, columns: int = 3) -> None:
    rows = -(-len(panels) // columns)
    size = columns * (SIDE + GAP) - GAP, rows * (SIDE + BAR + GAP) - GAP
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for place, (caption, panel) in enumerate(panels):
        y, x = (place // columns) * (SIDE + BAR + GAP), (place % columns) * (SIDE + GAP)
        draw.text((x + 2, y + 2), caption, fill="black", font=font)
        sheet.paste(Image.fromarray(panel), (x, y + BAR))
    sheet.save(path, quality=93, subsampling=0)


if __name__ == "__main__":
    main(sys.argv[1:])
