"""Images as arrays and as files: dtype, range, channels, alpha, metadata. Never torch."""

from vdn.image.arrays import UnitImage, to_unit
from vdn.image.metadata import Metadata
from vdn.image.picture import PIXEL_LIMIT, Picture
from vdn.image.read import read
from vdn.image.write import write

__all__ = ["PIXEL_LIMIT", "Metadata", "Picture", "UnitImage", "read", "to_unit", "write"]
