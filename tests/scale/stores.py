"""OME-Zarr as other programs write it, small."""

import numpy as np
import zarr

__all__ = ["make_ome_zarr"]


def make_ome_zarr(path, pixels, version="0.5", *, chunks=None, shards=None, levels=2, colours=()):
    """Write pixels (c, z, y, x) with coarser levels of half the sides, and a label image."""
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    axes = [
        {"name": "c", "type": "channel"},
        *({"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"),
    ]
    datasets, level = [], pixels
    for index in range(levels):
        named = {"dimension_names": list("czyx")} if version == "0.5" else {}
        if version == "0.4":
            named["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
        array = group.create_array(
            f"s{index}",
            shape=level.shape,
            dtype=level.dtype,
            chunks=chunks or (1, 1, 64, 64),
            shards=shards,
            **named,
        )
        array[:] = level
        scale = [1.0, 2.0, 0.5 * 2**index, 0.5 * 2**index]
        datasets.append(
            {
                "path": f"s{index}",
                "coordinateTransformations": [{"type": "scale", "scale": scale}],
            }
        )
        level = level[..., ::2, ::2]
    ome = {
        "multiscales": [{"name": "cells", "axes": axes, "datasets": datasets, "type": "gaussian"}],
        "omero": {
            "channels": [
                {
                    "label": f"stain {number}",
                    "color": colours[number] if colours else "FFFFFF",
                    "active": True,
                    "window": {"min": 0, "max": 65535, "start": 10, "end": 900},
                }
                for number in range(len(pixels))
            ]
        },
    }
    if version == "0.5":
        group.attrs.update({"ome": {"version": "0.5", **ome}, "mine": {"kept": 1}})
    else:
        ome["multiscales"][0]["version"] = "0.4"
        group.attrs.update({**ome, "mine": {"kept": 1}})
    label = group.create_group("labels").create_array(
        "nuclei", shape=pixels.shape[-2:], dtype="u4", chunks=(64, 64)
    )
    label[:] = np.arange(label.size).reshape(label.shape)
    return path
