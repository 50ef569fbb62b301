"""Arrays larger than the memory, on one machine or many: Dask and Zarr."""

from vdn.scale.array import DenoisedArray, denoise_array

__all__ = ["DenoisedArray", "denoise_array"]
