"""Images as arrays and as files: dtype, range, channels, alpha, metadata. Never torch."""

from vdn.image.arrays import UnitImage, to_unit
from vdn.image.encoding import WriteOptions
from vdn.image.formats import output_suffix
from vdn.image.frame import Frame, FrameSpec
from vdn.image.limits import PIECE_LIMIT
from vdn.image.maps import create_map
from vdn.image.metadata import Metadata
from vdn.image.picture import Picture
from vdn.image.provenance import Provenance
from vdn.image.ranges import Range, find_ranges
from vdn.image.read import open_picture, read
from vdn.image.recognition import recognise
from vdn.image.write import copy, create_picture, write

__all__ = [
    "PIECE_LIMIT",
    "Frame",
    "FrameSpec",
    "Metadata",
    "Picture",
    "Provenance",
    "Range",
    "UnitImage",
    "WriteOptions",
    "copy",
    "create_map",
    "create_picture",
    "find_ranges",
    "open_picture",
    "output_suffix",
    "read",
    "recognise",
    "to_unit",
    "write",
]
