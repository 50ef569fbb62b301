"""Camera raw files, developed by LibRaw through rawpy (extra `raw`) to colour.

The development is neutral: white balance of the camera, demosaicing by AHD, no automatic
brightening, no sharpening, no noise reduction; highlights clipped; colours in sRGB with its tone
curve; 16 bits. There is no writer: the picture becomes a TIFF file with the sRGB profile.
"""

from pathlib import Path

from vdn.image.codecs.extras import missing_extra
from vdn.image.frame import Frame
from vdn.image.limits import check_piece
from vdn.image.metadata import Metadata, build_exif
from vdn.image.picture import Picture

__all__ = ["SUFFIXES", "open_file", "recognise"]

SUFFIXES = (
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".orf"),
    *(".rw2", ".raw", ".pef", ".srw", ".3fr", ".fff", ".iiq", ".mos", ".mrw", ".kdc", ".dcr"),
    *(".erf", ".mef", ".rwl", ".gpr", ".x3f"),
)
_SIGNATURES = (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb", b"\0MRM")
_TIFF = (b"II*\0", b"MM\0*")
_DIRECTORIES = (0x8769, 0x8825)  # EXIF, GPS
_ORIENTATION = 274
_PASSED_ON = (271, 272, 305, 306, 315, 33432)  # about the photograph, not about the raw pixels
_OF_THE_RAW_FILE = (0x927C, 0xA002, 0xA003, 0xA005)  # maker's notes, sizes, pointers
_ORIENTATIONS = {3: 3, 5: 8, 6: 6}  # LibRaw's numbers as EXIF's
_SRGB_CURVE = (2.4, 12.92)  # power and slope at black


def recognise(start: bytes, path: Path) -> bool:
    """Return whether a file is camera raw: most are TIFF inside, told apart by their extension."""
    if start.startswith(_SIGNATURES) or start[4:12] == b"ftypcrx ":
        return True
    if start[8:10] == b"CR" or start[6:14] == b"HEAPCCDR":
        return True
    return path.suffix.lower() in SUFFIXES and start.startswith(_TIFF)


def open_file(path: Path, limit: int) -> Picture:
    """Develop a camera raw file."""
    with missing_extra("camera raw", "raw"):
        import rawpy

    with rawpy.imread(str(path)) as raw:
        sizes = raw.sizes
        check_piece(sizes.width * sizes.height * 6, limit)
        orientation = _ORIENTATIONS.get(sizes.flip, 1)
        pixels = raw.postprocess(
            demosaic_algorithm=rawpy.DemosaicAlgorithm.AHD,
            use_camera_wb=True,
            no_auto_bright=True,
            highlight_mode=rawpy.HighlightMode.Clip,
            output_color=rawpy.ColorSpace.sRGB,
            gamma=_SRGB_CURVE,
            output_bps=16,
            user_flip=0,  # pixels as stored; the metadata says how to turn them
        )
    metadata = Metadata(exif=_exif(path, orientation), icc=_srgb_profile())
    return Picture([Frame.of(pixels)], metadata, "raw", path)


def _exif(path: Path, orientation: int) -> bytes:
    """Return what the file says about the photograph; LibRaw turns nothing, so it can be kept."""
    from PIL import Image

    exif = Image.Exif()
    with path.open("rb") as file:
        if not file.read(4).startswith(_TIFF):
            return build_exif({_ORIENTATION: orientation}, {})
        file.seek(0)
        exif.load_from_fp(file)
        tags = {code: exif[code] for code in _PASSED_ON if code in exif}
        directories = {code: dict(exif.get_ifd(code)) for code in _DIRECTORIES}
    for code in _OF_THE_RAW_FILE:
        directories[_DIRECTORIES[0]].pop(code, None)
    found = {code: below for code, below in directories.items() if below}
    return build_exif({**tags, _ORIENTATION: orientation}, found)


def _srgb_profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
