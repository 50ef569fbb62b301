"""FITS, through astropy (extra `astro`): image extensions are denoised, all else passes unchanged.

The planes of a cube are frames. Integers come as they are meant (BZERO of unsigned ones), scaled
ones (BSCALE) as float64; what is written has the BITPIX, scaling and header of the source.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vdn.errors import FileError
from vdn.image.codecs.extras import missing_extra
from vdn.image.encoding import Encoder, EncodeRequest
from vdn.image.frame import Frame
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture
from vdn.image.resized import Resize

__all__ = ["encode", "open_file"]

_PIECE = 2**20  # bytes copied at a time
_BLOCK = 2880  # bytes; headers and data are filled up to a multiple
_STORED = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_BITPIX = {"u1": 8, "i2": 16, "i4": 32, "i8": 64, "f4": -32, "f8": -64}
_SHIFTED = {  # integers that FITS stores shifted: BZERO and what they are
    8: (-128, "i1"),
    16: (2**15, "u2"),
    32: (2**31, "u4"),
    64: (2**63, "u8"),
}
_CHECKSUMS = ("CHECKSUM", "DATASUM")


@dataclass(frozen=True)
class _Image:
    """An image extension: where its pixels are, and what they mean."""

    start: int
    shape: tuple[int, ...]
    bitpix: int
    zero: float
    scale: float
    blank: int | None

    @property
    def stored(self) -> np.dtype[Any]:
        return np.dtype(_STORED[self.bitpix])

    @property
    def shift(self) -> int | None:
        """What to add to stored integers to have what they are, None where that is no integer."""
        if self.bitpix < 0 or self.scale != 1:
            return None
        shift = _SHIFTED[self.bitpix][0]
        return 0 if self.zero == 0 else shift if self.zero == shift else None

    @property
    def dtype(self) -> np.dtype[Any]:
        if self.shift is not None:
            native = self.stored.newbyteorder("=")
            return np.dtype(_SHIFTED[self.bitpix][1]) if self.shift else native
        plain = self.bitpix < 0 and self.zero == 0 and self.scale == 1
        return self.stored.newbyteorder("=") if plain else np.dtype(np.float64)

    @property
    def no_data(self) -> float | None:
        if self.shift is None:
            return math.nan
        return None if self.blank is None else self.blank + self.shift

    def decode(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return stored numbers as what they mean."""
        if self.shift is not None:
            return _flipped(stored, self.dtype) if self.shift else stored.astype(self.dtype)
        values = stored.astype(self.dtype)
        if self.zero != 0 or self.scale != 1:
            values = values * self.scale + self.zero
            if self.bitpix > 0 and self.blank is not None:
                values[stored == self.blank] = math.nan
        return values

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values as the numbers to be stored; the inverse of `decode`."""
        if self.shift is not None:
            native = self.stored.newbyteorder("=")
            return (_flipped(values, native) if self.shift else values).astype(self.stored)
        if self.zero != 0 or self.scale != 1:
            values = (values - self.zero) / self.scale
        if self.bitpix < 0:
            return values.astype(self.stored)
        limits = np.iinfo(self.stored)
        blank = self.blank if self.blank is not None else 0
        rounded = np.clip(np.rint(values), limits.min, limits.max)
        return np.where(np.isnan(rounded), blank, rounded).astype(self.stored)


def open_file(path: Path, _: int) -> Picture:
    """Open a FITS file."""
    with missing_extra("FITS", "astro"):
        from astropy.io import fits

    frames: list[Frame] = []
    images: list[_Image | None] = []
    header: dict[str, Any] = {}
    file = path.open("rb")
    try:
        with fits.open(path, mode="readonly", memmap=True, do_not_scale_image_data=True) as units:
            for number, unit in enumerate(units):
                image = _image(unit, path.stat().st_size)
                images.append(image)
                header = {**unit.header, **header}
                if image is not None:
                    name = f"extension {unit.name or number}"
                    frames += _frames(file, image, name)
            _check_compressed(units)
    except BaseException:
        file.close()
        raise
    if not frames:
        file.close()
        raise FileError("is a FITS file without an image")
    encoding = {"source": path, "images": images, "header": header}
    return Picture(frames, Metadata(), "fits", path, encoding, close=file.close)


def encode(path: Path, request: EncodeRequest) -> Encoder:
    """Write a FITS file: the source's, with the pixels of its images replaced, or a new one."""
    with missing_extra("FITS", "astro"):
        from astropy.io import fits

    if "source" not in request.encoding:
        yield from _encode_new(path, request)
        return
    specs = iter(request.frames)
    with (
        request.encoding["source"].open("rb") as source,
        fits.open(source, memmap=False, do_not_scale_image_data=True) as units,
        path.open("wb") as target,
    ):
        for number, image in enumerate(request.encoding["images"]):
            unit = units[number]
            place = unit.fileinfo()
            if image is None:
                source.seek(place["hdrLoc"])
                _copy(source, target, place["datLoc"] + place["datSpan"] - place["hdrLoc"])
                continue
            header = unit.header.copy()
            for key in _CHECKSUMS:  # of other pixels
                header.remove(key, ignore_missing=True)
            planes = [next(specs) for _ in range(_count(image))]
            height, width = planes[0].shape[:2]
            if (height, width) != image.shape[-2:]:
                _resize_header(header, Resize(image.shape[:-3:-1], (width, height)))
            yield from _write_image(target, header, image, request, planes)


def _encode_new(path: Path, request: EncodeRequest) -> Encoder:
    from astropy.io import fits

    with path.open("wb") as target:
        for number, frame in enumerate(request.frames):
            kind = frame.dtype.str[1:]
            shifted = {name: (bitpix, zero) for bitpix, (zero, name) in _SHIFTED.items()}
            bitpix, zero = shifted.get(kind, (_BITPIX.get(kind, -32), 0))
            image = _Image(0, frame.shape, bitpix, zero, 1, None)
            header = fits.Header()
            if number == 0:
                header["SIMPLE"] = True
            else:
                header["XTENSION"] = "IMAGE"
            header["BITPIX"], header["NAXIS"] = bitpix, 2
            header["NAXIS1"], header["NAXIS2"] = frame.shape[1], frame.shape[0]
            if number == 0:
                header["EXTEND"] = True
            else:
                header["PCOUNT"], header["GCOUNT"] = 0, 1
            if zero:
                header["BZERO"], header["BSCALE"] = zero, 1
            yield from _write_image(target, header, image, request, [frame])


def _write_image(
    target: BinaryIO, header: Any, image: _Image, request: EncodeRequest, specs: list[Any]
) -> Encoder:
    if request.options.provenance:
        header.add_history(request.options.provenance.text)
    target.write(header.tostring(padding=True).encode("ascii"))
    written = 0
    missing = sum(spec.shape[0] for spec in specs)
    while missing:
        rows = yield
        written += target.write(image.encode(rows).tobytes())
        missing -= len(rows)
    target.write(bytes(-written % _BLOCK))


def _resize_header(header: Any, resize: Resize) -> None:
    """Tell the new size, and bring the coordinates of the world (WCS) to it.

    The linear terms and the reference pixel (Greisen and Calabretta, A&A 395, 2002), the distortion
    of SIP (Shupe et al., ADASS XIV, 2005) and the physical coordinates of IRAF.
    """
    header["NAXIS1"], header["NAXIS2"] = resize.after
    for key in list(header):
        for axis, factor in enumerate(resize.factors, 1):
            if re.fullmatch(rf"CDELT{axis}[A-Z]?|CD\d_{axis}[A-Z]?", key):
                header[key] /= factor
            elif re.fullmatch(rf"CRPIX{axis}[A-Z]?", key):
                header[key] = (header[key] - 0.5) * factor + 0.5
            elif key == f"LTM{axis}_{axis}":
                header[key] *= factor
            elif key == f"LTV{axis}":
                header[key] = (header[key] - 0.5) * factor + 0.5
        if distortion := re.fullmatch(r"(A|B|AP|BP)_(\d)_(\d)", key):
            x, y = resize.factors
            own = y if distortion[1].startswith("B") else x
            header[key] *= own / (x ** int(distortion[2]) * y ** int(distortion[3]))
    for name in [key for key in header if re.fullmatch(r"CRPIX1[A-Z]?", key)]:
        version = name[6:]
        linear = f"CD1_1{version}", f"CDELT1{version}"
        if not any(key in header for key in linear):  # the pixels were the units
            for axis, factor in enumerate(resize.factors, 1):
                header[f"CDELT{axis}{version}"] = 1 / factor


def _image(unit: Any, size: int) -> _Image | None:
    """Return what is to be known of an image extension, None for what is none."""
    header = unit.header
    axes = [int(header[f"NAXIS{axis}"]) for axis in range(header.get("NAXIS", 0), 0, -1)]
    if not unit.is_image or type(unit).__name__ == "CompImageHDU" or len(axes) < 2:
        return None
    if not math.prod(axes) or header.get("GROUPS") is True:
        return None
    bitpix = int(header["BITPIX"])
    image = _Image(
        start=unit.fileinfo()["datLoc"],
        shape=tuple(axes),
        bitpix=bitpix,
        zero=float(header.get("BZERO", 0)),
        scale=float(header.get("BSCALE", 1)),
        blank=int(header["BLANK"]) if "BLANK" in header and bitpix > 0 else None,
    )
    if bitpix not in _STORED or not image.scale:
        raise FileError(f"is damaged (BITPIX {bitpix}, BSCALE {image.scale:g})")
    if image.start + math.prod(axes) * image.stored.itemsize > size:
        raise FileError("is cut short")
    return image


def _frames(file: BinaryIO, image: _Image, name: str) -> list[Frame]:
    height, width = image.shape[-2:]
    row = width * image.stored.itemsize
    count = _count(image)

    def reader(first: int) -> Callable[[int, int], NDArray[Any]]:
        def read_rows(start: int, stop: int) -> NDArray[Any]:
            file.seek(first + start * row)
            data = file.read((stop - start) * row)
            return image.decode(np.frombuffer(data, image.stored).reshape(stop - start, width))

        return read_rows

    return [
        Frame(
            shape=(height, width),
            dtype=image.dtype,
            channels="gray",
            name=f"{name} plane {plane + 1}" if count > 1 else name,
            streams=True,
            no_data=image.no_data,
            read_rows=reader(image.start + plane * height * row),
        )
        for plane in range(count)
    ]


def _count(image: _Image) -> int:
    return math.prod(image.shape[:-2])


def _check_compressed(units: Any) -> None:
    for unit in units:
        if type(unit).__name__ == "CompImageHDU":
            raise FileError("is a FITS file with compressed images; unpack it with funpack first")


def _flipped(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return integers shifted by half their range, which flips the first of their bits."""
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    unsigned = native.view(f"u{native.dtype.itemsize}")
    half = unsigned.dtype.type(1 << (8 * native.dtype.itemsize - 1))
    return (unsigned ^ half).view(dtype)


def _copy(source: BinaryIO, target: BinaryIO, count: int) -> None:
    while count > 0 and (data := source.read(min(count, _PIECE))):
        target.write(data)
        count -= len(data)
