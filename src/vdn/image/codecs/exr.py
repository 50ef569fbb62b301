"""OpenEXR, through the library of that name (extra `exr`); layers are frames.

Channels R, G, B (and A) of a layer are one colour image, Y (and A) a gray one, and all others, such
as depths, normals and numbers of objects, pass unchanged.
"""

import contextlib
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, get_ident
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.codecs.extras import missing_extra
from vdn.image.encoding import Encoder, EncodeRequest, receive
from vdn.image.frame import Frame
from vdn.image.limits import check_piece
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture
from vdn.image.resized import Resize

__all__ = ["encode", "open_file"]

_KINDS = {  # the channels of an image, by what they are
    "colour+alpha": ("R", "G", "B", "A"),
    "colour": ("R", "G", "B"),
    "gray+alpha": ("Y", "A"),
    "gray": ("Y",),
}
_LIBRARY = Lock()  # it prints, and what it prints is dropped by replacing the stream of all
_WINDOWS = {"dataWindow", "displayWindow"}
_STRUCTURE = ("channels", "chunkCount", "version")


@dataclass(frozen=True)
class _Layer:
    """An image of a part: its channels, in order."""

    part: int
    channels: tuple[str, ...]
    kind: str


def open_file(path: Path, limit: int) -> Picture:
    """Open an OpenEXR file."""
    for part in _read(path, header_only=True).parts:
        low, high = part.header["dataWindow"]
        pixels = int(high[0] - low[0] + 1) * int(high[1] - low[1] + 1)
        check_piece(pixels * 4 * len(part.header["channels"]), limit)
    parts = _read(path).parts
    layers = [layer for number, part in enumerate(parts) for layer in _layers(number, part)]
    if not layers:
        raise FileError("is an OpenEXR file without R, G, B or Y; nothing in it is an image")
    frames = []
    for layer in layers:
        channels = parts[layer.part].channels
        planes = [channels[name].pixels for name in layer.channels]
        if len({(plane.dtype, plane.shape) for plane in planes}) > 1 or planes[0].dtype.kind != "f":
            raise FileError("is an OpenEXR file whose colours are of different or integer types")
        image = planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)
        name = layer.channels[0].rpartition(".")[0] or f"{layer.part + 1}"
        frame = Frame.of(image, layer.kind, f"layer {name}" if len(layers) > 1 else "")
        frames.append(replace(frame, no_data=float("nan"), streams=False))
    return Picture(frames, Metadata(), "exr", path, {"parts": parts, "layers": layers})


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write an OpenEXR file: the parts of the source with its images replaced, or a new one."""
    with missing_extra("OpenEXR", "exr"):
        import OpenEXR

    images = {}
    layers = request.encoding.get("layers")
    if layers is None:
        layers = [_Layer(0, _KINDS[frame.channels], frame.channels) for frame in request.frames]
    for layer, frame in zip(layers, request.frames, strict=True):
        pixels = np.atleast_3d((yield from receive(frame)))
        for index, name in enumerate(layer.channels):
            images[layer.part, name] = np.ascontiguousarray(pixels[..., index])
    parts = []
    for number, part in enumerate(request.encoding.get("parts", [None])):
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        channels = {name: pixels for (of, name), pixels in images.items() if of == number}
        if part is not None:
            header = {k: value for k, value in part.header.items() if k not in _STRUCTURE}
            rest = {name: each for name, each in part.channels.items() if name not in channels}
            if channels and (resize := request.resize()) is not None:
                rest = {name: _nearest(each.pixels, resize) for name, each in rest.items()}
                for name in _WINDOWS & header.keys():
                    header[name] = _larger(header[name], resize)
            channels = rest | channels
        if request.options.provenance:
            header["software"] = request.options.provenance.after(str(header.get("software", "")))
        parts.append(OpenEXR.Part(header, channels, header.get("name", "")))
    OpenEXR.File(parts).write(str(path))


def _larger(window: Any, resize: Resize) -> tuple[tuple[int, ...], ...]:
    """Return the first and the last pixel of a window after a resize."""
    return tuple(
        tuple(round(int(at + last) * f) - last for at, f in zip(end, resize.factors, strict=True))
        for last, end in enumerate(window)
    )


def _nearest(pixels: NDArray[Any], resize: Resize) -> NDArray[Any]:
    """Return another channel, such as depth or the number of an object, with as many pixels."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for old, new in zip(resize.before[::-1], resize.after[::-1], strict=True)
    )
    return np.ascontiguousarray(pixels[np.ix_(rows, columns)])


def _read(path: Path, *, header_only: bool = False) -> Any:
    """Return the file; the library prints what is wrong and leaves out the damaged part."""
    with missing_extra("OpenEXR", "exr"):
        import OpenEXR

    with _LIBRARY, contextlib.redirect_stdout(_OtherThreads(sys.stdout)):
        count = len(OpenEXR.File(str(path), separate_channels=True, header_only=True).parts)
        file = OpenEXR.File(str(path), separate_channels=True, header_only=header_only)
    if len(file.parts) != count or not count:
        raise FileError("is damaged or cut short")
    return file


class _OtherThreads(io.TextIOBase):
    """A stream that writes what other threads print, and drops what this one does."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._muted = stream, get_ident()

    def write(self, text: str) -> int:
        if get_ident() != self._muted:
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        if self._stream is not None:
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _layers(number: int, part: Any) -> Iterator[_Layer]:
    """Yield the images of a part."""
    if "deep" in str(part.header.get("type")):
        raise FileError("is a deep OpenEXR file; flatten it first")
    prefixes = dict.fromkeys(name.rpartition(".")[0] for name in part.channels)
    for prefix in prefixes:
        for kind, letters in _KINDS.items():
            names = tuple(f"{prefix}.{letter}" if prefix else letter for letter in letters)
            if all(name in part.channels for name in names):
                yield _Layer(number, names, kind)
                break
