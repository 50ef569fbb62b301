"""What the pages of a TIFF file are: axes, units and channels as OME-XML or ImageJ say, levels."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5
from xml.etree import ElementTree

from vdn.errors import FileError
from vdn.image.dimensions import Axis, Channel, Dimensions
from vdn.image.frame import FrameSpec
from vdn.image.pyramid import factors

__all__ = ["coarser_sides", "ome_xml", "read_dimensions"]

_UNITS = {  # OME's symbols and ImageJ's words for the units of OME-Zarr
    **{"µm": "micrometer", "um": "micrometer", "micron": "micrometer", "\\u00B5m": "micrometer"},
    **{"nm": "nanometer", "mm": "millimeter", "cm": "centimeter", "m": "meter", "pm": "picometer"},
    **{"Å": "angstrom", "in": "inch", "inch": "inch", "pixel": "", "reference frame": ""},
    **{"s": "second", "sec": "second", "ms": "millisecond", "µs": "microsecond", "min": "minute"},
    **{"h": "hour", "d": "day", "ns": "nanosecond"},
}
_SYMBOLS = {"micrometer": "µm", "angstrom": "Å", "inch": "in", "microsecond": "µs"}
_SYMBOLS |= {unit: symbol for symbol, unit in _UNITS.items() if unit and unit not in _SYMBOLS}
_OME_AXES = "tcz"


def coarser_sides(page: Any) -> tuple[tuple[int, int], ...]:
    """Return rows and columns of the pyramid below a `tifffile.TiffPage`, where it is regular."""
    finer = page.imagelength, page.imagewidth
    found = []
    for below in page.pages or ():
        level = below.aspage()
        sides = level.imagelength, level.imagewidth
        try:
            if not level.is_reduced or max(factors(finer, sides)) < 2:
                return ()
        except FileError:
            return ()
        found.append(sides)
        finer = sides
    return tuple(found)


def read_dimensions(file: Any, pages: Sequence[Any], frames: int) -> Dimensions | None:
    """Return what the frames of a `tifffile.TiffFile` are, None where it does not say so.

    That of a file of OME or ImageJ, whose pages are one image in the order of its axes; or of one
    page that has coarser levels.
    """
    levels = coarser_sides(pages[0])
    if not (file.is_ome or file.is_imagej):
        return _plain(pages[0], levels) if levels and frames == 1 else None
    if len(file.series) != 1:
        return None
    series = file.series[0]
    names = series.get_axes(squeeze=False).lower()
    shape = series.get_shape(squeeze=False)
    kept = [each for each in range(len(names)) if names[each] != "s"]
    samples = dict(zip(names, shape, strict=True)).get("s", 1)
    leading = [each for each in kept if names[each] not in "yx"]
    count = 1
    for each in leading:
        count *= shape[each]
    if count != frames or [*names.replace("s", "")][-2:] != ["y", "x"]:
        return None
    if len(pages) > 1 and [p.index for p in series.pages if p] != [p.index for p in pages]:
        return None
    steps, channels, name = _of_ome(file) if file.is_ome else _of_imagej(file)
    axes = [
        Axis(names[each], shape[each], *steps.get(names[each], ()))
        for each in kept
        if shape[each] > 1 or names[each] in "cyx"
    ]
    colour = None
    if samples > 1:
        axes = [axis for axis in axes if axis.name != "c"]
        axes.insert(len(axes) - 2, Axis("c", samples))
        colour, channels = len(axes) - 3, []
    if len(channels) != dict((axis.name, axis.length) for axis in axes).get("c", 0):
        channels = []
    return Dimensions(tuple(axes), colour, tuple(channels), levels, name=name)


def _plain(page: Any, levels: tuple[tuple[int, int], ...]) -> Dimensions:
    axes = [Axis("y", page.imagelength), Axis("x", page.imagewidth)]
    if page.samplesperpixel > 1:
        axes.insert(0, Axis("c", page.samplesperpixel))
    return Dimensions(tuple(axes), 0 if page.samplesperpixel > 1 else None, levels=levels)


def _of_ome(file: Any) -> tuple[dict[str, tuple[str, float]], list[Channel], str]:
    """Return unit and step of every axis, the channels, and the name, as OME-XML has them."""
    try:
        root = ElementTree.fromstring(file.ome_metadata)
    except ElementTree.ParseError:
        return {}, [], ""
    image = root.find("{*}Image")
    pixels = None if image is None else image.find("{*}Pixels")
    if image is None or pixels is None:
        return {}, [], ""
    steps = {}
    for axis, key in {
        "t": "TimeIncrement",
        **{a: f"PhysicalSize{a.upper()}" for a in "zyx"},
    }.items():
        if (value := _number(pixels.get(key))) is not None:
            symbol = pixels.get(f"{key}Unit", "s" if axis == "t" else "µm")
            steps[axis] = _UNITS.get(symbol, symbol), value
    channels = [
        Channel(each.get("Name", ""), _rgb(each.get("Color")))
        for each in pixels.findall("{*}Channel")
    ]
    return steps, channels, image.get("Name", "")


def _of_imagej(file: Any) -> tuple[dict[str, tuple[str, float]], list[Channel], str]:
    about = file.imagej_metadata or {}
    unit = _UNITS.get(str(about.get("unit", "")), str(about.get("unit", "")))
    steps: dict[str, tuple[str, float]] = {}
    if unit:
        pixels = file.pages[0].resolution  # pixels a unit
        steps |= {a: (unit, 1 / n) for a, n in zip("xy", pixels, strict=True) if n > 0}
        steps["z"] = unit, float(about.get("spacing", 1.0))
    if (interval := _number(about.get("finterval"))) is not None:
        steps["t"] = "second", interval
    return steps, [], ""


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if 0 < value < float("inf") else None


def _rgb(text: str | None) -> str:
    """Return the colour RRGGBB of OME's signed RGBA; empty for white, which is no choice."""
    try:
        value = int(text or "-1") & 0xFFFFFFFF
    except ValueError:
        return ""
    return "" if value == 0xFFFFFFFF else f"{value >> 8:06X}"


def ome_xml(dimensions: Dimensions, frame: FrameSpec) -> bytes | None:
    """Return the OME-XML of a stack of frames that follow each other in the order of its axes.

    None where OME has no name for it: other axes than t, c and z, or integers of 64 bits.
    """
    from tifffile import OmeXml, OmeXmlError

    axes = [axis for index, axis in enumerate(dimensions.axes) if index != dimensions.colour]
    names = [axis.name for axis in axes]
    if names[-2:] != ["y", "x"] or not {*names[:-2]} <= {*_OME_AXES}:
        return None
    samples = frame.shape[2] if len(frame.shape) == 3 else 1
    shape = [axis.length for axis in axes] + [samples] * (samples > 1)
    stored = dimensions.planes, 1, 1, *dimensions.shape[-2:], samples
    about: dict[str, Any] = {"Name": dimensions.name} if dimensions.name else {}
    for axis in axes:
        if axis.unit and axis.name != "c":
            key = "TimeIncrement" if axis.name == "t" else f"PhysicalSize{axis.name.upper()}"
            about |= {key: axis.step, f"{key}Unit": _SYMBOLS.get(axis.unit, axis.unit)}
    if channels := _ome_channels(dimensions):
        about["Channel"] = channels
    number = uuid5(NAMESPACE_OID, repr((dimensions, frame)))  # not random: the same file every time
    xml = OmeXml(UUID=number.urn, Creator="vdn")
    try:
        letters = "".join(names).upper() + "S" * (samples > 1)
        xml.addimage(frame.dtype, shape, stored, axes=letters, **about)
    except OmeXmlError:
        return None
    return str(xml.tostring(declaration=True)).encode()


def _ome_channels(dimensions: Dimensions) -> Mapping[str, Any]:
    if dimensions.colour is not None or not dimensions.channels:
        return {}
    names = [channel.name for channel in dimensions.channels]
    colours = [int((channel.colour or "FFFFFF") + "FF", 16) for channel in dimensions.channels]
    signed = [value - 2**32 if value >= 2**31 else value for value in colours]
    return {"Name": names, "Color": signed}
