"""What passes through each format: files made by other libraries, and what these find in them.

`docs/formats.md` is the table of this list.
"""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageSequence, JpegImagePlugin, PngImagePlugin

__all__ = ["CASES", "Case", "make_dng", "pixels", "table"]

ICC = b"not really a profile, but bytes are bytes" * 3
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a/></x:xmpmeta>"
SIZE = (37, 45)


@dataclass(frozen=True)
class Case:
    """A kind of file.

    Attributes
    ----------
    format, depth, channels, kept
        The row of the table; `kept` says in words what `notes` finds.
    name
        Of the file.
    make, load, notes
        Write one; return its images; return what else it says. All by other libraries.
    tolerance
        Mean difference, in parts of the range, that a lossy format may add.
    needs
        Module to be imported.
    software
        Return what the file says about the programs that made it; None: it has no place.
    """

    format: str
    depth: str
    channels: str
    kept: str
    name: str
    make: Callable[[Path], None]
    load: Callable[[Path], list[np.ndarray]]
    notes: Callable[[Path], Mapping[str, Any]] = lambda _: {}
    tolerance: float = 0
    needs: str = "PIL"
    software: Callable[[Path], str] | None = None

    def __str__(self) -> str:
        return f"{self.format}, {self.depth}, {self.channels}".replace(" ", "-")


def pixels(dtype: str, channels: tuple[int, ...] = (), seed: int = 0, size=SIZE) -> np.ndarray:
    """A smooth picture with some noise, that compresses, and fills the range of its dtype."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(*(np.linspace(0, 1, n) for n in size), indexing="ij")
    image = 0.5 + 0.4 * np.sin(3 * y + 2 * x + seed)
    image = image.reshape(*size, *(1 for _ in channels)) * np.ones(channels)
    image = np.clip(image + rng.normal(0, 0.01, image.shape), 0, 1)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return image.astype(kind)
    limits = np.iinfo(kind)
    return (image * (float(limits.max) * 0.99 - limits.min) + limits.min).astype(kind)


def exif_bytes() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x829A] = 0.005
    exif.get_ifd(0x8769)[0x927C] = b"secret notes of the maker"
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes()


def exif_notes(exif: Image.Exif) -> dict[str, Any]:
    return {
        "orientation": exif.get(0x0112),
        "make": exif.get(0x010F),
        "exposure": float(exif.get_ifd(0x8769).get(0x829A, 0)),
        "maker's notes": exif.get_ifd(0x8769).get(0x927C),
        "GPS": exif.get_ifd(0x8825).get(1),
    }


# Pillow: PNG, JPEG, WebP, AVIF, BMP


def save(array: np.ndarray | list[np.ndarray], **options: Any) -> Callable[[Path], None]:
    arrays = array if isinstance(array, list) else [array]
    images = [Image.fromarray(a) for a in arrays]
    if len(images) > 1:
        options |= {"save_all": True, "append_images": images[1:], "duration": [40, 60, 80]}

    def make(path: Path) -> None:
        images[0].save(path, **options)

    return make


def pillow_pixels(path: Path) -> list[np.ndarray]:
    with Image.open(path) as image:
        mode = image.mode
        return [np.array(frame.convert(mode)) for frame in ImageSequence.Iterator(image)]


def pillow_notes(*names: str) -> Callable[[Path], dict[str, Any]]:
    def notes(path: Path) -> dict[str, Any]:
        with Image.open(path) as image:
            image.load()
            found = {name: image.info.get(name) for name in names}
            if found.get("dpi"):
                found["dpi"] = tuple(round(value) for value in found["dpi"])
            if "exif" in found:
                found["exif"] = exif_notes(image.getexif())
            if "texts" in found:
                found["texts"] = {k: v for k, v in image.text.items() if k in ("Title", "Author")}
            if "tables" in found:
                found["tables"] = image.quantization, JpegImagePlugin.get_sampling(image)
            if "durations" in found:
                found["durations"] = durations(image)
            return found

    return notes


def durations(image: Image.Image) -> list[float]:
    shown = []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        image.load()
        shown.append(image.info.get("duration"))
    return shown


def exif_software(path: Path) -> str:
    with Image.open(path) as image:
        return str(image.getexif().get(0x000B, ""))


def png_software(path: Path) -> str:
    with Image.open(path) as image:
        return str(image.text.get("Software", ""))


def png_texts() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "a cell")
    texts.add_itxt("Author", "Jürgen")
    texts.add_text("Software", "Camera 1.0")
    return texts


WITH_ALL = {"exif": exif_bytes(), "icc_profile": ICC, "xmp": XMP}
PNG_ALL: dict[str, Any] = {
    "exif": exif_bytes(),
    "icc_profile": ICC,
    "dpi": (300, 150),
    "pnginfo": png_texts(),
}
PNG_NOTES = pillow_notes("exif", "icc_profile", "dpi", "texts", "gamma")
PNG_KEPT = "EXIF, ICC, XMP, dpi, texts, colour chunks"


def make_deep_png(channels: tuple[int, ...]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import png

        image = pixels("uint16", channels)
        alpha = channels in ((2,), (4,))
        writer = png.Writer(*SIZE[::-1], greyscale=image.ndim == 2, alpha=alpha, bitdepth=16)
        with path.open("wb") as file:
            writer.write(file, image.reshape(SIZE[0], -1).tolist())

    return make


def load_deep_png(path: Path) -> list[np.ndarray]:
    import png

    width, height, rows, facts = png.Reader(bytes=path.read_bytes()).read()
    array = np.array([np.array(row, np.uint16) for row in rows])
    planes = facts["planes"]
    return [array if planes == 1 else array.reshape(height, width, planes)]


def indexed() -> Image.Image:
    return Image.fromarray(pixels("uint8", (3,))).quantize(64)


PILLOW = [
    *(
        Case(
            *("PNG", "8 bit", name, PNG_KEPT, "a.png"),
            save(pixels("uint8", channels), **PNG_ALL),
            pillow_pixels,
            PNG_NOTES,
            software=png_software,
        )
        for name, channels in [
            ("gray", ()),
            ("gray and alpha", (2,)),
            ("colour", (3,)),
            ("colour and alpha", (4,)),
        ]
    ),
    Case(
        *("PNG", "8 bit", "palette (becomes colour)", PNG_KEPT, "a.png"),
        lambda path: indexed().save(path, **PNG_ALL),
        lambda path: [np.array(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))],
        PNG_NOTES,
        software=png_software,
    ),
    *(
        Case(
            *("PNG", "16 bit", name, PNG_KEPT, "a.png"),
            make_deep_png(channels),
            load_deep_png,
            needs="png",
            software=png_software,
        )
        for name, channels in [("gray", ()), ("colour", (3,)), ("colour and alpha", (4,))]
    ),
    Case(
        *("PNG", "8 bit", "animated", "as PNG; durations, loop", "a.png"),
        save([pixels("uint8", (4,), seed) for seed in range(3)], loop=3, **PNG_ALL),
        pillow_pixels,
        pillow_notes("exif", "icc_profile", "texts", "durations", "loop"),
        software=png_software,
    ),
    *(
        Case(
            *("JPEG", "8 bit", name, "EXIF, ICC, XMP, dpi, comment, quality, subsampling", "a.jpg"),
            save(pixels("uint8", channels), quality=85, dpi=(300, 300), comment=b"hi", **WITH_ALL),
            pillow_pixels,
            pillow_notes("exif", "icc_profile", "xmp", "dpi", "comment", "tables"),
            tolerance=0.01,
            software=exif_software,
        )
        for name, channels in [("gray", ()), ("colour", (3,))]
    ),
    *(
        Case(
            *("WebP", "8 bit", f"{name}, {kind}", "EXIF, ICC, XMP, losslessness", "a.webp"),
            save(pixels("uint8", channels), lossless=not tolerance, exact=True, **WITH_ALL),
            pillow_pixels,
            pillow_notes("exif", "icc_profile", "xmp"),
            tolerance=tolerance,
            software=exif_software,
        )
        for kind, tolerance in [("lossless", 0), ("lossy", 0.01)]
        for name, channels in [("colour", (3,)), ("colour and alpha", (4,))]
    ),
    Case(
        *("WebP", "8 bit", "animated", "as WebP; durations, loop", "a.webp"),
        save([pixels("uint8", (3,), seed) for seed in range(3)], lossless=True, **WITH_ALL),
        lambda path: [frame[..., :3] for frame in pillow_pixels(path)],
        pillow_notes("exif", "icc_profile", "xmp", "durations", "loop"),
        software=exif_software,
    ),
    *(
        Case(
            *("AVIF", "8 bit", name, "EXIF, ICC, XMP", "a.avif"),
            save(pixels("uint8", channels), quality=95, **WITH_ALL),
            pillow_pixels,
            pillow_notes("exif", "icc_profile", "xmp"),
            tolerance=0.01,
            software=exif_software,
        )
        for name, channels in [("gray", ()), ("colour", (3,)), ("colour and alpha", (4,))]
    ),
    *(
        Case(
            *("BMP", "8 bit", name, "dpi", "a.bmp"),
            save(pixels("uint8", channels), dpi=(300, 300)),
            pillow_pixels,
            pillow_notes("dpi"),
        )
        for name, channels in [("gray", ()), ("colour", (3,))]
    ),
]


# tifffile: TIFF, BigTIFF, ImageJ, OME


def save_tiff(array: np.ndarray, **options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        settings = {
            "photometric": "minisblack",
            "description": "a cell, unit=micron",
            "software": "Microscope 1.0",
            "metadata": None,
            "resolution": (9.5, 9.25),
            "iccprofile": ICC,
            "extratags": [
                (700, 1, len(XMP), XMP, True),
                (42113, 2, 0, "-9999", True),
                (50000, 12, 2, (1.5, -2.5), True),
            ],
        }
        tifffile.imwrite(path, array, **(settings | options))

    return make


def tiff_pixels(path: Path) -> list[np.ndarray]:
    with tifffile.TiffFile(path) as file:
        images = [page.asarray() for page in file.pages]
        first = file.pages[0]
        if first.planarconfig == 2 and first.samplesperpixel > 1:
            images = [np.moveaxis(image, 0, -1) for image in images]
        if first.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            images = [np.invert(image) for image in images]
        return images


TIFF_STORAGE = ("compression", "predictor", "tile", "planarconfig", "photometric", "extrasamples")


def tiff_notes(path: Path) -> dict[str, Any]:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        return {
            "file": (file.is_bigtiff, file.byteorder, file.is_imagej, file.is_ome),
            "storage": [getattr(page, name) for name in TIFF_STORAGE],
            "tags": {code: tag_value(page, code) for code in (270, 282, 283, 296, 34675, 700)},
            "private": {code: tag_value(page, code) for code in (42113, 50000)},
            "axes": [(series.axes, series.shape) for series in file.series],
            "ImageJ": {k: v for k, v in (file.imagej_metadata or {}).items() if k != "LUTs"},
            "OME": file.ome_metadata,
        }


def tag_value(page: Any, code: int) -> Any:
    return page.tags[code].value if code in page.tags else None


def tiff_software(path: Path) -> str:
    with tifffile.TiffFile(path) as file:
        return str(file.pages[0].software)


TIFF_KEPT = "all tags that say nothing about storage; compression, tiles, byte order"
INTEGERS = ("uint8", "uint16", "uint32", "int8", "int16", "int32")


def tiff(format_: str, depth: str, channels: str, array: np.ndarray, **options: Any) -> Case:
    return Case(
        *(format_, depth, channels, TIFF_KEPT, "a.tif"),
        save_tiff(array, **options),
        tiff_pixels,
        tiff_notes,
        needs="tifffile",
        software=tiff_software,
    )


STACK = np.stack([pixels("uint16", seed=seed) for seed in range(6)]).reshape(3, 2, *SIZE)
ZIP = {"compression": "zlib", "predictor": True}

TIFF = [
    *(tiff("TIFF", dtype, "gray", pixels(dtype)) for dtype in INTEGERS),
    *(tiff("TIFF", dtype, "gray", pixels(dtype)) for dtype in ("float16", "float32", "float64")),
    *(
        tiff("TIFF", dtype, "colour", pixels(dtype, (3,)), photometric="rgb")
        for dtype in ("uint8", "uint16", "float32")
    ),
    tiff(
        *("TIFF", "uint16", "colour and alpha"),
        pixels("uint16", (4,)),
        photometric="rgb",
        extrasamples=["assocalpha"],
    ),
    tiff(
        *("TIFF", "uint8", "gray and alpha"),
        pixels("uint8", (2,)),
        planarconfig="contig",
        extrasamples=["unassalpha"],
    ),
    tiff("TIFF", "uint16", "5 channels", pixels("uint16", (5,)), planarconfig="contig"),
    tiff(
        *("TIFF", "uint16", "5 channels, separate planes"),
        np.moveaxis(pixels("uint16", (5,)), -1, 0),
        planarconfig="separate",
    ),
    tiff(
        *("TIFF", "uint8", "colour, separate planes in tiles"),
        np.moveaxis(pixels("uint8", (3,)), -1, 0),
        photometric="rgb",
        planarconfig="separate",
        tile=(16, 32),
        **ZIP,
    ),
    tiff("TIFF", "uint16", "white is zero", pixels("uint16"), photometric="miniswhite"),
    tiff("TIFF", "uint16", "pages", STACK.reshape(6, *SIZE), compression="lzw"),
    tiff("TIFF", "uint16", "tiles", pixels("uint16"), tile=(16, 16), **ZIP),
    tiff("TIFF", "float32", "tiles", pixels("float32"), tile=(16, 16), **ZIP),
    tiff("TIFF", "uint8", "zstd", pixels("uint8"), compression="zstd", rowsperstrip=5),
    tiff("TIFF", "uint16", "big-endian", pixels("uint16"), byteorder=">"),
    tiff("BigTIFF", "uint16", "gray", pixels("uint16"), bigtiff=True),
    tiff(
        *("BigTIFF", "uint8", "colour in tiles"),
        pixels("uint8", (3,)),
        photometric="rgb",
        bigtiff=True,
        byteorder=">",
        tile=(16, 16),
        **ZIP,
    ),
    Case(
        *("ImageJ TIFF", "uint16", "hyperstack", "axes, labels, calibration", "a.tif"),
        lambda path: tifffile.imwrite(
            path,
            STACK,
            imagej=True,
            resolution=(2.5, 2.5),
            metadata={"axes": "TCYX", "unit": "um", "Labels": list("abcdef"), "spacing": 0.5},
        ),
        tiff_pixels,
        tiff_notes,
        needs="tifffile",
        software=tiff_software,
    ),
    Case(
        *("OME-TIFF", "uint16", "time and channels", "OME-XML, axes", "a.ome.tif"),
        lambda path: tifffile.imwrite(
            path,
            STACK,
            ome=True,
            photometric="minisblack",
            metadata={"axes": "TCYX", "PhysicalSizeX": 0.1, "Channel": {"Name": ["A", "B"]}},
        ),
        tiff_pixels,
        tiff_notes,
        needs="tifffile",
        software=tiff_software,
    ),
]


# pillow-heif, OpenEXR, astropy, NumPy


def make_heif(mode: str, array: np.ndarray) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import pillow_heif

        file = pillow_heif.from_bytes(mode, array.shape[1::-1], array.tobytes())
        file.info["icc_profile"], file.info["icc_profile_type"] = ICC, "prof"
        file.save(path, quality=95, chroma=444, exif=exif_bytes(), xmp=XMP)

    return make


def load_heif(path: Path) -> list[np.ndarray]:
    import pillow_heif

    file = pillow_heif.open_heif(path, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    return [np.array(image) for image in file]


def heif_notes(path: Path) -> dict[str, Any]:
    import pillow_heif

    info = pillow_heif.open_heif(path).info
    exif = Image.Exif()
    exif.load(info["exif"])
    return {
        "exif": exif_notes(exif) | {"orientation": None},  # applied by the decoder
        "icc": info["icc_profile"],
        "xmp": info["xmp"],
        "bits": info["bit_depth"],
    }


def heif_software(path: Path) -> str:
    import pillow_heif

    exif = Image.Exif()
    exif.load(pillow_heif.open_heif(path).info["exif"])
    return str(exif.get(0x000B, ""))


def make_exr(dtype: str, letters: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import OpenEXR

        image = pixels(dtype, (len(letters),))
        channels = {letter: image[..., index].copy() for index, letter in enumerate(letters)}
        channels["Z"] = pixels("float32", seed=5)
        channels["id"] = pixels("uint32", seed=6)
        header = {"compression": OpenEXR.PIZ_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header | {"owner": "me"}, channels).write(str(path))

    return make


def load_exr(letters: str) -> Callable[[Path], list[np.ndarray]]:
    def load(path: Path) -> list[np.ndarray]:
        import OpenEXR

        channels = OpenEXR.File(str(path), separate_channels=True).channels()
        planes = [channels[letter].pixels for letter in letters]
        return [planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)]

    return load


def exr_notes(path: Path) -> dict[str, Any]:
    import OpenEXR

    file = OpenEXR.File(str(path), separate_channels=True)
    return {
        "owner": file.header()["owner"],
        "compression": str(file.header()["compression"]),
        "others": [file.channels()[name].pixels.tobytes() for name in ("Z", "id")],
    }


def exr_software(path: Path) -> str:
    import OpenEXR

    return str(OpenEXR.File(str(path), header_only=True).header().get("software", ""))


def make_fits(array: np.ndarray) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        from astropy.io import fits

        table = fits.BinTableHDU.from_columns([fits.Column("star", "E", array=np.arange(5.0))])
        image = fits.PrimaryHDU(array)
        image.header["OBJECT"] = ("M 31", "what was seen")
        image.header["CTYPE1"] = "RA---TAN"
        image.header["HISTORY"] = "flat-fielded"
        second = fits.ImageHDU(array, name="SECOND")
        fits.HDUList([image, table, second]).writeto(path)

    return make


def load_fits(path: Path) -> list[np.ndarray]:
    from astropy.io import fits

    with fits.open(path) as units:
        planes = [unit.data for unit in units if unit.is_image]
        native = [np.array(plane, plane.dtype.newbyteorder("=")) for plane in planes]
        return [p for plane in native for p in plane.reshape(-1, *plane.shape[-2:])]


def fits_notes(path: Path) -> dict[str, Any]:
    from astropy.io import fits

    with fits.open(path, do_not_scale_image_data=True) as units:
        return {
            "cards": [
                card.image
                for unit in units
                for card in unit.header.cards
                if "vdn" not in str(card.value)
            ],
            "table": units[1].data.tobytes(),
        }


def fits_software(path: Path) -> str:
    from astropy.io import fits

    return str(fits.getheader(path).get("HISTORY", ""))


def load_npy(path: Path, channels: tuple[int, ...]) -> list[np.ndarray]:
    array = np.load(path)
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    return list(native.reshape(-1, *SIZE, *channels))


def load_npz(path: Path) -> list[np.ndarray]:
    with np.load(path) as arrays:
        return [*arrays["stack"], arrays["one"]]


def npz_notes(path: Path) -> dict[str, Any]:
    with np.load(path) as arrays, zipfile.ZipFile(path) as archive:
        return {
            "axis": arrays["axis"].tobytes(),
            "names": sorted(arrays.files),
            "compressed": [member.compress_type for member in archive.infolist()],
        }


OTHERS = [
    *(
        Case(
            *("HEIF", depth, name, "EXIF, ICC, XMP, depth, chroma", "a.heic"),
            make_heif(mode, array),
            load_heif,
            heif_notes,
            tolerance=0.02,
            needs="pillow_heif",
            software=heif_software,
        )
        for depth, name, mode, array in [
            ("8 bit", "gray", "L", pixels("uint8")),
            ("8 bit", "colour", "RGB", pixels("uint8", (3,))),
            ("8 bit", "colour and alpha", "RGBA", pixels("uint8", (4,))),
            ("10 bit", "colour", "RGB;10", pixels("uint16", (3,)) >> 6),
            ("12 bit", "colour", "RGB;12", pixels("uint16", (3,)) >> 4),
        ]
    ),
    *(
        Case(
            *("EXR", dtype, name, "attributes, compression, all other channels", "a.exr"),
            make_exr(dtype, letters),
            load_exr(letters),
            exr_notes,
            needs="OpenEXR",
            software=exr_software,
        )
        for dtype, name, letters in [
            ("float16", "colour", "RGB"),
            ("float32", "colour", "RGB"),
            ("float16", "colour and alpha", "RGBA"),
            ("float32", "gray", "Y"),
        ]
    ),
    *(
        Case(
            *("FITS", dtype, "gray", "header, tables, all other extensions", "a.fits"),
            make_fits(pixels(dtype)),
            load_fits,
            fits_notes,
            needs="astropy",
            software=fits_software,
        )
        for dtype in ("uint8", "int16", "int32", "int64", "uint16", "float32", "float64")
    ),
    Case(
        *("FITS", "uint16", "cube", "header, tables, all other extensions", "a.fits"),
        make_fits(STACK.reshape(6, *SIZE)),
        load_fits,
        fits_notes,
        needs="astropy",
        software=fits_software,
    ),
    *(
        Case(
            *("NumPy .npy", array.dtype.name, name, "axes, byte order, memory order", "a.npy"),
            lambda path, array=array: np.save(path, array),
            lambda path, tail=tail: load_npy(path, tail),
            lambda path: {"header": path.read_bytes()[:128]},
        )
        for name, array, tail in [
            ("gray", pixels("float64"), ()),
            ("colour", pixels("uint8", (3,)), (3,)),
            ("colour and alpha", pixels("uint16", (4,)), (4,)),
            ("stack, big-endian", STACK.astype(">u2"), ()),
            ("gray, Fortran order", np.asfortranarray(pixels("float32")), ()),
        ]
    ),
    Case(
        *("NumPy .npz", "uint16, float32", "stack and gray", "names, other arrays", "a.npz"),
        lambda path: np.savez_compressed(
            path, stack=STACK[0], one=pixels("float32"), axis=np.arange(9.0)
        ),
        load_npz,
        npz_notes,
    ),
]

CASES = [*PILLOW, *TIFF, *OTHERS]


# Camera raw, which is read only


def make_dng(path: Path, orientation: int = 6) -> None:
    """A raw file of even colours, as LibRaw takes it: linear values under a Bayer pattern."""
    mosaic = np.full((64, 96), 20000, np.uint16)
    identity = (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)
    tags = [
        (50706, 1, 4, bytes([1, 4, 0, 0]), True),
        (50707, 1, 4, bytes([1, 1, 0, 0]), True),
        (50708, 2, 0, b"A camera", True),
        (271, 2, 0, b"Maker", True),
        (274, 3, 1, orientation, True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, bytes([0, 1, 1, 2]), True),
        (50717, 4, 1, 65535, True),
        (50721, 10, 9, identity, True),
        (50728, 5, 3, (1, 2, 1, 1, 1, 2), True),
        (50778, 3, 1, 21, True),
    ]
    tifffile.imwrite(path, mosaic, photometric=32803, metadata=None, software=False, extratags=tags)


def table() -> str:
    """The cases as a table in Markdown, one row for what differs in depth alone."""
    depths: dict[tuple[str, str], list[str]] = {}
    kept = {}
    for case in CASES:
        depths.setdefault((case.format, case.channels), []).append(case.depth)
        kept[case.format, case.channels] = case.kept, case.tolerance, case.software
    lines = ["| format | image | depth | pixels | also kept | making noted |", "|---" * 6 + "|"]
    for (format_, channels), found in depths.items():
        words, tolerance, software = kept[format_, channels]
        exact = "encoded anew" if tolerance else "exact"
        noted = "yes" if software else "no place"
        row = (format_, channels, ", ".join(found), exact, words, noted)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
