"""Arrays larger than the memory, on one machine or many: Dask and Zarr."""

from vdn.scale.array import DenoisedArray, denoise_array
from vdn.scale.files import denoise_to_zarr

__all__ = ["DenoisedArray", "denoise_array", "denoise_to_zarr"]
